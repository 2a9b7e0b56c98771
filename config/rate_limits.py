"""How often one may ask the site API and the public pages in a minute: counted in Django's cache, by what it is about.

A limit is a name in `settings.API_RATE_LIMITS`. What is counted is hashed with the pepper first: keys and e-mails are
never in the cache in clear.
"""

import logging
from time import time
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from config.client_address import Address, client_address
from config.kernel.sealing import keyed_hash

if TYPE_CHECKING:
    from rest_framework.views import APIView  # which imports this module

logger = logging.getLogger("tollbooth.api")

WINDOW = 60
_V6_CUSTOMER = 64  # bits: who has one IPv6 address has the rest of its network as well


class AddressThrottle(BaseThrottle):
    """DRF throttle by client address: the limit "address", and the one that the view names as `address_limit`."""

    _waiting = 0

    def allow_request(self, request: Request, view: "APIView") -> bool:
        subject = network_of(client_address(request._request))
        names = {"address", getattr(view, "address_limit", "address")}
        self._waiting = max(seconds_to_wait(name, subject) for name in sorted(names))
        return self._waiting == 0

    def wait(self) -> float:
        return self._waiting


def limit(name: str, subject: str) -> None:
    """Count one request about a key or an order. Raises Throttled."""
    waiting = seconds_to_wait(name, subject)
    if waiting:
        raise Throttled(wait=waiting)


def seconds_to_wait(name: str, subject: str) -> int:
    """Count one request; 0 while there are not too many in this minute, else the seconds until the next.

    A cache that is away limits nobody: buying has to go on.
    """
    now = time()
    digest = keyed_hash(f"{name}:{subject}", pepper=settings.KEY_PEPPER).hex()
    try:
        count = _counted(f"rate:{digest}:{int(now // WINDOW)}")
    except RedisError:
        logger.exception("the cache is away: requests are not limited")
        return 0
    return 0 if count <= settings.API_RATE_LIMITS[name] else max(1, int(WINDOW - now % WINDOW))


def _counted(key: str) -> int:
    """Atomic: of requests at once each gets a count of its own."""
    cache.add(key, 0, timeout=2 * WINDOW)
    try:
        return cache.incr(key)
    except ValueError:  # thrown out of a full cache in between
        return 1


def network_of(address: Address | None) -> str:
    """A visitor, as limits count them."""
    if address is None or address.version == 4:
        return str(address)
    return (int(address) >> (128 - _V6_CUSTOMER)).to_bytes(8).hex()
