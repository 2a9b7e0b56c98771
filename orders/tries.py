"""How often one may guess wrong, counted in the cache by whoever guesses and from where."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from django.core.cache import cache
from django.utils.translation import ngettext

from config.kernel.errors import RateLimited

logger = logging.getLogger("tollbooth.payments")

WINDOW_SECONDS = 15 * 60


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many wrong tries under one key in a window."""

    key: str
    limit: int


def network_of(address: str) -> str:
    """An address as one guesser: of IPv6 everybody has at least a /64."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(int(parsed) >> 64) if isinstance(parsed, IPv6Address) else address


@contextmanager
def counted(*allowances: Allowance, wrong: type[Exception]) -> Iterator[None]:
    """Let one try through, counted before it is made: guesses at the same time cannot all be the last.

    It stays counted when it raises `wrong`. Raises RateLimited when there was one too many.
    """
    counts = [_count(allowance) for allowance in allowances]
    if any(count > allowance.limit for count, allowance in zip(counts, allowances, strict=True)):
        raise RateLimited(_sentence(), retry_after=WINDOW_SECONDS)
    is_wrong = False
    try:
        yield
    except wrong:
        is_wrong = True
        raise
    finally:
        if not is_wrong:
            _forget(allowances)


def _sentence() -> str:
    minutes = WINDOW_SECONDS // 60
    return ngettext(
        "Too many wrong tries. Please wait %(minutes)s minute.",
        "Too many wrong tries. Please wait %(minutes)s minutes.",
        minutes,
    ) % {"minutes": minutes}


def _count(allowance: Allowance) -> int:
    """The tries of this window, this one included. A cache that is away counts nothing: codes cannot be guessed."""
    try:
        cache.add(allowance.key, 0, WINDOW_SECONDS)
        return int(cache.incr(allowance.key))
    except Exception:
        logger.exception("wrong tries could not be counted")
        return 0


def _forget(allowances: tuple[Allowance, ...]) -> None:
    for allowance in allowances:
        try:
            cache.decr(allowance.key)
        except Exception:
            logger.exception("a right try could not be taken from the count")
