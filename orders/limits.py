"""How often one visitor may try something, counted in Django's cache over fixed windows."""

import logging
from dataclasses import dataclass
from time import time

from allauth.account.adapter import get_adapter
from django.core.cache import cache
from django.http import HttpRequest

logger = logging.getLogger("tollbooth.payments")


@dataclass(frozen=True, slots=True)
class Limit:
    """So many times in so many seconds."""

    action: str
    times: int
    seconds: int

    def allows(self, who: str) -> bool:
        """Count one try of this address, order or key. A cache that is away refuses nobody."""
        window = f"limit:{self.action}:{who}:{int(time()) // self.seconds}"
        try:
            cache.add(window, 0, self.seconds)
            return bool(cache.incr(window) <= self.times)
        except Exception:  # whatever a cache back-end raises, and ValueError for a count that was evicted meanwhile
            logger.exception("tries could not be counted")
            return True


def address_of(request: HttpRequest) -> str:
    """Who asks: the peer's address, or what the last trusted proxy wrote."""
    return str(get_adapter().get_client_ip(request))


ORDERING = Limit("order", 20, 600)
LOOKING_UP = Limit("find", 20, 600)
KEYS = Limit("key", 20, 600)
CHECKING = Limit("check", 1, 4)
RESENDING = Limit("resend", 3, 600)
