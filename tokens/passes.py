"""A pass: for a minute, leave to call the relay as one token, for pages of ours that must never hold a key.

It names the token, and a group where it runs in another one than its own; who makes one has checked both. It is signed
and not stored: what is asked of a key (enabled, not deleted, its owner not suspended) is asked when it is used.
"""

from dataclasses import dataclass

from django.core.signing import BadSignature, SignatureExpired, TimestampSigner

from config.kernel.errors import NotAuthenticated
from tokens import refusals
from tokens.models import Group, Token

PREFIX = "pass-"
VALID_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Pass:
    """What a pass says. `group` is a code, empty for the token's own group."""

    token: str
    group: str


def is_pass(credential: str) -> bool:
    """Whether this is to be read as a pass: no key begins like one."""
    return credential.startswith(PREFIX)


def write_pass(token: Token, *, group: Group | None = None) -> str:
    """Leave to call as this token of the user who is asking, in a group that is open to them."""
    return PREFIX + _signer().sign_object([token.public_id, group.code if group else ""])


def read_pass(text: str) -> Pass:
    """What it says. Raises NotAuthenticated when it was made elsewhere or is older than a minute."""
    try:
        token, group = _signer().unsign_object(text.removeprefix(PREFIX), max_age=VALID_SECONDS)
    except SignatureExpired:
        raise NotAuthenticated("This pass has expired. Please send the message again.", code="pass_expired") from None
    except (BadSignature, ValueError):
        raise refusals.unknown() from None
    return Pass(token, group)


def _signer() -> TimestampSigner:
    return TimestampSigner(salt="tokens.pass")
