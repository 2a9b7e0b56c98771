"""What all customers together were charged for usage, and what it cost at the upstreams, by day."""

from dataclasses import dataclass
from datetime import date, tzinfo
from typing import Any

from django.db.models import Sum
from django.db.models.functions import TruncDate

from billing.models import UsageHour, UsageRecord
from billing.rollups import EARNED, EARNED_ROW_SUMS, created_in, rolled_until
from billing.spans import Span, split


@dataclass(frozen=True, slots=True)
class Earned:
    """Nano-dollars. `costed_charge` is the part of `charge` whose `cost` is known."""

    charge: int = 0
    cost: int = 0
    costed_charge: int = 0

    def __add__(self, other: "Earned") -> "Earned":
        return Earned(self.charge + other.charge, self.cost + other.cost, self.costed_charge + other.costed_charge)

    @property
    def margin(self) -> int:
        """What is left of what was charged, where the cost is known."""
        return self.costed_charge - self.cost


def earned_by_day(span: Span, zone: tzinfo) -> dict[date, Earned]:
    """The days of the span that have usage, by the zone's calendar; a rolled-up hour counts in the day it starts in.

    At most four statements: the mark, the sums of hours, the rows at either end.
    """
    parts = split(span, rolled_until=rolled_until())
    found: dict[date, Earned] = {}
    rolled = UsageHour.objects.filter(hour__gte=parts.hours.start, hour__lt=parts.hours.end)
    sources = [] if parts.hours.is_empty else [_daily(rolled, "hour", zone, {f"sum_{one}": Sum(one) for one in EARNED})]
    sources += [
        _daily(UsageRecord.objects.filter(created_in(edge)), "created_at", zone, EARNED_ROW_SUMS)
        for edge in parts.edges
    ]
    for day, *sums in (row for source in sources for row in source):
        found[day] = found.get(day, Earned()) + Earned(*(int(value or 0) for value in sums))
    return found


def _daily(source: Any, moment: str, zone: tzinfo, sums: dict[str, Any]) -> Any:
    days = source.order_by().annotate(day=TruncDate(moment, tzinfo=zone)).values("day")
    return days.annotate(**sums).values_list("day", *(f"sum_{name}" for name in EARNED))
