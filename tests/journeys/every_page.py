"""Which of the product's addresses are pages, who opens them, and with what in the address.

An address that is in none of these lists fails `test_every_page.py`: whoever adds one says here what it is.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from django.urls import URLPattern, URLResolver, get_resolver, reverse

from relay.docs import PAGES as TOPICS

# ── Pages without an object ──────────────────────────────────────────────────

STRANGERS = (
    *("home", "pricing", "docs", "top-up", "key-usage", "order-find", "api-docs", "status", "about"),
    *("account_login", "account_signup", "account_inactive"),
    *("account_reset_password", "account_reset_password_done", "account_reset_password_from_key_done"),
    *("socialaccount_login_cancelled",),
)
CUSTOMERS = (
    *("dashboard", "usage", "drawing", "tasks", "tokens", "token-new", "wallet", "orders"),
    *(
        "playground",
        "chat",
        "profile",
        "close_account",
        "usersessions_list",
        "account_email",
        "account_change_password",
        "account_logout",
    ),
    *("account_reauthenticate", "socialaccount_connections"),
    *("mfa_index", "mfa_deactivate_totp", "mfa_view_recovery_codes", "mfa_generate_recovery_codes"),
    *("mfa_list_webauthn", "mfa_reauthenticate"),
)
NEWCOMERS = (
    "dashboard",
    "usage",
    "drawing",
    "tasks",
    "tokens",
    "wallet",
    "orders",
    "playground",
    "mfa_index",
    "mfa_activate_totp",
    "mfa_add_webauthn",
)
STAFF = ("dashboard", "staff-business")
REFUSED = {  # pages whose status says that something is wrong: without an order, the form to find it
    "purchase-pay": 404,
    "top-up-pay": 404,
    "socialaccount_login_error": 401,
}

# ── Pages about something; the function makes the arguments of each address ──

Arguments = Callable[[Any], list[Any]]
STRANGERS_OBJECTS: dict[str, Arguments] = {
    "docs-page": lambda rooms: [[slug] for slug in list(TOPICS)[:2]],  # tests/pages/test_docs.py opens them all
    "buy": lambda rooms: [["starter"]],
    "purchase-pay-order": lambda rooms: [[rooms.token_of("first")]],
    "top-up-pay-order": lambda rooms: [[rooms.token_of(name)] for name in ("waiting", "paid", "refunded", "cancelled")],
    "pay-return": lambda rooms: [[rooms.bought.paid.number]],
    "key-reveal": lambda rooms: [[rooms.key_link]],
    "sign_in_link": lambda rooms: [rooms.sign_in_link],
    "account_reset_password_from_key": lambda rooms: [rooms.reset_link],
}
CUSTOMERS_OBJECTS: dict[str, Arguments] = {
    "usage-record": lambda rooms: [[rooms.settled.pk], [rooms.failed.pk]],
    "token-rotate": lambda rooms: [[rooms.tokens[0].public_id]],
    "token-former-key": lambda rooms: [[rooms.tokens[0].public_id]],
    "token-edit": lambda rooms: [[token.public_id] for token in rooms.tokens[:2]],
    "order": lambda rooms: [[order.number] for order in rooms.bought[:4]],
    "order-receipt": lambda rooms: [[rooms.bought.paid.number], [rooms.bought.refunded.number]],
    "order-cancel": lambda rooms: [[rooms.bought.waiting.number]],
    "mfa_edit_webauthn": lambda rooms: [[rooms.passkey.pk]],
    "mfa_remove_webauthn": lambda rooms: [[rooms.passkey.pk]],
}

# ── What is no page, or none that can be opened as it is ─────────────────────

NO_PAGES = {
    "a file": "usage-csv drawing-csv tasks-csv statement-csv export_data mfa_download_recovery_codes "
    "api-schema payment-qr",
    "a part of a page": "usage-live drawing-live tasks-live pay-status",
    "taken by POST alone": (
        "choose_mail dismiss-announcement "
        "tokens-reveal tokens-disable tokens-enable tokens-delete other-key wallet-top-up wallet-redeem wallet-notice "
        "pay-check pay-cancel pay-resend pay-key end_session sign_in_with set_language set-theme google_login_by_token"
    ),
    "for programs": (
        "api-tokens api-token api-token-disable api-token-enable api-token-rotate api-token-former-key "
        "payment-notify healthz readyz mfa_login_webauthn playground-pass playground-receipt"
    ),
    "a step of a way that other tests go": (
        "tokens-created account_email_verification_sent account_confirm_login_code mfa_authenticate "
        "mfa_reauthenticate_webauthn account_set_password socialaccount_signup"
    ),
    "another site's, and there only when it is configured": (
        "github_login github_callback google_login google_callback openid_connect_login openid_connect_callback"
    ),
}
UNNAMED = (  # the relay, the site API, allauth's former addresses, and what leads to the staff admin
    *(
        "v1/",
        "^v1",
        "api/",
        "^api/",
        "dashboard/billing/",
        "^dashboard/billing",
        "accounts/social/",
        "admin/",
        "favicon.ico",
    ),
    *("^chat/", "^completions", "^responses", "^messages", "^models", "^embeddings", "^rerank", "^moderations"),
    *("^images", "^audio"),
)


class Place(NamedTuple):
    """One pattern of the URL space: its name ("" for none), and the pattern in full."""

    name: str
    route: str


def places(resolver: URLResolver | None = None, before: str = "") -> Iterator[Place]:
    """The whole URL space without the staff admin's, which has tests of its own."""
    for pattern in (resolver or get_resolver()).url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield Place(pattern.name or "", route)
        elif pattern.namespace != "admin":
            yield from places(pattern, route)


class Visit(NamedTuple):
    """An address and who opens it."""

    who: str
    address: str
    status: int = 200


def visits(rooms: Any) -> list[Visit]:
    """Every page, with everything that there is one of in these rooms."""
    plain = {"stranger": STRANGERS, "alice": CUSTOMERS, "bob": NEWCOMERS, "carol": STAFF}
    found = [Visit(who, reverse(name)) for who, names in plain.items() for name in names]
    found += [Visit("stranger", reverse(name), status) for name, status in REFUSED.items()]
    found += [Visit("stranger", "/no-such-page", 404), Visit("alice", "/no-such-page", 404)]
    for who, objects in (("stranger", STRANGERS_OBJECTS), ("alice", CUSTOMERS_OBJECTS)):
        for name, arguments in objects.items():
            found += [Visit(who, reverse(name, args=each)) for each in arguments(rooms)]
    return found


def listed() -> set[str]:
    """Every name that has its place in this module."""
    no_pages = [name for names in NO_PAGES.values() for name in names.split()]
    return {*STRANGERS, *CUSTOMERS, *NEWCOMERS, *STAFF, *REFUSED, *STRANGERS_OBJECTS, *CUSTOMERS_OBJECTS, *no_pages}
