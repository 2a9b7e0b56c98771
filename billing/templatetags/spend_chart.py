"""The parts of the spend chart there are hundreds of: in template language, variable by variable, they took a third of
the time of the whole page.
"""

from collections.abc import Iterable

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from billing.charts import Bar
from billing.selectors import Bucket
from config.templatetags.display import usd_short

register = template.Library()

Column = tuple[Bar, Bucket, str]


@register.simple_tag
def chart_columns(columns: Iterable[Column], height: int) -> SafeString:
    """Stacked bars, each rounded at its top alone, and what is said of them. All but labels is numbers and dollars."""
    drawn = (_column(bar, bucket, label, n, height) for n, (bar, bucket, label) in enumerate(columns, start=1))
    return mark_safe("".join(drawn))  # noqa: S308


@register.simple_tag
def chart_rows(columns: Iterable[Column]) -> SafeString:
    """The same figures in the table below."""
    return mark_safe("".join(_row(bucket, label) for _bar, bucket, label in columns))  # noqa: S308


def _column(bar: Bar, bucket: Bucket, label: str, number: int, height: int) -> str:
    return (
        f'<g class="chart-column"><title>{escape(label)}: {usd_short(bucket.totals.charge)}</title>'
        f'<rect class="chart-hit" x="{bar.left}" y="0" width="{bar.room}" height="100%"></rect>'
        f'<clipPath id="bar-{number}">'
        f'<rect x="{bar.x}" y="{bar.y}" width="{bar.width}" height="{height}" rx="3"></rect></clipPath>'
        f'<g clip-path="url(#bar-{number})">{_segments(bar)}</g></g>'
    )


def _segments(bar: Bar) -> str:
    across = f'x="{bar.x}" width="{bar.width}"'
    return "".join(
        f'<rect class="series-{part.series}" {across} y="{part.y}" height="{part.height}"/>' for part in bar.segments
    )


def _row(bucket: Bucket, label: str) -> str:
    cells = "".join(f'<td class="num">{usd_short(nano)}</td>' for nano in (*bucket.charges, bucket.totals.charge))
    return f'<tr><th scope="row" class="nowrap">{escape(label)}</th>{cells}</tr>'
