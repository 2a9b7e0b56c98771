"""What the Dashboard shows: every function takes the user first and sees only what is theirs."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from enum import StrEnum
from statistics import median_low
from typing import Any, TypeVar

from allauth.account.models import EmailAddress

from accounts.models import User
from billing.models import UsageRecord
from billing.rollups import created_in, rolled_until
from billing.spans import Span, days_earlier, days_of, hours_of, last_days, last_hours
from billing.totals import (
    BY_HOUR,
    BY_MODEL,
    BY_TOKEN,
    Costs,
    Fresh,
    Scope,
    Totals,
    by_day,
    charges,
    costs_by,
    fresh,
    totals,
    totals_by,
)
from config.kernel.money import PPM, NanoUSD
from tokens.models import Token

T = TypeVar("T", int, str)
TOP_MODELS = 5
TOP_KEYS = 5
RECENT = 8
FIRST_BYTE_SAMPLE = 200
LOW_RUNWAY_DAYS = 3
PACE_DAYS = 7
MINUTES_PER_DAY = 24 * 60


class Period(StrEnum):
    """The range switch."""

    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"
    QUARTER = "90d"

    @property
    def days(self) -> int:
        return {"24h": 1, "7d": 7, "30d": 30, "90d": 90}[self]

    @property
    def is_hourly(self) -> bool:
        return self is Period.DAY

    def span(self, *, now: datetime, zone: tzinfo) -> Span:
        """Clock hours for a day, local days for more; both with the running one."""
        return last_hours(24, now=now) if self.is_hourly else last_days(self.days, now=now, zone=zone)


@dataclass(frozen=True, slots=True)
class Change:
    """A figure beside the same figure of the stretch before."""

    now: int
    before: int

    @property
    def ppm(self) -> int | None:
        """Growth in parts per million; None where there was nothing to grow from."""
        return (self.now - self.before) * PPM // self.before if self.before else None


@dataclass(frozen=True, slots=True)
class Funds:
    """The wallet, and for how long it lasts at the pace of the last seven days (None: nothing was spent)."""

    balance: NanoUSD
    held: NanoUSD
    runway_days: int | None

    @property
    def available(self) -> NanoUSD:
        return NanoUSD(self.balance - self.held)

    @property
    def is_empty(self) -> bool:
        return self.available <= 0

    @property
    def is_low(self) -> bool:
        return not self.is_empty and self.runway_days is not None and self.runway_days < LOW_RUNWAY_DAYS


@dataclass(frozen=True, slots=True)
class Spend:
    """Nano-dollars of today, 7 and 30 local days, each against the same stretch before."""

    today: Change
    week: Change
    month: Change
    week_minutes: float


@dataclass(frozen=True, slots=True)
class Share:
    """A model, a key, or (without a name) all others: its costs and its part of the spend in parts per million."""

    name: str
    costs: Costs
    ppm: int
    public_id: str = ""


@dataclass(frozen=True, slots=True)
class Bucket:
    """An hour (its start) or a local day: its sums, and its charges in the order of `PeriodUsage.models`."""

    at: datetime | date
    totals: Totals
    charges: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PeriodUsage:
    """One period, the sums of the one before, models by spend (the last may be all others), and buckets of time."""

    totals: Totals
    before: Totals
    models: tuple[Share, ...]
    buckets: tuple[Bucket, ...]
    first_byte_ms: int | None

    @property
    def charge(self) -> Change:
        return Change(self.totals.charge, self.before.charge)

    @property
    def requests(self) -> Change:
        return Change(self.totals.requests, self.before.requests)

    @property
    def tokens(self) -> Change:
        return Change(self.totals.tokens, self.before.tokens)


@dataclass(frozen=True, slots=True)
class FirstSteps:
    """The getting-started checklist."""

    has_verified: bool
    has_token: bool


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Everything the page shows. `first_steps` is None once a call has succeeded; `sample_model` was used most."""

    funds: Funds
    spend: Spend
    usage: PeriodUsage
    top_keys: tuple[Share, ...]
    recent: tuple[UsageRecord, ...]
    first_steps: FirstSteps | None
    sample_model: str


def dashboard(user: User, *, period: Period, now: datetime, zone: tzinfo) -> Dashboard:
    """All figures of the page at one moment. The number of statements does not depend on the amount of usage."""
    mark = rolled_until()
    known = fresh(Scope(user.pk), BY_HOUR, by_day(zone), BY_MODEL, BY_TOKEN, now=now, mark=mark)
    spend = spend_of(user, now=now, zone=zone, mark=mark, known=known)
    usage = usage_of(user, period=period, now=now, zone=zone, mark=mark, known=known)
    return Dashboard(
        funds=funds_of(user, spend),
        spend=spend,
        usage=usage,
        top_keys=top_keys(user, span=period.span(now=now, zone=zone), mark=mark, known=known),
        recent=recent_requests(user),
        first_steps=first_steps(user),
        sample_model=usage.models[0].name if usage.models else "",
    )


def spend_of(user: User, *, now: datetime, zone: tzinfo, mark: datetime | None, known: Fresh | None = None) -> Spend:
    """What was spent today, in 7 and in 30 days."""
    stretches = {days: last_days(days, now=now, zone=zone) for days in (1, PACE_DAYS, 30)}
    spans = [s for days, span in stretches.items() for s in (span, days_earlier(span, days, zone=zone))]
    costs = charges(Scope(user.pk), spans, mark=mark, known=known)
    today, week, month = (Change(*pair) for pair in zip(costs[::2], costs[1::2], strict=True))
    return Spend(today, week, month, week_minutes=stretches[PACE_DAYS].minutes)


