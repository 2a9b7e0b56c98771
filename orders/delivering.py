"""The message about a paid order, and the key of a first purchase shown once: by the link in it, or on the pay page.

The credit was posted and the key made with the payment; a mail that fails takes nothing back and is tried again.
"""

import logging
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.adapters import sender
from config.kernel.sealing import SealBroken, unseal
from orders.access import page_url
from orders.clock import database_now
from orders.history import move, record
from orders.models import Delivery, Order
from orders.payments.pacing import for_a_turn
from orders.payments.settling import KEY_PURPOSE
from tokens.sites import brand_at

logger = logging.getLogger("tollbooth.payments")

LINK_LIFE = timedelta(days=7)
SHOWN_WITHIN = timedelta(hours=1)  # of the payment, on the pay page
TRIES = 8
LONGEST_PAUSE = timedelta(hours=3)
_SALT = "orders.delivery"
_State = Delivery.State


def deliver_due(limit: int = 100) -> None:
    """Send what is waiting."""
    due = Delivery.objects.filter(~Q(state=_State.SENT), tries__lt=TRIES, next_try_at__lte=database_now())
    for delivery in for_a_turn(due.select_related("order", "token").order_by("next_try_at")[:limit]):
        deliver(delivery)


def deliver(delivery: Delivery) -> bool:
    """Send one message; False when somebody else is sending it, or it failed."""
    pause = min(timedelta(seconds=30 * 3 ** min(delivery.tries, 6)), LONGEST_PAUSE)
    mine = Delivery.objects.filter(pk=delivery.pk, tries=delivery.tries).exclude(state=_State.SENT)
    if not mine.update(tries=F("tries") + 1, next_try_at=database_now() + pause):
        return False
    try:
        _send(delivery)
    except Exception as error:  # whatever a mail back-end raises
        logger.exception("order %s: the mail to its buyer failed", delivery.order.number)
        Delivery.objects.filter(pk=delivery.pk).update(state=_State.FAILED, last_error=type(error).__name__)
        return False
    _mark_sent(delivery)
    return True


@transaction.atomic
def _mark_sent(delivery: Delivery) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(state=_State.SENT, sent_at=database_now(), last_error="")
    if delivery.order.kind == Order.Kind.PURCHASE:
        move(delivery.order, start=[Order.Status.PAID], to=Order.Status.DELIVERED, what="delivered")


def resend(delivery: Delivery, *, actor_id: int | None = None, reason: str = "") -> bool:
    """Send the same message again: the same key, the same link."""
    record(delivery.order, "mail sent again", note=reason, actor_id=actor_id)
    Delivery.objects.filter(pk=delivery.pk, state=_State.SENT).update(state=_State.WAITING)
    delivery.refresh_from_db()
    return deliver(delivery)


def _send(delivery: Delivery) -> None:
    order = delivery.order
    if delivery.token_id is None and order.user is not None and not order.user.wants_receipts:
        return  # a key always has to arrive; a receipt only where it is wanted
    seller = brand_at(order.host)
    with translation.override(order.language or settings.LANGUAGE_CODE):
        context = {
            "order": order,
            "site_name": seller.name,
            "site_url": seller.site_url,
            "base_url": seller.api_base_url,
            "token": delivery.token,
            "reveal_url": seller.site_url + reverse("key-reveal", args=[link_token(delivery)]),
            "sign_in_url": seller.site_url + reverse("account_reset_password"),
            "order_url": seller.site_url + page_url(order),
            "usage_url": seller.site_url + reverse("key-usage"),
        }
        name = "key" if delivery.token_id else "receipt"
        subject = _("Your API key") if delivery.token_id else _("Your top-up")
        send_mail(
            f"{seller.name}: {subject} ({order.number})",
            render_to_string(f"orders/mail/{name}.txt", context),
            sender(seller.name),
            [order.contact_email],
        )


# ── The key, shown once ──────────────────────────────────────────────────────


def link_token(delivery: Delivery) -> str:
    """What the link in the mail ends in: the same in every mail about this order."""
    return signing.Signer(salt=_SALT, sep="~").sign(str(delivery.pk))


def delivery_of(link: str) -> Delivery | None:
    """The delivery that a link names, while the key can still be seen by it."""
    try:
        pk = signing.Signer(salt=_SALT, sep="~").unsign(link)
    except signing.BadSignature:
        return None
    fresh = Delivery.objects.filter(created_at__gt=database_now() - LINK_LIFE, key_sealed__isnull=False)
    return fresh.filter(pk=pk, revealed_at=None).select_related("order", "token").first()


def reveal_by_link(delivery: Delivery) -> str | None:
    """The key, to the first who asks by the link; it is kept no longer. None to everybody after."""
    return _reveal(delivery, "revealed_at", "key shown by link", forget=True)


def is_showable(order: Order) -> bool:
    """Whether the pay page may still show the key of this order."""
    return _showable(order).exists()


def masked_key(order: Order, delivery: Delivery) -> str:
    """The delivered key as it may be told by number and e-mail, for an hour after it was sent; else nothing."""
    if delivery.token is None or delivery.state != _State.SENT or order.is_disputed:
        return ""
    assert delivery.sent_at is not None
    return delivery.token.masked_tail if delivery.sent_at > database_now() - SHOWN_WITHIN else ""


def reveal_on_page(order: Order) -> str | None:
    """The key, once, on the page where the buyer waited for the payment. The link in the mail works all the same."""
    delivery = _showable(order).select_related("order").first()
    return _reveal(delivery, "shown_at", "key shown on the pay page") if delivery else None


def _showable(order: Order) -> "QuerySet[Delivery]":
    since = database_now() - SHOWN_WITHIN
    unseen = Delivery.objects.filter(order=order, shown_at=None, revealed_at=None, key_sealed__isnull=False)
    return unseen.filter(created_at__gt=since, order__is_disputed=False)


def _reveal(delivery: Delivery, column: str, what: str, *, forget: bool = False) -> str | None:
    assert delivery.key_sealed is not None
    try:
        key = unseal(
            bytes(delivery.key_sealed),
            master=settings.SEALING_KEY,
            purpose=KEY_PURPOSE,
            context=delivery.order.number,
        )
    except SealBroken:
        logger.exception("the key of order %s did not open", delivery.order.number)
        return None
    columns = {column: database_now()} | ({"key_sealed": None} if forget else {})
    if not Delivery.objects.filter(pk=delivery.pk, **{column: None}).update(**columns):
        return None
    record(delivery.order, what)
    return key


def forget_keys() -> None:
    """Sealed copies that nobody came for in time are deleted; the key itself goes on working."""
    old = Delivery.objects.filter(key_sealed__isnull=False, created_at__lt=database_now() - LINK_LIFE)
    old.update(key_sealed=None)
