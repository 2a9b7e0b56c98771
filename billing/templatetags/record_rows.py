"""The rows of a log, fifty to a page: in template language they took a third of the time of the whole page."""

from collections.abc import Iterable

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from billing.models import UsageRecord
from billing.templatetags.endpoint_names import endpoint_name
from billing.usage_log import Log
from config.templatetags.display import count, milliseconds, ratio, usd, usd_short

register = template.Library()


@register.simple_tag
def record_rows(records: Iterable[UsageRecord], log: Log | str = "") -> SafeString:
    """Rows of a table whose heads they repeat, for phones. Logs of some endpoints say which, instead of the stream."""
    heads = [_("Time"), _("Token"), _("Model"), _("Group"), _("Kind") if _has_kinds(log) else _("Stream")]
    heads += [_("First byte / total"), _("Input (cached)"), _("Output"), _("Cost"), _("Status")]
    labels = [f'data-label="{escape(head)}"' for head in heads]
    return mark_safe("".join(_row(record, labels, has_kinds=_has_kinds(log)) for record in records))  # noqa: S308


@register.filter
def status_badge(record: UsageRecord) -> SafeString:
    """How a request ended. Not by `get_status_display`: for each row it makes all translated choices hashable."""
    tone, word = {
        UsageRecord.Status.SETTLED: ("good", _("Completed")),
        UsageRecord.Status.OPEN: ("info", _("Running")),
        UsageRecord.Status.FAILED: ("bad", _("Failed")),
    }.get(UsageRecord.Status(record.status), ("warn", _("Interrupted")))
    return format_html('<span class="badge badge-dot badge-{}">{}</span>', tone, word)


def _has_kinds(log: Log | str) -> bool:
    return isinstance(log, Log) and bool(log.endpoints)


def _row(record: UsageRecord, labels: list[str], *, has_kinds: bool) -> str:
    time, token, model, group, kind, times, tokens_in, tokens_out, cost, status = labels
    is_open = record.status == UsageRecord.Status.OPEN
    return (
        f'<tr data-id="{record.pk}"{" data-running" if is_open else ""}>'
        f'<th scope="row" class="nowrap num-start" {time}>{_time(record)}</th>'
        f"<td {token}>{_titled('chip', record.token_name)}</td>"
        f"<td {model}>{_titled('model', record.model)}</td>"
        f'<td {group}><span class="nowrap">{escape(record.group)} '
        f'<span class="faint">{ratio(record.ratio_ppm)}</span></span></td>'
        f"<td {kind}>{_kind(record) if has_kinds else _stream(record)}</td>"
        f'<td class="num" {times}><span>{milliseconds(record.first_byte_ms)} '
        f'<span class="faint">/ {milliseconds(record.total_ms)}</span></span></td>'
        f'<td class="num" {tokens_in}><span>{_input(record)}</span></td>'
        f'<td class="num" {tokens_out}>'
        f"{'–' if record.output_tokens is None else count(record.usage.completion_total)}</td>"
        f'<td class="num" {cost}>{_cost(record, is_open)}</td>'
        f"<td {status}>{status_badge(record)}</td></tr>"
    )


def _time(record: UsageRecord) -> str:
    at, details = timezone.localtime(record.created_at), reverse("usage-record", args=[record.pk])
    return (
        f'<a class="row-link" href="{details}" hx-get="{details}" hx-target="#request-details-body" '
        f'hx-swap="innerHTML"><time datetime="{at:%Y-%m-%dT%H:%M:%S.%f%z}" title="{at:%Y-%m-%d %H:%M:%S.%f %Z}">'
        f"{at:%m-%d %H:%M:%S}</time></a>"
    )


def _titled(kind: str, text: str) -> str:
    safe = escape(text)
    return f'<span class="{kind} truncate" title="{safe}">{safe}</span>'


def _kind(record: UsageRecord) -> str:
    return escape(endpoint_name(record.endpoint))


def _stream(record: UsageRecord) -> str:
    return escape(_("Yes")) if record.is_stream else f'<span class="faint">{escape(_("No"))}</span>'


def _input(record: UsageRecord) -> str:
    told = "–" if record.input_tokens is None else count(record.usage.prompt_total)
    return (
        f'{told} <span class="faint">({count(record.cache_read_tokens)})</span>' if record.cache_read_tokens else told
    )


def _cost(record: UsageRecord, is_open: bool) -> str:
    if is_open:
        reserved = escape(_("Reserved while the request runs"))
        return f'<span class="faint" title="{reserved}">{usd_short(record.hold)}</span>'
    return f'<strong title="{usd(record.charge)}">{usd_short(record.charge)}</strong>'
