"""Dashboard, Usage log, and the Drawing and Task logs, which are the Usage log of some endpoints."""

import re
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.formats import date_format
from django.utils.translation import get_language, pgettext
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from accounts.models import User
from billing import charts, receipt, selectors, usage_log
from billing.csv_lines import csv_response
from billing.forms import UsageFilterForm
from billing.selectors import Period
from billing.usage_csv import csv_of
from billing.usage_log import Log
from config.kernel.money import format_usd

_REQUEST_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@login_required
@require_safe
def dashboard(request: HttpRequest) -> HttpResponse:
    """What the user's keys have been doing, and what is left."""
    asked = request.GET.get("range", "")
    period = Period(asked) if asked in list(Period) else Period.MONTH
    zone = timezone.get_current_timezone()
    shown = selectors.dashboard(_user(request), period=period, now=timezone.now(), zone=zone)
    context = {"dashboard": shown, "period": period, "periods": list(Period), **_drawn(shown.usage, period)}
    return render(request, "billing/dashboard.html", context)


def _drawn(usage: selectors.PeriodUsage, period: Period) -> dict[str, Any]:
    if period.is_hourly:
        on_axis, in_full = pgettext("hours of a chart", "H:i"), pgettext("an hour", "M j, H:i")
    else:
        on_axis, in_full = pgettext("days of a chart", "M j"), pgettext("a day", "D, M j")
    chart = charts.stacked_bars(
        [bucket.charges for bucket in usage.buckets], label=lambda nano: format_usd(nano, min_digits=0)
    )
    return {
        "chart": chart,
        "columns": [
            (bar, bucket, _written(bucket.at, in_full)) for bar, bucket in zip(chart.bars, usage.buckets, strict=True)
        ],
        "ticks": [(tick, _written(usage.buckets[tick.position].at, on_axis)) for tick in chart.ticks],
        "ring": charts.ring([share.costs.charge for share in usage.models]),
        "spend_line": charts.sparkline([bucket.totals.charge for bucket in usage.buckets]),
        "requests_line": charts.sparkline([bucket.totals.requests for bucket in usage.buckets]),
        "tokens_line": charts.sparkline([bucket.totals.tokens for bucket in usage.buckets]),
    }


def _written(at: date, pattern: str) -> str:
    if isinstance(at, datetime):
        return date_format(timezone.localtime(at), pattern)
    return _day_written(at, pattern, get_language())


@lru_cache(maxsize=1_024)  # the same days for everybody
def _day_written(day: date, pattern: str, language: str | None) -> str:
    return date_format(day, pattern)


@login_required
@require_safe
def log(request: HttpRequest, log: Log = Log.USAGE) -> HttpResponse:
    """Requests, filtered and page by page: all of them, or those of one of the logs of what is no text."""
    user, form = _user(request), _filter(request, log)
    context = {"form": form, "log": log, "address": reverse(log), "csv": reverse(f"{log}-csv")}
    if not form.is_valid():
        return render(request, f"billing/{log}.html", context)
    where = form.where
    page = usage_log.log_page(user, where, older_than=form.cleaned_data["older"], newer_than=form.cleaned_data["newer"])
    context |= {
        "page": page,
        "header": usage_log.log_header(user, where),
        "newer": page.newer_than and "?" + form.query(newer=page.newer_than),
        "older": page.older_than and "?" + form.query(older=page.older_than),
        "live": reverse(f"{log}-live") if form.is_live else "",
        "empty": f"billing/_empty_{log}.html",
    }
    return render(request, f"billing/{log}.html", context)


@login_required
@require_safe
@cache_control(no_store=True)
def live(request: HttpRequest, log: Log = Log.USAGE) -> HttpResponse:
    """What is new on the first page of a log. Parameters, besides the filter: `newer`, the newest request that the page
    shows, and `running`, those it shows as running.
    """
    user, form = _user(request), _filter(request, log)
    if not form.is_valid():
        return HttpResponse(status=400)
    running = _ids(request.GET.getlist("running"))
    rows = usage_log.live_rows(user, form.where, newer_than=form.cleaned_data["newer"], running=running)
    header = usage_log.log_header(user, form.where) if rows else None
    return render(request, "billing/_live.html", {"log": log, "records": rows, "header": header})


def _ids(texts: list[str]) -> list[UUID]:
    """Those that are request ids, at most a page of them."""
    return [UUID(text) for text in texts[: usage_log.PAGE_SIZE] if _REQUEST_ID.fullmatch(text)]


@login_required
@require_safe
def log_csv(request: HttpRequest, log: Log = Log.USAGE) -> HttpResponseBase:
    """The same requests as a file."""
    form = _filter(request, log)
    if not form.is_valid():
        context = {"form": form, "log": log, "address": reverse(log)}
        return render(request, f"billing/{log}.html", context, status=400)
    lines = csv_of(_user(request), form.where, zone=timezone.get_current_timezone())
    return csv_response(lines, name=log)


@login_required
@require_safe
def record(request: HttpRequest, record_id: UUID) -> HttpResponse:
    """One request explained: a page, or for htmx what goes into the drawer."""
    found = receipt.receipt_of(_user(request), record_id)
    if found is None:
        raise Http404
    template = "billing/_receipt.html" if request.headers.get("HX-Request") else "billing/usage_record.html"
    response = render(request, template, {"receipt": found, "record": found.record})
    patch_vary_headers(response, ["HX-Request"])
    return response


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _filter(request: HttpRequest, log: Log) -> UsageFilterForm:
    zone = timezone.get_current_timezone()
    return UsageFilterForm(request.GET, user=_user(request), now=timezone.now(), zone=zone, log=log)
