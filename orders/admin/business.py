"""The page "Business": figures of the last days for members of staff who may see both payments and usage."""

from html import escape
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from billing.charts import Bar, BarChart, stacked_bars
from config.kernel.money import PPM, format_usd, format_usd_short
from orders.admin.sales import TONES
from orders.attention import waiting_messages, waiting_orders
from orders.business import Business, Day, business
from orders.fiat import format_fiat
from orders.models import Order

PERMISSIONS = ("orders.view_payment", "billing.view_usagerollup")
SPANS = (7, 30, 90)
HEIGHT = 180


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """`?days=7|30|90`."""
    if not request.user.has_perms(PERMISSIONS):
        raise PermissionDenied
    days = next((span for span in SPANS if str(span) == request.GET.get("days")), 30)
    found = business(days=days, now=timezone.now(), zone=timezone.get_current_timezone())
    context = {
        **admin.site.each_context(request),
        "title": _("Business"),
        "spans": SPANS,
        "days": days,
        "tiles": _tiles(found),
        "charts": _charts(found),
        "head": _head(found),
        "rows": SafeString("".join(_row(day, found) for day in reversed(found.days))),
        "statuses": [
            {"word": Order.Status(status).label, "count": count, "tone": TONES.get(status, ""), "status": status}
            for status, count in found.statuses.items()
        ],
    }
    return render(request, "admin/orders/business.html", context)


def _tiles(found: Business) -> list[dict[str, str]]:
    whole, earned = found.whole, found.whole.earned
    margin = _percent(earned.margin, earned.costed_charge)
    return [
        *(_taken_tile(currency, found) for currency in found.currencies),
        _tile(_("Credit sold"), format_usd_short(whole.credit)),
        _tile(_("Usage charged"), format_usd_short(earned.charge)),
        _tile(_("Upstream cost"), format_usd_short(earned.cost), _known_share(found)),
        _tile(_("Margin"), format_usd_short(earned.margin), margin),
        _tile(_("Credited by asking"), _share(found.polled_ppm), _("A growing share: messages do not arrive.")),
        _tile(_("Oldest waiting message"), _age(found)),
        _tile(_("Orders that need attention"), str(waiting_orders())),
        _tile(_("Messages that need attention"), str(waiting_messages())),
    ]


def _tile(word: str, value: str, note: str = "") -> dict[str, str]:
    return {"word": word, "value": value, "note": note}


def _taken_tile(currency: str, found: Business) -> dict[str, str]:
    taken = found.whole.taken[currency]
    words = {"paid": format_fiat(taken.paid, currency), "refunded": format_fiat(taken.refunded, currency)}
    note = _("%(paid)s paid − %(refunded)s refunded") % words if taken.refunded else ""
    return _tile(_("Revenue"), format_fiat(taken.kept, currency), note)


def _known_share(found: Business) -> str:
    earned = found.whole.earned
    if earned.costed_charge == earned.charge:
        return ""
    return _("Known for %(share)s of the usage") % {"share": _percent(earned.costed_charge, earned.charge)}


def _percent(part: int, whole: int) -> str:
    return f"{part * 1000 // whole / 10:.1f} %" if whole else ""


def _share(ppm: int | None) -> str:
    return "–" if ppm is None else _percent(ppm, PPM)


def _age(found: Business) -> str:
    if found.oldest_message is None:
        return "–"
    minutes = int(found.oldest_message.total_seconds() // 60)
    return _("%(hours)d h %(minutes)d min") % {"hours": minutes // 60, "minutes": minutes % 60}


def _charts(found: Business) -> list[dict[str, Any]]:
    """One for each currency, and one for usage: its cost, and what is left of it."""
    charts = [_taken_chart(currency, found) for currency in found.currencies]
    if any(day.earned.charge for day in found.days):
        stacks = [(day.earned.cost, max(day.earned.charge - day.earned.cost, 0)) for day in found.days]
        chart = stacked_bars(stacks, label=_dollars, height=HEIGHT)
        titles = [format_usd(day.earned.charge) for day in found.days]
        charts.append(_drawn(_("Usage charged"), [_("Upstream cost"), _("Above it")], chart, titles, found))
    return charts


def _dollars(nano: int) -> str:
    return format_usd_short(nano)


def _taken_chart(currency: str, found: Business) -> dict[str, Any]:
    taken = [day.taken[currency] for day in found.days]
    stacks = [(max(one.kept, 0), min(one.refunded, one.paid)) for one in taken]
    chart = stacked_bars(stacks, label=lambda minor: format_fiat(minor, currency), height=HEIGHT)
    titles = [format_fiat(one.kept, currency) for one in taken]
    word = _("Revenue in %(currency)s") % {"currency": currency}
    return _drawn(word, [_("Kept"), _("Refunded")], chart, titles, found)


def _drawn(word: str, series: list[str], chart: BarChart, titles: list[str], found: Business) -> dict[str, Any]:
    return {
        "word": word,
        "series": series,
        "chart": chart,
        "columns": SafeString("".join(map(_column, chart.bars, found.days, titles))),
        "ticks": [(tick, found.days[tick.position].on) for tick in chart.ticks],
    }


def _column(bar: Bar, day: Day, title: str) -> str:
    """Written in Python, like the rows of the table: a page has hundreds of them."""
    place = f'x="{bar.x}" width="{bar.width}"'
    segments = (
        f'<rect class="series-{part.series}" {place} y="{part.y}" height="{part.height}"></rect>'
        for part in bar.segments
    )
    room = f'<rect class="staff-hit" x="{bar.left}" y="0" width="{bar.room}" height="100%"></rect>'
    return f"<g><title>{day.on}: {escape(title)}</title>{room}{''.join(segments)}</g>"


def _head(found: Business) -> list[str]:
    money = [_("Revenue in %(currency)s") % {"currency": currency} for currency in found.currencies]
    return [*money, _("Credit sold"), _("Usage charged"), _("Upstream cost"), _("Margin")]


def _row(day: Day, found: Business) -> str:
    money = [format_fiat(day.taken[currency].kept, currency) for currency in found.currencies]
    dollars = (day.credit, day.earned.charge, day.earned.cost, day.earned.margin)
    cells = "".join(f'<td class="is-number">{escape(cell)}</td>' for cell in (*money, *map(_dollars, dollars)))
    return f'<tr><th scope="row" class="is-day">{day.on}</th>{cells}</tr>'
