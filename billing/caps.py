"""What a key spends in a day and a month, and its caps. Pure: locked counters in, changed counters out.

A hold counts in the UTC day of its request until it is settled, its charge counts there after that. The day never goes
back: under a clock that jumps back, holds count in the latest day there was.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from config.kernel.errors import DomainError
from tokens import refusals


@dataclass(slots=True)
class Spending:
    """A token's counters under lock, in nano-dollars; a cap of None does not limit."""

    day: date | None
    day_spent: int
    month_spent: int
    daily_cap: int | None
    monthly_cap: int | None

    def turn(self, today: date) -> None:
        """Begin a new day, and month, if one has begun."""
        if self.day is not None and today <= self.day:
            return
        if self.day is None or first_of_month(today) != first_of_month(self.day):
            self.month_spent = 0
        self.day, self.day_spent = today, 0

    def left(self) -> int | None:
        """What both caps still allow; None where there is none."""
        caps = ((self.daily_cap, self.day_spent), (self.monthly_cap, self.month_spent))
        return min((cap - spent for cap, spent in caps if cap is not None), default=None)

    def refusal(self, amount: int) -> DomainError | None:
        """Why the amount may not be set aside now; of two caps, the one that takes longer to reset."""
        assert self.day is not None
        if self.monthly_cap is not None and self.month_spent + amount > self.monthly_cap:
            return refusals.capped(period="monthly", cap=self.monthly_cap, resets_on=next_month(self.day))
        if self.daily_cap is not None and self.day_spent + amount > self.daily_cap:
            return refusals.capped(period="daily", cap=self.daily_cap, resets_on=self.day + timedelta(days=1))
        return None

    def add(self, amount: int, *, counted_on: date | None) -> None:
        """Count more (or, at a settlement, less) where the hold was counted, as long as that is still counted."""
        if self.day is None or counted_on is None:
            return
        if counted_on == self.day:
            self.day_spent += amount
        if first_of_month(counted_on) == first_of_month(self.day):
            self.month_spent += amount


def first_of_month(day: date) -> date:
    return day.replace(day=1)


def next_month(day: date) -> date:
    """The first day of the month after."""
    return first_of_month(first_of_month(day) + timedelta(days=31))
