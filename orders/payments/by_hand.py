"""What an operator finds out or confirms about an order: asking its gateways now, money that came past any gateway."""

from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from config.kernel.errors import InvalidInput
from orders.clock import database_now
from orders.history import record
from orders.models import Order, Payment, PaymentAttempt, ProviderAccount, Refund
from orders.notes import in_words
from orders.payments.accounts import is_usable, opened, provider_of
from orders.payments.paying import start_payment
from orders.payments.refunding import UNFINISHED, submit
from orders.payments.settling import Received, Verdict, settle
from orders.payments.statements import Findings, compare
from orders.providers.base import GatewayError, Money, PaymentStatus
from orders.providers.manual import Manual

SAID = {
    PaymentStatus.WAITING: gettext_noop("not paid yet"),
    PaymentStatus.PAID: gettext_noop("paid"),
    PaymentStatus.CLOSED: gettext_noop("closed"),
    PaymentStatus.REFUNDED: gettext_noop("paid and refunded"),
    PaymentStatus.UNKNOWN: gettext_noop("not known"),
}


class ReferenceTaken(InvalidInput):
    """The bank's reference was used for another payment; the sentence is for the operator."""

    default_code = "reference_taken"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gateway said of one attempt; `is_answered` is False when it did not, and `words` say why."""

    attempt: PaymentAttempt
    words: str
    is_answered: bool = True


# ── Asking now ───────────────────────────────────────────────────────────────


def verify(order: Order, *, actor_id: int, reason: str = "") -> list[Answer]:
    """Ask every gateway that can be asked, and do what follows from it: credit what was paid, book what was refunded.

    Unfinished refunds are asked for too. Raises nothing that a gateway does.
    """
    attempts = order.attempts.select_related("order", "account").order_by("pk")
    answers = [_answer(attempt) for attempt in attempts if _can_be_asked(attempt.account)]
    refunds = Refund.objects.filter(order=order, state__in=UNFINISHED, is_dispute=False)
    for refund in refunds.select_related("payment__account", "payment__attempt", "order"):
        submit(refund)
    said = "; ".join(f"{answer.attempt.number}: {answer.words}" for answer in answers)
    record(order, "verified", note=f"{reason} ({said})" if said else reason, actor_id=actor_id)
    return answers


def _can_be_asked(account: ProviderAccount) -> bool:
    return is_usable(account) and provider_of(account).capabilities(opened(account)).query


def _answer(attempt: PaymentAttempt) -> Answer:
    findings = Findings()
    try:
        state = compare(attempt, findings)
    except GatewayError as error:
        return Answer(attempt, str(error), is_answered=False)
    differences = [in_words(one["what"]) for one in findings.differences]
    return Answer(attempt, ", ".join([_(SAID[state.status]), *differences]))


# ── Received past any gateway ────────────────────────────────────────────────


def hand_accounts() -> "QuerySet[ProviderAccount]":
    """The accounts that an operator speaks for."""
    return ProviderAccount.objects.filter(provider=Manual.name)


def receive(
    order: Order, *, account: ProviderAccount, amount_minor: int, reference: str, reason: str, actor_id: int
) -> Verdict:
    """Take in money that the operator has seen on the account, once per reference.

    Raises ReferenceTaken, or PayFailed for an order that had not been started to be paid there and no longer can be.
    """
    known = Payment.objects.filter(account=account, txn_id=reference).select_related("order").first()
    if known is not None:
        raise ReferenceTaken(_("This reference was entered for order %(number)s.") % {"number": known.order})
    attempt = order.attempts.filter(account=account).first() or start_payment(order, slug=account.slug)
    record(order, "received by hand", note=f"{reference}: {reason}", actor_id=actor_id)
    received = Received(reference, Money(amount_minor, attempt.currency), database_now())
    return settle(attempt, received, actor_id=actor_id)
