"""Stops a request that comes back: a channel whose base URL leads, on whatever way, to this installation.

Each relayed request carries a mark of the installation. The mark says nothing else: it is the same for all of its
customers, and nobody can tell from it whose it is.
"""

import hashlib
import hmac
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest

from config.kernel.errors import LoopDetected

HOP_HEADER = "X-Tollbooth-Hop"
_PURPOSE = b"relay hop"


def own_mark() -> str:
    """What this installation writes into HOP_HEADER; the same in each of its processes."""
    return _mark_of(settings.SECRET_KEY)


@lru_cache
def _mark_of(secret: str) -> str:
    return hmac.new(secret.encode(), _PURPOSE, hashlib.sha256).hexdigest()[:24]


def refuse_return(request: HttpRequest) -> None:
    """Raises LoopDetected for a request that this installation itself has sent."""
    mark = request.META.get("HTTP_X_TOLLBOOTH_HOP")
    if mark is not None and hmac.compare_digest(mark.encode(), own_mark().encode()):
        raise LoopDetected("This request came back to where it was sent from: the channel's base URL leads here.")
