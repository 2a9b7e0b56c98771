"""The side bar of the staff admin, and its logo."""

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

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
        _("Money"),
        (
            (_("Wallets"), "account_balance_wallet", "billing", "wallet"),
            (_("Ledger"), "menu_book", "billing", "ledgerentry"),
            (_("Usage log"), "receipt_long", "billing", "usagerecord"),
            (_("Usage by hour"), "bar_chart", "billing", "usagerollup"),
            (_("Packages"), "inventory_2", "orders", "package"),
        ),
    ),
)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Sections and links, those alone whose lists this member of staff may see."""
    return [
        {
            "title": title,
            "items": [
                {"title": word, "icon": icon, "link": reverse(f"admin:{app}_{model}_changelist")}
                for word, icon, app, model in links
                if request.user.has_perm(f"{app}.view_{model}")
            ],
        }
        for title, links in SECTIONS
    ]


def logo(request: HttpRequest) -> str:
    """The address of the site's mark."""
    return static("img/logo.svg")
