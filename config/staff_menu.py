"""The side bar of the staff admin, its logo and its own style sheet."""

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from config.staff_side_bar import Link, Section
from orders.admin.business import PERMISSIONS
from orders.attention import COUNTED, waiting_messages, waiting_orders

# Title, icon (Material Symbols), app and model of the list behind it.
SECTIONS = (
    (
        _("Customers"),
        (
            (_("Users"), "group", "accounts", "user"),
            (_("Groups"), "percent", "tokens", "group"),
            (_("Tokens"), "key", "tokens", "token"),
        ),
    ),
    (
        _("Models"),
        (
            (_("Channels"), "hub", "relay", "channel"),
            (_("Model prices"), "sell", "billing", "modelprice"),
        ),
    ),
    (
        _("Sales"),
        (
            (_("Orders"), "shopping_cart", "orders", "order"),
            (_("Packages"), "inventory_2", "orders", "package"),
            (_("Coupons"), "local_offer", "orders", "coupon"),
            (_("Redemption codes"), "confirmation_number", "orders", "codebatch"),
        ),
    ),
    (
        _("Payments"),
        (
            (_("Payment accounts"), "account_balance", "orders", "provideraccount"),
            (_("Payments"), "payments", "orders", "payment"),
            (_("Refunds"), "undo", "orders", "refund"),
            (_("Gateway messages"), "webhook", "orders", "webhookevent"),
            (_("Reconciliations"), "fact_check", "orders", "statement"),
        ),
    ),
    (
        _("Money"),
        (
            (_("Wallets"), "account_balance_wallet", "billing", "wallet"),
            (_("Ledger"), "menu_book", "billing", "ledgerentry"),
            (_("Usage log"), "receipt_long", "billing", "usagerecord"),
            (_("Usage by hour"), "bar_chart", "billing", "usagerollup"),
        ),
    ),
    (
        _("Site"),
        (
            (_("Sites"), "language", "tokens", "site"),
            (_("Announcements"), "campaign", "config", "announcement"),
            (_("Page texts"), "article", "config", "sitetext"),
        ),
    ),
)
WAITING = {"order": waiting_orders, "webhookevent": waiting_messages}  # how many of them wait for a person


def sections_for(request: HttpRequest) -> list[Section]:
    """Those with lists that this member of staff may see, of which they name only these."""
    may = request.user.has_perm
    sections = [
        Section(title, [_link(*link) for link in links if may(f"{link[2]}.view_{link[3]}")])
        for title, links in SECTIONS
    ]
    if request.user.has_perms(PERMISSIONS):
        business = Link(_("Business"), "monitoring", reverse("staff-business"))
        sections.insert(0, Section("", [business]))
    return [section for section in sections if section.links]


def _link(words: Any, icon: str, app: str, model: str) -> Link:
    count = WAITING[model]() if app == "orders" and model in WAITING else 0
    badge = f"{count - 1}+" if count == COUNTED else str(count or "")
    return Link(words, icon, reverse(f"admin:{app}_{model}_changelist"), badge)


def logo(request: HttpRequest) -> str:
    """The address of the site's mark."""
    return static("img/logo.svg")


def styles(request: HttpRequest) -> str:
    """The address of what the admin's theme has no style for."""
    return static("css/admin.css")