def funds_of(user: User, spend: Spend) -> Funds:
    """The wallet and its runway."""
    wallet = user.wallet
    days = None
    if spend.week.now:
        days = int(max(wallet.available, 0) * int(spend.week_minutes) // (spend.week.now * MINUTES_PER_DAY))
    return Funds(NanoUSD(wallet.balance), NanoUSD(wallet.held), days)


def usage_of(
    user: User, *, period: Period, now: datetime, zone: tzinfo, mark: datetime | None, known: Fresh | None
) -> PeriodUsage:
    """One period by bucket, its costs also by model, and the period before, from a statement each."""
    scope, span = Scope(user.pk), period.span(now=now, zone=zone)
    bucket = BY_HOUR if period.is_hourly else by_day(zone)
    sums = totals_by(scope, span, bucket, mark=mark, known=known)
    cells = costs_by(scope, span, bucket, BY_MODEL, mark=mark, known=known)
    models, names = _ranked_models(cells)
    costs = _costs_of_buckets(cells, names, width=len(models))
    moments: Iterable[Any] = hours_of(span) if period.is_hourly else days_of(span, zone)
    return PeriodUsage(
        totals=sum(sums.values(), Totals()),
        before=totals(scope, days_earlier(span, period.days, zone=zone), mark=mark),
        models=models,
        buckets=tuple(Bucket(at, sums.get((at,), Totals()), tuple(costs[at])) for at in moments),
        first_byte_ms=first_byte_median(user, span=span),
    )


def _ranked_models(cells: dict[tuple[Any, ...], Costs]) -> tuple[tuple[Share, ...], list[str]]:
    """The models by spend, all but the first ones as one, and the names of those first ones."""
    by_model: defaultdict[str, list[Costs]] = defaultdict(list)
    for (_bucket, model), costs in cells.items():
        by_model[model].append(costs)
    ranked = _ranked({name: _sum(costs) for name, costs in by_model.items()})
    whole = sum(costs.charge for _name, costs in ranked)
    shares = [_share(name, costs, whole) for name, costs in ranked[:TOP_MODELS]]
    if rest := ranked[TOP_MODELS:]:
        shares.append(_share("", _sum(costs for _name, costs in rest), whole))
    return tuple(shares), [name for name, _costs in ranked[:TOP_MODELS]]


def _ranked(costs_of: Mapping[T, Costs]) -> list[tuple[T, Costs]]:
    """By spend, then by requests."""
    return sorted(costs_of.items(), key=lambda item: (-item[1].charge, -item[1].requests, item[0]))


def _sum(costs: Iterable[Costs]) -> Costs:
    return Costs(*map(sum, zip(*costs, strict=True)))


def _share(name: str, costs: Costs, whole: int, public_id: str = "") -> Share:
    return Share(name, costs, costs.charge * PPM // whole if whole else 0, public_id)


def _costs_of_buckets(
    cells: dict[tuple[Any, ...], Costs], names: list[str], *, width: int
) -> defaultdict[Any, list[int]]:
    """Charges by model for each bucket that has any; models that have no name of their own stand last."""
    column = {name: position for position, name in enumerate(names)}
    found: defaultdict[Any, list[int]] = defaultdict(lambda: [0] * width)
    for (at, model), costs in cells.items():
        found[at][column.get(model, width - 1)] += costs.charge
    return found


def first_byte_median(user: User, *, span: Span) -> int | None:
    """Milliseconds, over the latest finished requests of a span that had a first byte."""
    finished = UsageRecord.objects.filter(created_in(span), user=user).exclude(status=UsageRecord.Status.OPEN)
    times = finished.order_by("-id").values_list("first_byte_ms", flat=True)[:FIRST_BYTE_SAMPLE]
    known = [time for time in times if time is not None]
    return median_low(known) if known else None


def top_keys(user: User, *, span: Span, mark: datetime | None, known: Fresh | None) -> tuple[Share, ...]:
    """The keys that spent most in a span, deleted ones too."""
    by_token = costs_by(Scope(user.pk), span, BY_TOKEN, mark=mark, known=known)
    ranked = _ranked({key: costs for (key,), costs in by_token.items()})
    whole = sum(costs.charge for _key, costs in ranked)
    tokens = Token.objects.filter(user=user).in_bulk([key for key, _costs in ranked[:TOP_KEYS]])
    return tuple(_share(tokens[key].name, costs, whole, tokens[key].public_id) for key, costs in ranked[:TOP_KEYS])


def recent_requests(user: User) -> tuple[UsageRecord, ...]:
    """The latest requests, running ones too."""
    return tuple(UsageRecord.objects.filter(user=user).order_by("-id")[:RECENT])


def first_steps(user: User) -> FirstSteps | None:
    """What is still to do before the first call; None when one has succeeded."""
    if UsageRecord.objects.filter(user=user, status=UsageRecord.Status.SETTLED).exists():
        return None
    return FirstSteps(
        has_verified=EmailAddress.objects.filter(user=user, verified=True).exists(),
        has_token=Token.objects.owned_by(user).exists(),
    )
