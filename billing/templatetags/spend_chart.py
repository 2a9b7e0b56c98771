"""The parts of the spend chart there are hundreds of: in template language, variable by variable, they took a third of
the time of the whole page.
"""

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from billing.charts import Bar
from billing.selectors import Bucket
from config.templatetags.display import usd_short

register = template.Library()


@register.simple_tag
def column(bar: Bar, bucket: Bucket, label: str, number: int, height: int) -> SafeString:
    """A stacked bar, rounded at its top alone, and what is said of it. All but the label is numbers and dollars."""
    return mark_safe(  # noqa: S308
        f'<g class="chart-column"><title>{escape(label)}: {usd_short(bucket.totals.charge)}</title>'
        f'<rect class="chart-hit" x="{bar.left}" y="0" width="{bar.room}" height="100%"></rect>'
        f'<clipPath id="bar-{number}">'
        f'<rect x="{bar.x}" y="{bar.y}" width="{bar.width}" height="{height}" rx="3"></rect></clipPath>'
        f'<g clip-path="url(#bar-{number})">{_segments(bar)}</g></g>'
    )


@register.simple_tag
def row(bucket: Bucket, label: str) -> SafeString:
    """The same figures in the table below."""
    cells = "".join(f'<td class="num">{usd_short(nano)}</td>' for nano in (*bucket.charges, bucket.totals.charge))
    return mark_safe(f'<tr><th scope="row" class="nowrap">{escape(label)}</th>{cells}</tr>')  # noqa: S308


def _segments(bar: Bar) -> str:
    across = f'x="{bar.x}" width="{bar.width}"'
    return "".join(
        f'<rect class="series-{part.series}" {across} y="{part.y}" height="{part.height}"/>' for part in bar.segments
    )
