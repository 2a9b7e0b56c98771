"""Starting to pay an order: one attempt a gateway, set up outside any transaction, safe to repeat."""

import logging
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from config.kernel.errors import InvalidInput
from orders.clock import database_now
from orders.history import record
from orders.models import Order, PaymentAttempt, ProviderAccount
from orders.numbers import attempt_number
from orders.payments.accounts import free_account, opened, payable_with, provider_of
from orders.payments.retrying import again_after_races
from orders.payments.settling import Received, settle
from orders.providers.base import Charge, Checkout, GatewayError, GatewayRefused, Money
from tokens.sites import brand_at

logger = logging.getLogger("tollbooth.payments")

POLL_AFTER = timedelta(seconds=8)
_State = PaymentAttempt.State


class PayFailed(InvalidInput):
    """The order cannot be paid, or not this way; the sentence is for the buyer."""

    default_code = "pay_failed"


def start_payment(order: Order, *, slug: str = "", client_ip: str = "") -> PaymentAttempt:
    """An open attempt with the account of that short name, or the first that takes the amount. Raises PayFailed.

    Asked again it returns the same attempt; one that was never answered is sent again under the same number.
    """
    _check_payable(order)
    if order.amount_minor == 0:
        return _pay_nothing(order)
    account = _chosen(order, slug)
    attempt = _attempt(order, account)
    if attempt.state == _State.CREATED:
        set_up(attempt, client_ip)
    return attempt


def _check_payable(order: Order) -> None:
    status = order.status
    if status == Order.Status.EXPIRED or (status == Order.Status.PENDING and order.expires_at <= database_now()):
        raise PayFailed(_("This order has expired. Please order again."))
    if status == Order.Status.CANCELLED:
        raise PayFailed(_("This order was cancelled. Please order again."))
    if status != Order.Status.PENDING:
        raise PayFailed(_("This order needs no payment any more."))


def _chosen(order: Order, slug: str) -> ProviderAccount:
    offered = payable_with(Money(order.amount_minor, order.currency))
    account = next((row for row in offered if slug in ("", row.slug)), None)
    if account is None:
        raise PayFailed(_("This way to pay is not available for the order."))
    return account


@again_after_races
@transaction.atomic
def _attempt(order: Order, account: ProviderAccount) -> PaymentAttempt:
    """The attempt under way, or a new one. Two at once make one: UNIQUE on the open attempt of order and account."""
    now = database_now()
    unfinished = order.attempts.filter(account=account, state__in=[_State.CREATED, _State.OPEN])
    unfinished.filter(expires_at__lte=now).update(state=_State.EXPIRED, next_poll_at=now)
    attempt = unfinished.filter(expires_at__gt=now).first()
    if attempt is not None:
        return attempt
    _wait_for_slow_money(order, account)
    return PaymentAttempt.objects.create(
        number=attempt_number(order.number, order.attempts.count() + 1),
        order=order,
        account=account,
        amount_minor=order.amount_minor,
        currency=order.currency,
        expires_at=order.expires_at,
        next_poll_at=now + POLL_AFTER,
    )


def _wait_for_slow_money(order: Order, account: ProviderAccount) -> None:
    """A bank transfer takes days: the order stays payable, its price and coupon with it."""
    days = provider_of(account).capabilities(opened(account)).slow_days
    until = database_now() + timedelta(days=days)
    pending = Order.objects.filter(pk=order.pk, status=Order.Status.PENDING, expires_at__lt=until)
    if days and pending.update(expires_at=until):
        order.expires_at = until


def set_up(attempt: PaymentAttempt, client_ip: str = "") -> None:
    """Ask the gateway for a page to pay on. Raises PayFailed. A webhook may be faster: nothing is overwritten then."""
    account = attempt.account
    try:
        checkout = provider_of(account).create(opened(account), charge_of(attempt, client_ip))
    except GatewayError as error:
        _note_failure(attempt, error)
        raise PayFailed(_("The payment provider can't be reached at the moment. Please try again.")) from error
    created = PaymentAttempt.objects.filter(pk=attempt.pk, state=_State.CREATED)
    created.update(state=_State.OPEN, **_columns(checkout, attempt))
    attempt.refresh_from_db()


def _columns(checkout: Checkout, attempt: PaymentAttempt) -> dict[str, object]:
    return {
        "provider_ref": checkout.provider_ref[:200],
        "checkout_url": checkout.url,
        "qrcode": checkout.qrcode,
        "qrcode_is_image": checkout.qrcode_is_image,
        "expires_at": min(checkout.expires_at or attempt.expires_at, attempt.expires_at),
        "error": "",
    }


def _note_failure(attempt: PaymentAttempt, error: GatewayError) -> None:
    """A refusal ends the attempt; without an answer it stays, for the payment may be there all the same."""
    logger.warning("attempt %s at %s: %s", attempt.number, attempt.account.slug, error)
    columns: dict[str, object] = {"error": str(error)[:300]}
    if isinstance(error, GatewayRefused):
        columns |= {"state": _State.FAILED, "next_poll_at": None}
    PaymentAttempt.objects.filter(pk=attempt.pk, state=_State.CREATED).update(**columns)
    record(attempt.order, "gateway failed", note=f"{attempt.number}: {error}")


def charge_of(attempt: PaymentAttempt, client_ip: str = "") -> Charge:
    """The attempt as its adapter takes it. Titles are ours, addresses have no query: see the signatures of EPay."""
    order, seller = attempt.order, brand_at(attempt.order.host)
    return Charge(
        reference=attempt.number,
        order_no=order.number,
        title=f"{seller.name} {order.package_name}",
        amount=Money(attempt.amount_minor, attempt.currency),
        notify_url=notify_url(attempt.account),
        return_url=seller.site_url + reverse("pay-return", args=[order.number]),
        expires_at=attempt.expires_at,
        client_ip=client_ip,
    )


def notify_url(account: ProviderAccount) -> str:
    """Where the gateway reports to: one address, whatever host the buyer came by."""
    return str(settings.SITE_URL) + reverse("payment-notify", args=[account.slug])


def _pay_nothing(order: Order) -> PaymentAttempt:
    attempt = _attempt(order, free_account())
    settle(attempt, Received(f"free-{order.number}", Money(0, order.currency), database_now()))
    attempt.refresh_from_db()
    return attempt
