"""What the benchmark of pages opens: every page of `tests.journeys.every_page`, the files and parts that pages ask for,
each filter over usage, and the whole staff admin.

A page that the tour knows and this does not fails `test_seed.py`.
"""

from collections.abc import Iterable, Iterator
from secrets import token_hex
from time import time
from typing import Any, NamedTuple
from urllib.parse import urlencode

from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.test import Client
from django.urls import resolve, reverse

from accounts.models import User
from billing.models import LedgerEntry, UsageRecord
from config.kernel.ids import uuid7
from tests.journeys import every_page
from tests.journeys.rooms import Rooms, recently_signed_in, rooms_of
from tests.load.seed import RARE
from tests.tools.purchases import buy_one_of_each

RANGES = ("24h", "7d", "30d", "90d")
LOGS = ("usage", "drawing", "tasks")
NOT_OPENED = {"export_data", "mfa_download_recovery_codes", "api-schema", "payment-qr"}  # files that show no usage


class Walk(NamedTuple):
    """What one visitor opens: each address, and the status that it is answered with."""

    title: str
    client: Client
    addresses: dict[str, int]


def walks(*, orders: int) -> Iterator[Walk]:
    """A stranger's, a newcomer's, the heaviest user's, a light one's and the operator's.

    Both users buy one of each kind first, and `orders` more.
    """
    users = User.objects.filter(email__startswith="user", email__endswith="@example.com").order_by("id")
    heavy, light = (_rooms(user, orders) for user in (users[0], users.reverse()[0]))
    yield Walk("stranger", _zipped(Client()), _visited(heavy, "stranger") | _parts_of(heavy))
    newcomer = light.bought.first.user  # the other one's link to sign in, which the stranger opens, has to stay unused
    assert newcomer is not None
    yield Walk("newcomer", _zipped(recently_signed_in(newcomer)), _visited(light, "bob"))
    for rooms in (heavy, light):
        user = rooms.tokens[0].user
        count = UsageRecord.objects.filter(user=user).count()
        yield Walk(f"{user}, {count:,} requests", _holder(rooms), _visited(rooms, "alice") | _of_usage(rooms))
    operator = User.objects.filter(is_superuser=True).earliest("pk")
    yield Walk("operator", _zipped(recently_signed_in(operator)), _visited(heavy, "carol") | _admin(heavy))


def forgotten(found: Iterable[Walk]) -> set[str]:
    """The pages that nobody opens."""
    paths = {address.partition("?")[0] for walk in found for address, status in walk.addresses.items() if status < 400}
    parts = " ".join(every_page.NO_PAGES[kind] for kind in ("a file", "a part of a page")).split()
    no_pages = {name for names in every_page.NO_PAGES.values() for name in names.split()} - set(parts)
    refused = set(every_page.REFUSED)
    return every_page.listed() - no_pages - NOT_OPENED - refused - {resolve(path).url_name for path in paths}


def _rooms(user: User, orders: int) -> Rooms:
    Authenticator.objects.filter(user=user).delete()  # of a former run
    bought = buy_one_of_each(user, stranger=f"{token_hex(6)}@example.com", also_paid=orders)
    records = UsageRecord.objects.filter(user=user).order_by("-pk")
    ended = [records.filter(status=status).first() or UsageRecord(pk=uuid7()) for status in ("settled", "failed")]
    assert bought.first.user is not None
    return rooms_of("http://testserver", {"alice": user, "bob": bought.first.user}, bought, ended)


def _zipped(client: Client) -> Client:
    client.defaults["HTTP_ACCEPT_ENCODING"] = "gzip"
    return client


def _holder(rooms: Rooms) -> Client:
    """Signed in, and with a pasted key remembered."""
    token = rooms.tokens[0]
    client = recently_signed_in(token.user)
    session = client.session
    session["proved_key"] = [token.pk, int(time())]
    session.save()
    return _zipped(client)


def _visited(rooms: Rooms, who: str) -> dict[str, int]:
    """The tour's pages; of a request that never was, the page that says so."""
    unknown = {reverse("usage-record", args=[row.pk]) for row in (rooms.settled, rooms.failed) if row._state.adding}
    visits = [visit for visit in every_page.visits(rooms) if visit.who == who]
    return {visit.address: 404 if visit.address in unknown else visit.status for visit in visits}


def _parts_of(rooms: Rooms) -> dict[str, int]:
    return {reverse("pay-status", args=[rooms.token_of("waiting")]): 200}


# ── Usage ────────────────────────────────────────────────────────────────────


