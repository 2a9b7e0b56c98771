"""How the calls of the last minutes fared at each channel, read from the attempts on their records.

Circuits live in the serving processes, each by what it saw itself, so this shows what they go by and not what they
decided: a model with so many failures in a row is one that processes leave alone and try again now and then.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.utils import timezone

from billing.models import UsageRecord
from config.kernel.ids import first_uuid7_of
from relay.blame import Blame, blame_of
from relay.health import FAILURES_IN_A_ROW

LOOK_BACK: Final = timedelta(minutes=15)
CALLS: Final = 2_000  # of all channels, the latest
SHOWN: Final = 5

_Reason = UsageRecord.EndReason
_BROKEN_OFF: Final = frozenset({_Reason.UPSTREAM_ERROR, _Reason.UPSTREAM_TIMEOUT, _Reason.TRUNCATED})


@dataclass(frozen=True, slots=True)
class Tried:
    """One attempt at the channel; `error` is empty where it answered, `status` None where nothing did."""

    at: datetime
    model: str
    status: int | None
    error: str
    reason: str
    blame: Blame | None

    @property
    def is_failure(self) -> bool:
        """Whether a circuit counts it."""
        return self.blame is Blame.CHANNEL


@dataclass(slots=True)
class Fared:
    """A model's attempts; `in_a_row` counts the failures since the last answer."""

    model: str
    answered: int = 0
    failed: int = 0
    limited: int = 0
    in_a_row: int = 0
    latest: datetime | None = None

    @property
    def is_left_alone(self) -> bool:
        """Whether processes that saw these failures have opened their circuits."""
        return self.in_a_row >= FAILURES_IN_A_ROW

    def count(self, tried: Tried) -> None:
        """The next one, in their order of time."""
        self.latest = tried.at
        self.limited += tried.blame is Blame.LIMIT
        self.failed += tried.is_failure
        if tried.blame is None:
            self.answered += 1
        if tried.is_failure:
            self.in_a_row += 1
        elif tried.blame in (None, Blame.CALLER):
            self.in_a_row = 0


@dataclass(frozen=True, slots=True)
class ChannelLog:
    """What there is to show of a channel; `failures` are the latest, newest first."""

    models: list[Fared] = field(default_factory=list)
    failures: list[Tried] = field(default_factory=list)


def channel_log(name: str) -> ChannelLog:
    """The log of the channel of this name."""
    models: dict[str, Fared] = {}
    failures: list[Tried] = []
    for tried in _attempts(name):
        models.setdefault(tried.model, Fared(tried.model)).count(tried)
        if tried.blame is not None:
            failures.append(tried)
    return ChannelLog(sorted(models.values(), key=lambda fared: fared.model), failures[: -SHOWN - 1 : -1])


def _attempts(name: str) -> Iterator[Tried]:
    """Those at the channel, oldest first."""
    lately = UsageRecord.objects.filter(id__gte=first_uuid7_of(timezone.now() - LOOK_BACK)).order_by("-id")
    columns = ("created_at", "model", "end_reason", "attempts")
    for at, model, end_reason, attempts in reversed(lately.values_list(*columns)[:CALLS]):
        for number, attempt in enumerate(attempts, 1):
            if attempt.get("channel") == name:
                is_broken_off = number == len(attempts) and end_reason in _BROKEN_OFF
                yield _tried(at, model, attempt, is_broken_off=is_broken_off)


def _tried(at: datetime, model: str, attempt: dict[str, Any], *, is_broken_off: bool) -> Tried:
    status, error = attempt.get("status"), attempt.get("error", "")
    blame = blame_of(status, code=error, message=attempt.get("reason")) if error else None
    if is_broken_off and not error:
        blame, error = Blame.CHANNEL, "broke_off"
    return Tried(at, model, status, error, attempt.get("reason", ""), blame)
