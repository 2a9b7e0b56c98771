"""The rows of a statement, fifty to a page: in template language they took half of the time of the whole page."""

from collections.abc import Collection, Iterable
from html import escape
from typing import Final

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.models import LedgerEntry
from billing.statement import Line
from config.templatetags.display import count, usd, usd_short

register = template.Library()

_TONES: Final = {
    LedgerEntry.Kind.TOP_UP: "good",
    LedgerEntry.Kind.BONUS: "accent",
    LedgerEntry.Kind.REDEEM: "good",
    LedgerEntry.Kind.GRANT: "accent",
    LedgerEntry.Kind.REFUND: "warn",
    LedgerEntry.Kind.EXPIRY: "warn",
    LedgerEntry.Kind.ADJUSTMENT: "info",
}


@register.simple_tag
def statement_rows(lines: Iterable[Line], order_numbers: Collection[str]) -> SafeString:
    """Rows of a table whose heads they repeat, for phones. Orders are linked, and the days of usage."""
    heads = [_("Date"), _("Kind"), _("Details"), _("Amount"), _("Balance after")]
    labels = [f'data-label="{escape(head)}"' for head in heads]
    usage = reverse("usage")
    rows = [
        _movement(line, line.entry, labels, order_numbers) if line.entry else _usage(line, labels, usage)
        for line in lines
    ]
    return mark_safe("".join(rows))  # noqa: S308


def _usage(line: Line, labels: list[str], usage: str) -> str:
    date, kind, note, amount, balance = labels
    shown = ngettext("%(shown)s request", "%(shown)s requests", line.requests) % {"shown": count(line.requests)}
    usage_kind = escape(_("Usage"))
    days = f"range=custom&amp;since={line.day}T00:00&amp;until={line.day_after}T00:00"
    return (
        f'<tr class="statement-usage"><td class="statement-date nowrap" {date}>{line.day}</td>'
        f'<td {kind}><span class="badge badge-neutral">{usage_kind}</span></td>'
        f'<td class="statement-note" {note}><a href="{usage}?{days}">{escape(shown)}</a></td>'
        f'<td class="statement-amount num" {amount}>{_amount(line.amount)}</td>'
        f'<td class="statement-balance num" {balance}><span class="faint">–</span></td></tr>'
    )


def _movement(line: Line, entry: LedgerEntry, labels: list[str], order_numbers: Collection[str]) -> str:
    date, kind, note, amount, balance = labels
    at, what = timezone.localtime(entry.created_at), LedgerEntry.Kind(entry.kind)
    return (
        f'<tr class="statement-entry"><td class="statement-date nowrap" {date}>{at:%Y-%m-%d} '
        f'<span class="faint">{at:%H:%M:%S}</span></td>'
        f'<td {kind}><span class="badge badge-{_TONES[what]}">{escape(str(what.label))}</span></td>'
        f'<td class="statement-note" {note}><span class="break">{escape(_(line.note)) if line.note else ""}'
        f"{_reference(entry.reference, order_numbers)}</span></td>"
        f'<td class="statement-amount num" {amount}>{_amount(line.amount)}</td>'
        f'<td class="statement-balance num" {balance}><span title="{usd(entry.balance_after)}">'
        f"{usd_short(entry.balance_after)}</span></td></tr>"
    )


def _amount(nano: int) -> str:
    tone, sign = ("text-good", "+") if nano > 0 else ("", "")
    return f'<strong class="{tone}" title="{usd(nano)}">{sign}{usd_short(nano)}</strong>'


def _reference(reference: str, order_numbers: Collection[str]) -> str:
    if not reference:
        return ""
    if reference in order_numbers:
        return f' <a class="mono" href="{reverse("order", args=[reference])}">{escape(reference)}</a>'
    return f' <span class="mono faint">{escape(reference)}</span>'
