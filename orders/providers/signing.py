"""Signatures over sorted `name=value` pairs, as the gateways of this family make them, and what their keys must be.

The values are signed as they are, not URL-encoded. So `a=1&b=2` may be one field or two: whoever reads such a message
has to refuse `&` and `=` inside a value (see `forms`), or a signature made for one message fits another.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Collection, Iterable, Mapping

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key
from django.utils.translation import gettext as _

LEAST_SECRET_CHARACTERS = 16
LEAST_RSA_BITS = 2048
_LEAST_DIFFERENT_CHARACTERS = 5
_MD5 = re.compile(r"[0-9a-f]{32}")
_ARMOUR = re.compile(r"-----[A-Z ]{1,40}-----|\s")

# SHA-256 of secrets, in lower case, that public sample code and gateway manuals print: anybody can sign with them.
_SAMPLES = frozenset(
    {
        "275b2a1604fd881d18258b5069aa01960acb61aa318bf1b7a3bc05e7a8a83fbc",  # xunhupay's PHP samples, test account
        "e18dcba010e41c8925ca9eb204f5566e42a7562e56e4d9d50ce73a5f729959fd",  # their second test account
        "37faaf8242527748be2d8c0f054e8f7fc24ea48d49382001bfdf849ec26b685e",  # the test account of its shop plugins
        "b159c0cf0f46c756be7b2aaffb15c795a9e4e9332466298ecbf0b66c0dc1db86",  # a Python port of its samples
        "ff00310b699f8fe465ef693a01d58bca06bf2cf6804769a906a4ec5d312143c1",  # EPay's PHP samples, merchant 1000
        "a93abb01c49341c25617ac78270f8663d4fd8a3ee97607be38e424668f16f6bf",  # EPay's manuals, merchant 1001
    }
)


def signed_text(fields: Mapping[str, str], *, without: Collection[str]) -> str:
    """What is signed: names in byte order, values as they are, empty ones and those `without` left out."""
    return "&".join(f"{name}={fields[name]}" for name in sorted(fields) if fields[name] and name not in without)


# ── MD5 with a shared secret ─────────────────────────────────────────────────


def md5_signature(text: str, secret: str) -> str:
    """Lower-case hex. The secret follows the text with nothing between."""
    return hashlib.md5((text + secret).encode(), usedforsecurity=False).hexdigest()


def is_md5_signature(given: str, text: str, secrets: Iterable[str]) -> bool:
    """Whether one of the secrets made it. Upper-case hex is refused, and so is everything where there is no secret."""
    if not _MD5.fullmatch(given):
        return False
    return any(hmac.compare_digest(given, md5_signature(text, secret)) for secret in secrets if secret)


def secret_problem(secret: str) -> str:
    """What is wrong with a shared secret, for the operator; empty for a proper one."""
    if not secret:
        return _("The secret is missing.")
    if len(secret) < LEAST_SECRET_CHARACTERS:
        return _("The secret is shorter than %(count)d characters.") % {"count": LEAST_SECRET_CHARACTERS}
    if hashlib.sha256(secret.lower().encode()).hexdigest() in _SAMPLES:
        return _("This secret is printed in public sample code: anybody could sign with it. Enter your own.")
    if len(set(secret.lower())) < _LEAST_DIFFERENT_CHARACTERS:
        return _("The secret repeats few characters and could be guessed.")
    return ""


# ── RSA with SHA-256, PKCS#1 v1.5 ────────────────────────────────────────────


def rsa_signature(text: str, key: RSAPrivateKey) -> str:
    """Base64."""
    return base64.b64encode(key.sign(text.encode(), PKCS1v15(), SHA256())).decode()


def is_rsa_signature(given: str, text: str, keys: Iterable[RSAPublicKey]) -> bool:
    """Whether the holder of one of the keys made it."""
    try:
        signature = base64.b64decode(given, validate=True)
    except ValueError:
        return False
    return any(_fits(signature, text, key) for key in keys)


def private_key(text: str) -> RSAPrivateKey:
    """From PEM or, as gateways show it, the bare base64 of PKCS#8 or PKCS#1. Raises ValueError."""
    # The full check of a key takes a tenth of a second, on every page that offers the account. A key that is wrong
    # signs nothing that the gateway accepts, and it is the operator who enters it.
    key = _loaded(lambda: load_der_private_key(_der(text), password=None, unsafe_skip_rsa_key_validation=True))
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("no RSA key")  # noqa: TRY004 - it is the text that is wrong, not the type of an argument
    return key


def public_key(text: str) -> RSAPublicKey:
    """From PEM or bare base64. Raises ValueError."""
    key = _loaded(lambda: load_der_public_key(_der(text)))
    if not isinstance(key, RSAPublicKey):
        raise ValueError("no RSA key")  # noqa: TRY004
    return key


def _loaded(load: Callable[[], object]) -> object:
    """What was read, or None. Its errors may quote the key; a TypeError says that it is encrypted."""
    try:
        return load()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None


def _der(text: str) -> bytes:
    return base64.b64decode(_ARMOUR.sub("", text), validate=True)


def _fits(signature: bytes, text: str, key: RSAPublicKey) -> bool:
    try:
        key.verify(signature, text.encode(), PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True
