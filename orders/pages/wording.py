"""The history of an order in the words of its buyer. Notes stay with the operator: they quote gateways and people."""

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from orders.models import OrderEvent

SENTENCES: Final[Mapping[str, Promise]] = {
    "created": _("The order was made."),
    "gateway failed": _("The payment provider could not be reached, or refused."),
    "paid": _("The payment arrived."),
    "paid again": _("A second payment arrived. The operator gives it back."),
    "unexpected payment": _("A payment arrived that was not expected. The operator looks at it."),
    "review": _("The operator looks at the payment."),
    "accepted": _("The operator accepted the payment."),
    "received by hand": _("The operator noted that the payment arrived."),
    "verified": _("The operator asked the payment provider."),
    "credited": _("The credit is on the account."),
    "delivered": _("The key was sent by mail."),
    "mail sent again": _("The mail was sent again."),
    "key shown by link": _("The key was shown by the link of the mail."),
    "key shown on the pay page": _("The key was shown on the pay page."),
    "key disabled": _("The key was disabled."),
    "key enabled": _("The key was enabled again."),
    "cancelled": _("The order was cancelled."),
    "expired": _("The order expired unpaid."),
    "refund": _("A refund was begun."),
    "refund of another payment": _("The refund of another payment was begun."),
    "refunded": _("The money was given back."),
    "refund failed": _("The refund failed."),
}
_OTHER: Final = _("The order changed.")


def sentence_of(event: OrderEvent) -> str:
    """What happened."""
    return str(SENTENCES.get(event.what, _OTHER))


def tone_of(event: OrderEvent) -> str:
    """How it is marked: good, bad, warn or nothing."""
    return _TONES.get(event.what, "")


_TONES: Final[Mapping[str, str]] = {
    "paid": "good",
    "accepted": "good",
    "credited": "good",
    "delivered": "good",
    "gateway failed": "warn",
    "review": "warn",
    "paid again": "warn",
    "unexpected payment": "warn",
    "refund failed": "bad",
    "cancelled": "bad",
    "expired": "bad",
}
