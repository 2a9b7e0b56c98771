"""How selling goes, for the operator: what came in and went back, what was sold, used and paid for, what is stuck."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo

from django.db.models import Count, Exists, F, Min, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from billing.earnings import Earned, earned_by_day
from billing.spans import Span, days_of, last_days
from config.kernel.money import PPM
from orders.models import Order, Payment, ProviderAccount, Refund, WebhookEvent
from orders.payments.settling import Verdict
from orders.providers.base import EventKind
from orders.providers.free import Free
from orders.providers.manual import Manual

_ACCEPTED = Q(state=Payment.State.ACCEPTED)
_REPORTS_NOTHING = (Manual.name, Free.name)


@dataclass(slots=True)
class Taken:
    """Minor units of one currency: what arrived, and what of it (or of earlier payments) was given back."""

    paid: int = 0
    refunded: int = 0

    @property
    def kept(self) -> int:
        return self.paid - self.refunded


@dataclass(slots=True)
class Day:
    """One local day, or the whole of them. `credit` is what was sold, in nano-dollars."""

    on: date | None = None
    taken: defaultdict[str, Taken] = field(default_factory=lambda: defaultdict(Taken))
    credit: int = 0
    earned: Earned = field(default_factory=Earned)


@dataclass(frozen=True, slots=True)
class Business:
    """What the page shows. `polled_ppm` is the share of payments that no message told us of first; None of none."""

    days: list[Day]
    whole: Day
    currencies: list[str]
    statuses: dict[str, int]
    polled_ppm: int | None
    oldest_message: timedelta | None


def business(*, days: int, now: datetime, zone: tzinfo) -> Business:
    """The last `days` local days, today included, in a number of statements that does not depend on them."""
    span = last_days(days, now=now, zone=zone)
    by_day = {day: Day(day) for day in days_of(span, zone)}
    _add_payments(by_day, span, zone)
    _add_refunds(by_day, span, zone)
    for day, earned in earned_by_day(span, zone).items():
        by_day[day].earned = earned
    return Business(
        days=list(by_day.values()),
        whole=_sum_of(by_day.values()),
        currencies=sorted({currency for day in by_day.values() for currency in day.taken}),
        statuses=_statuses(span),
        polled_ppm=_polled_ppm(span),
        oldest_message=_oldest_message(now),
    )


def _payments(span: Span) -> "QuerySet[Payment]":
    # Of each account: that is how the index finds them.
    accounts = list(ProviderAccount.objects.values_list("pk", flat=True))
    return Payment.objects.filter(account_id__in=accounts, paid_at__gte=span.start, paid_at__lt=span.end)


def _add_payments(by_day: dict[date, Day], span: Span, zone: tzinfo) -> None:
    credit = Sum(F("order__base_credit") + F("order__bonus_credit"), filter=_ACCEPTED, default=0)
    rows = _payments(span).order_by().annotate(day=TruncDate("paid_at", tzinfo=zone)).values("day", "currency")
    for row in rows.annotate(paid=Sum("amount_minor"), sold=credit):
        day = by_day[row["day"]]
        day.taken[row["currency"]].paid += row["paid"]
        day.credit += int(row["sold"])


def _add_refunds(by_day: dict[date, Day], span: Span, zone: tzinfo) -> None:
    done = Refund.objects.filter(state=Refund.State.SUCCEEDED, done_at__gte=span.start, done_at__lt=span.end)
    rows = done.order_by().annotate(day=TruncDate("done_at", tzinfo=zone)).values("day", "currency")
    for row in rows.annotate(back=Sum("amount_minor")):
        by_day[row["day"]].taken[row["currency"]].refunded += row["back"]


def _sum_of(days: Iterable[Day]) -> Day:
    whole = Day()
    for day in days:
        for currency, taken in day.taken.items():
            whole.taken[currency].paid += taken.paid
            whole.taken[currency].refunded += taken.refunded
        whole.credit += day.credit
        whole.earned += day.earned
    return whole


def _statuses(span: Span) -> dict[str, int]:
    made = Order.objects.filter(created_at__gte=span.start, created_at__lt=span.end)
    return dict(made.order_by("status").values_list("status").annotate(Count("pk")))


def _polled_ppm(span: Span) -> int | None:
    told = WebhookEvent.objects.filter(
        account=OuterRef("account"), reference=OuterRef("attempt__number"), kind=EventKind.PAID, note=Verdict.CREDITED
    )
    counted = _payments(span).filter(_ACCEPTED).exclude(account__provider__in=_REPORTS_NOTHING)
    found = counted.aggregate(all=Count("pk"), told=Count("pk", filter=Exists(told)))
    return (found["all"] - found["told"]) * PPM // found["all"] if found["all"] else None


def _oldest_message(now: datetime) -> timedelta | None:
    waiting = WebhookEvent.objects.filter(state=WebhookEvent.State.NEW)
    oldest: datetime | None = waiting.aggregate(oldest=Min("received_at"))["oldest"]
    return now - oldest if oldest else None