def _of_usage(rooms: Rooms) -> dict[str, int]:
    """Dashboards, the pages of the three logs by each filter, their live tails and files, the statement, a key."""
    user = rooms.tokens[0].user
    found = [f"{reverse('dashboard')}?range={period}" for period in RANGES]
    for log in LOGS:
        found += [f"{reverse(log)}?{query}" for query in _queries(user, log)]
        found += [f"{reverse(f'{log}-csv')}?range=90d", f"{reverse(f'{log}-csv')}?range=90d&status=failed"]
    found += [reverse("key-usage"), reverse("top-up"), *_statements(user)]
    return dict.fromkeys(found, 200) | _live(user)


def _queries(user: User, log: str) -> list[str]:
    """All ranges, a page deep in the past, and each filter."""
    rows = UsageRecord.objects.filter(user=user).order_by("-pk")
    newest = rows.filter(status="settled").first()
    found = [{"range": period} for period in RANGES]
    if newest is None:
        return [urlencode(query) for query in found]
    deep = rows[rows.count() * 4 // 5].pk
    narrowed: list[dict[str, Any]] = [
        *({"status": status} for status in ("failed", "settled", "abandoned", "open")),
        *({"stream": "yes"}, {"stream": "no", "status": "abandoned"}),
        *({"token": newest.token.public_id}, {"model": newest.model}, {"group": newest.group}),
        *({"model": model} for model in RARE),
        *({"id": deep}, {"older": deep}, {"newer": deep}),
    ]
    if log == "tasks":
        narrowed += [{"kind": "embeddings"}, {"kind": "rerank"}]
    return [urlencode(query) for query in (*found, *({"range": "90d", **each} for each in narrowed))]


def _live(user: User) -> dict[str, int]:
    rows = list(UsageRecord.objects.filter(user=user).order_by("-pk")[:50])
    query = urlencode({"range": "90d", "running": [row.pk for row in rows[:5]]}, doseq=True)
    since = f"&newer={rows[-1].pk}" if rows else ""
    return {f"{reverse(f'{log}-live')}?{query}{since}": 200 for log in LOGS}


def _statements(user: User) -> list[str]:
    entries = LedgerEntry.objects.filter(wallet__user=user).order_by("pk")
    deep = entries[entries.count() // 2]
    wallet = reverse("wallet")
    paged = [f"{wallet}?{side}={deep.pk}.{deep.created_at:%Y%m%d}" for side in ("older", "newer")]
    return [f"{wallet}?kind=usage", f"{wallet}?kind=top_up", *paged, reverse("statement-csv")]


# ── The staff admin ──────────────────────────────────────────────────────────


def _admin(rooms: Rooms) -> dict[str, int]:
    """Its first page, Business, every list, the newest row's page and history, and what narrows the long lists."""
    business = [f"{reverse('staff-business')}?days={days}" for days in (7, 30, 90)]
    found = [reverse("admin:index"), *business]
    for model in admin.site._registry:
        found += _pages_of(model)
    return dict.fromkeys([*found, *_narrowed(rooms)], 200)


def _pages_of(model: Any) -> Iterator[str]:
    name, newest = (
        f"admin:{model._meta.app_label}_{model._meta.model_name}",
        model._default_manager.order_by("-pk").first(),
    )
    yield reverse(f"{name}_changelist")
    if newest is not None:
        yield reverse(f"{name}_change", args=[newest.pk])
        yield reverse(f"{name}_history", args=[newest.pk])


LISTS = {
    "billing_usagerecord": (
        "p=100", "status__exact=failed", "status__exact=abandoned", "status__exact=open", "model=small",
        "model=antique", "model=antique&within=24", "within=24", "q={user}", "q={record}", "user__id__exact={user_id}",
        "user__id__exact={user_id}&model=antique",
    ),
    "billing_usagerollup": ("p=100", "model=small", "model=antique", "q={user}"),
    "billing_ledgerentry": (
        "p=10", "kind__exact=top_up", "kind__exact=expiry", "q={user}", "q=load:grant:1",
        "wallet__user__id__exact={user_id}",
    ),
    "accounts_user": ("p=2", "q=user9", "is_staff__exact=1", "o=4"),
    "tokens_token": ("p=2", "q={user}", "is_enabled__exact=0", "user__id__exact={user_id}"),
    "billing_wallet": ("p=2", "q={user}", "o=2"),
    "orders_order": ("q={user}", "q={order}", "status__exact=credited", "attention=any", "made=days30"),
    "orders_payment": ("q={order}", "state__exact=overpaid"),
    "orders_refund": ("q={order}",),
    "orders_webhookevent": ("attention=any", "q={order}"),
}  # fmt: skip


def _narrowed(rooms: Rooms) -> Iterator[str]:
    user = rooms.tokens[0].user
    known = {"user": user.email, "user_id": user.pk, "record": rooms.settled.pk, "order": rooms.bought.paid.number}
    for name, queries in LISTS.items():
        for query in queries:
            yield f"{reverse(f'admin:{name}_changelist')}?{query.format(**known)}"
