"""Once a day every payment is held against what its gateway says of it; what differs is written down for a person."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from orders.clock import database_now
from orders.models import Payment, PaymentAttempt, ProviderAccount, Statement
from orders.payments.accounts import is_usable, opened, provider_of
from orders.payments.polling import take_in
from orders.payments.refund_reports import refunded_by_gateway
from orders.providers.base import GatewayError, GatewayUnreachable, PaymentState, PaymentStatus

logger = logging.getLogger("tollbooth.payments")

SILENT = 3  # so often without an answer, one after the other, and a gateway is away
_PAID = (PaymentStatus.PAID, PaymentStatus.REFUNDED)


@dataclass(slots=True)
class Findings:
    """What one comparison found: lines for the operator, in the order of attempts."""

    checked: int = 0
    unanswered: int = 0
    differences: list[dict[str, str]] = field(default_factory=list)

    def differs(self, attempt: PaymentAttempt, what: str) -> None:
        """Note a difference."""
        self.differences.append({"attempt": attempt.number, "order": attempt.order.number, "what": what})


def reconcile_yesterday() -> None:
    """Every account that can be asked, for the UTC day before."""
    day = (database_now() - timedelta(days=1)).date()
    for account in ProviderAccount.objects.all():
        if is_usable(account) and provider_of(account).capabilities(opened(account)).query:
            reconcile(account, day)


def reconcile(account: ProviderAccount, day: date) -> Statement:
    """Ask for every attempt of the day, mend what can be mended, and write down what was found. Safe to repeat.

    A payment that we never heard of is credited now, once; a refund made at the gateway is booked.
    """
    findings = Findings()
    start = datetime.combine(day, time.min, tzinfo=UTC)
    attempts = account.attempts.filter(created_at__gte=start, created_at__lt=start + timedelta(days=1))
    _compare_all(attempts.select_related("order", "account").order_by("pk").iterator(), findings)
    if findings.differences:
        logger.error("%s: %d differences on %s", account.slug, len(findings.differences), day)
    return Statement.objects.update_or_create(
        account=account,
        day=day,
        defaults={
            "checked": findings.checked,
            "unanswered": findings.unanswered,
            "differences": findings.differences,
            "created_at": database_now(),
        },
    )[0]


def _compare_all(attempts: Iterable[PaymentAttempt], findings: Findings) -> None:
    """Ask for each. A gateway that is away is not waited for all day: other work of this worker waits meanwhile."""
    silent = 0
    for attempt in attempts:
        findings.checked += 1
        if silent >= SILENT:
            findings.unanswered += 1
            continue
        try:
            compare(attempt, findings)
            silent = 0
        except GatewayError as error:
            findings.unanswered += 1
            silent += isinstance(error, GatewayUnreachable)
            logger.warning("attempt %s could not be compared: %s", attempt.number, error)
        except Exception:
            findings.unanswered += 1
            logger.exception("comparing attempt %s failed", attempt.number)


def compare(attempt: PaymentAttempt, findings: Findings) -> PaymentState:
    """Ask for one attempt, mend what can be mended and note what differs. Raises GatewayError."""
    ours = attempt.payments.order_by("pk").first()
    seen = take_in(attempt)
    if ours is not None:
        _compare_payment(attempt, ours, seen, findings)
    elif seen.status in _PAID:
        findings.differs(attempt, "paid at the gateway, unknown here until now")
    return seen


def _compare_payment(attempt: PaymentAttempt, ours: Payment, seen: PaymentState, findings: Findings) -> None:
    if seen.status not in _PAID:
        findings.differs(attempt, f"paid here, {seen.status} at the gateway")
    elif seen.amount is not None and seen.amount.minor != ours.amount_minor:
        findings.differs(attempt, f"{ours.amount_minor} here, {seen.amount.minor} at the gateway")
    elif _is_refunded_elsewhere(attempt, ours, seen.status, seen.refunded_minor):
        refunded_by_gateway(attempt, amount=None, refund_ref="", state=seen)
        findings.differs(attempt, "refunded at the gateway, unknown here until now")


def _is_refunded_elsewhere(attempt: PaymentAttempt, ours: Payment, status: PaymentStatus, refunded_minor: int) -> bool:
    total = ours.amount_minor if status is PaymentStatus.REFUNDED else refunded_minor
    under_way = sum(ours.refunds.filter(state__in=["requested", "pending"]).values_list("amount_minor", flat=True))
    return total > ours.refunded_minor + under_way
