"""Seeds of second factors at rest: sealed like every secret that has to be read back, so that a copy of the database
signs nobody in."""

from base64 import b64decode, b64encode
from typing import Final

from django.conf import settings

from config.kernel.sealing import seal, unseal

_MARK: Final = "sealed:"  # no seed begins so: they are base32 and hexadecimal
_PURPOSE: Final = "second factor"
_CONTEXT: Final = "authenticator"  # allauth's hooks do not know whose it is


def sealed_seed(seed: str) -> str:
    """Text for the database."""
    sealed = seal(seed, master=settings.SEALING_KEY, purpose=_PURPOSE, context=_CONTEXT)
    return _MARK + b64encode(sealed).decode()


def open_seed(kept: str) -> str:
    """What was sealed; a seed in clear as it is, for one may have come from an earlier release meanwhile.

    Raises SealBroken when it was sealed under another master key.
    """
    if not kept.startswith(_MARK):
        return kept
    sealed = b64decode(kept.removeprefix(_MARK))
    return unseal(sealed, master=settings.SEALING_KEY, purpose=_PURPOSE, context=_CONTEXT)
