"""The parts of the spend chart there are hundreds of: in template language, variable by variable, they took a third of
the time of the whole page. Numbers and dollars only, so that nothing in them needs escaping."""

from collections.abc import Sequence

from django import template
from django.utils.safestring import SafeString, mark_safe

from billing.charts import Bar
from config.templatetags.display import usd_short

register = template.Library()


@register.filter
def segments(bar: Bar) -> SafeString:
    """The stacked rectangles of a bar."""
    across = f'x="{bar.x}" width="{bar.width}"'
    parts = (
        f'<rect class="series-{part.series}" {across} y="{part.y}" height="{part.height}"/>' for part in bar.segments
    )
    return mark_safe("".join(parts))  # noqa: S308


@register.filter
def cells(amounts: Sequence[int]) -> SafeString:
    """A row of amounts in a table."""
    return mark_safe("".join(f'<td class="num">{usd_short(nano)}</td>' for nano in amounts))  # noqa: S308
