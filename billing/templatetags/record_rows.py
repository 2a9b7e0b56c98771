"""The rows of a log, fifty to a page: in template language they took a third of the time of the whole page."""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from uuid import UUID

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from billing.models import UsageRecord
from billing.templatetags.endpoint_names import endpoint_name
from billing.usage_log import Log
from config.templatetags.display import count, milliseconds, ratio, usd, usd_short

register = template.Library()

_NOBODY = UUID(int=0)


@register.simple_tag
def record_rows(records: Iterable[UsageRecord], log: Log | str = "") -> SafeString:
    """Rows of a table whose heads they repeat, for phones. Logs of some endpoints say which, instead of the stream."""
    common = _Common.of(log.endpoints if isinstance(log, Log) else ())
    return mark_safe("".join([_row(record, common) for record in records]))  # noqa: S308


@register.filter
def status_badge(record: UsageRecord) -> SafeString:
    """How a request ended. Not by `get_status_display`: for each row it makes all translated choices hashable."""
    return mark_safe(_badges()[record.status])  # noqa: S308


@dataclass(frozen=True, slots=True)
class _Common:
    """What the rows of a table share, in the reader's language: looked up once, not in each of fifty."""

    labels: list[str]
    badges: dict[str, str]
    kinds: dict[str, str]  # by endpoint, where requests are listed by what they are for
    streamed: dict[bool, str]
    reserved: str
    details: str  # how the address of a request begins

    @classmethod
    def of(cls, endpoints: Iterable[str]) -> "_Common":
        kinds = {endpoint: escape(endpoint_name(endpoint)) for endpoint in endpoints}
        heads = [_("Time"), _("Token"), _("Model"), _("Group"), _("Kind") if kinds else _("Stream")]
        heads += [_("First byte / total"), _("Input (cached)"), _("Output"), _("Cost"), _("Status")]
        yes, no = _("Yes"), _("No")
        return cls(
            labels=[f'data-label="{escape(head)}"' for head in heads],
            badges=_badges(),
            kinds=kinds,
            streamed={True: escape(yes), False: f'<span class="faint">{escape(no)}</span>'},
            reserved=escape(_("Reserved while the request runs")),
            details=reverse("usage-record", args=[_NOBODY]).removesuffix(str(_NOBODY)),
        )

    def kind(self, record: UsageRecord) -> str:
        """What it was for; a request that was asked for by its id may be in the wrong log."""
        return self.kinds.get(record.endpoint) or escape(endpoint_name(record.endpoint))


def _badges() -> dict[str, str]:
    of_status = {
        UsageRecord.Status.SETTLED.value: ("good", _("Completed")),
        UsageRecord.Status.OPEN.value: ("info", _("Running")),
        UsageRecord.Status.FAILED.value: ("bad", _("Failed")),
        UsageRecord.Status.ABANDONED.value: ("warn", _("Interrupted")),
    }
    return {
        status: f'<span class="badge badge-dot badge-{tone}">{escape(word)}</span>'
        for status, (tone, word) in of_status.items()
    }


def _row(record: UsageRecord, common: _Common) -> str:
    time, token, model, group, kind, times, tokens_in, tokens_out, cost, status = common.labels
    is_open, usage = record.status == UsageRecord.Status.OPEN, record.usage
    return (
        f'<tr data-id="{record.pk}"{" data-running" if is_open else ""}>'
        f'<th scope="row" class="nowrap num-start" {time}>{_time(record, common.details)}</th>'
        f"<td {token}>{_titled('chip', record.token_name)}</td>"
        f"<td {model}>{_titled('model', record.model)}</td>"
        f'<td {group}><span class="nowrap">{escape(record.group)} '
        f'<span class="faint">{ratio(record.ratio_ppm)}</span></span></td>'
        f"<td {kind}>{common.kind(record) if common.kinds else common.streamed[record.is_stream]}</td>"
        f'<td class="num" {times}><span>{milliseconds(record.first_byte_ms)} '
        f'<span class="faint">/ {milliseconds(record.total_ms)}</span></span></td>'
        f'<td class="num" {tokens_in}><span>{_input(record, usage.prompt_total)}</span></td>'
        f'<td class="num" {tokens_out}>'
        f"{'–' if record.output_tokens is None else count(usage.completion_total)}</td>"
        f'<td class="num" {cost}>{_hold(record, common.reserved) if is_open else _charge(record)}</td>'
        f"<td {status}>{common.badges[record.status]}</td></tr>"
    )


def _time(record: UsageRecord, details: str) -> str:
    at, address = timezone.localtime(record.created_at), f"{details}{record.pk}"
    return (
        f'<a class="row-link" href="{address}" hx-get="{address}" hx-target="#request-details-body" '
        f'hx-swap="innerHTML"><time datetime="{at:%Y-%m-%dT%H:%M:%S.%f%z}" title="{at:%Y-%m-%d %H:%M:%S.%f %Z}">'
        f"{at:%m-%d %H:%M:%S}</time></a>"
    )


def _titled(kind: str, text: str) -> str:
    safe = escape(text)
    return f'<span class="{kind} truncate" title="{safe}">{safe}</span>'


def _input(record: UsageRecord, total: int) -> str:
    told = "–" if record.input_tokens is None else count(total)
    return (
        f'{told} <span class="faint">({count(record.cache_read_tokens)})</span>' if record.cache_read_tokens else told
    )


def _hold(record: UsageRecord, reserved: str) -> str:
    return f'<span class="faint" title="{reserved}">{usd_short(record.hold)}</span>'


def _charge(record: UsageRecord) -> str:
    return f'<strong title="{usd(record.charge)}">{usd_short(record.charge)}</strong>'
