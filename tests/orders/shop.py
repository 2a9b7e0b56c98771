"""Rows of a shop; every argument has a sensible default."""

import itertools
import json

from billing.models import Wallet
from orders.models import Coupon, Order, Package, ProviderAccount
from orders.ordering import Buyer, place_order
from orders.payments import inbox, processing
from orders.payments.accounts import set_secrets
from orders.payments.paying import start_payment
from orders.providers.base import Webhook
from tests.factories import make_group, make_token, make_user
from tests.orders.scripted import SIGNATURE

_numbers = itertools.count(1)
CREDIT = 12_000 * 1_000_000_000  # what topup_100 grants: 6 000 000 000 quota in nano-dollars


def make_package(code, *, kind="top_up", price_minor=10_000, base=5_000_000_000, bonus=1_000_000_000, **fields):
    return Package.objects.create(
        code=code, kind=kind, name=code, price_minor=price_minor, base_quota=base, bonus_quota=bonus, **fields
    )


def make_account(slug="scripted", *, provider="scripted", secret="a proper secret", **fields):
    row = ProviderAccount(slug=slug, provider=provider, name=slug.title(), **fields)
    if secret:
        set_secrets(row, {"secret": secret})
    row.save()
    return row


def make_coupon(code="SPRING10", *, off_bps=1000, **fields):
    return Coupon.objects.create(code=code, off_bps=off_bps, **fields)


def order_top_up(user=None, *, package="topup_100", token=None, coupon="", email=None):
    """A pending top-up of alice's key."""
    user = user or make_user(f"alice{next(_numbers)}@example.com")
    token = token or make_token(user)
    buyer = Buyer(email or user.email, user=user, token=token, is_known=True)
    return place_order(kind=Order.Kind.TOP_UP, buyer=buyer, package_code=package, coupon_code=coupon)


def order_purchase(email=None, *, package="starter", coupon=""):
    """A stranger's pending first purchase."""
    make_group("default", is_default=True)
    buyer = Buyer(email or f"bob{next(_numbers)}@example.com")
    return place_order(kind=Order.Kind.PURCHASE, buyer=buyer, package_code=package, coupon_code=coupon)


def pay(order, slug="scripted"):
    """An open attempt."""
    return start_payment(order, slug=slug)


def notify(account, *, signature=SIGNATURE, **told):
    """What the gateway sends, as the view hands it on; returns the reply and the new rows' ids."""
    webhook = Webhook("POST", {"signature": signature}, "", json.dumps(told).encode())
    return inbox.receive(account, webhook)


def report(account, attempt, **told):
    """A notification that is received and worked on at once."""
    told = {"reference": attempt.number, "minor": attempt.amount_minor, "txn_id": f"t-{attempt.number}"} | told
    reply, ids = notify(account, **told)
    for event_id in ids:
        processing.process_event(event_id)
    return reply


def balance_of(order):
    """What the order's account has now."""
    return Wallet.objects.get(user__orders=order).balance
