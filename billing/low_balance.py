"""A mail when the available balance falls below what its owner has set: once, and again only after credit came.

`is_notified` says that the mail is out; `billing.ledger` takes that back with credit that lifts the balance above.
"""

import logging

from django.conf import settings
from django.core.mail import send_mail
from django.db.models import Case, F, Q, Value, When
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.adapters import sender
from billing.models import Wallet
from config.kernel.errors import InvalidInput
from config.kernel.money import MAX_NANO, NanoUSD, format_usd_short
from tokens.sites import brand_at

logger = logging.getLogger("tollbooth.ledger")

_IS_BELOW = Q(balance__lt=F("held") + F("notify_below"))


def set_notice(*, user_id: int, below: NanoUSD | None, host: str = "") -> None:
    """Have a mail sent below this available balance; None for never. Raises InvalidInput.

    `host` is the entered site's at which it was asked for, and in whose name the mail will speak.
    Whose balance is below it already gets the mail after it was above: they have just seen the balance.
    """
    if below is not None and not 0 < below <= MAX_NANO:
        raise InvalidInput(_("Choose an amount above zero."), param="notify_below")
    is_below = Value(False) if below is None else Case(When(balance__lt=below, then=Value(True)), default=Value(False))
    wallet = Wallet.objects.filter(user_id=user_id)
    wallet.update(notify_below=below, notify_host=host, is_notified=is_below)


def send_notices() -> int:
    """Mail everybody whose balance fell below their mark since the last time; says how many. Safe to run twice."""
    due = Wallet.objects.filter(_IS_BELOW, notify_below__isnull=False, is_notified=False, user__is_active=True)
    return sum(_notify(wallet) for wallet in due.select_related("user"))


def _notify(wallet: Wallet) -> bool:
    """False when the balance has risen again, somebody else is sending it, or the mail failed and waits."""
    mine = Wallet.objects.filter(_IS_BELOW, pk=wallet.pk, is_notified=False)
    if not mine.update(is_notified=True):
        return False
    try:
        _send(wallet)
    except Exception:  # whatever a mail back-end raises
        logger.exception("user %s: the notice of a low balance was not sent", wallet.user_id)
        Wallet.objects.filter(pk=wallet.pk).update(is_notified=False)
        return False
    return True


def _send(wallet: Wallet) -> None:
    assert wallet.notify_below is not None
    site = brand_at(wallet.notify_host)
    with translation.override(wallet.user.language or settings.LANGUAGE_CODE):
        context = {
            "available": format_usd_short(wallet.available),
            "below": format_usd_short(wallet.notify_below),
            "wallet_url": site.site_url + reverse("wallet"),
            "site_name": site.name,
            "site_url": site.site_url,
        }
        subject = _("Your balance is low: %(available)s") % context
        text = render_to_string("billing/mail/low_balance.txt", context)
        send_mail(f"{site.name}: {subject}", text, sender(site.name), [wallet.user.email])
