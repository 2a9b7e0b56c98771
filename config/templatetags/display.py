"""How amounts, ratios, counts and icons are written on pages. Loaded in every template."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from html import escape

from django import template
from django.conf import settings
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.template import Context
from django.template.loader_tags import BLOCK_CONTEXT_KEY, BlockContext
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from config.kernel import money

register = template.Library()


@register.filter
def usd(nano: int | None) -> str:
    """Exact dollars: `$0.000042`."""
    return "" if nano is None else money.format_usd(nano)


@register.filter
def usd_short(nano: int | None) -> str:
    """Dollars for tiles and tables: cents from a dollar up, four significant digits below."""
    return "" if nano is None else money.format_usd_short(nano)


@register.filter
def usd_price(nano: int) -> str:
    """A list price: four decimals from a cent up, below it four digits that count. Converted prices have nine."""
    if nano < money.NANO_PER_USD // 100:
        return money.format_usd_short(nano)
    step = money.NANO_PER_USD // 10_000
    return money.format_usd((nano + step // 2) // step * step)


@register.filter
def usd_exact(exact: int) -> str:
    """A charge line (nano-dollars × 1,000,000) in dollars, before it is rounded: `$0.0000162`."""
    dollars = (Decimal(exact) / (money.PPM * money.NANO_PER_USD)).normalize()
    digits = max(-int(dollars.as_tuple().exponent), 2)
    return f"${dollars:,.{digits}f}"


@register.filter
def quota(nano: int | None) -> int | str:
    """Credit in quota units."""
    return "" if nano is None else money.nano_to_quota(nano, quota_per_usd=settings.QUOTA_PER_USD)


@register.filter
def ratio(ppm: int) -> str:
    """`0.28x`."""
    return money.format_ratio(ppm)


@register.filter
def clock(moment: datetime, pattern: str) -> str:
    """A moment on the reader's clock, by `strftime`: digits only, for long tables. `date` is ten times as slow."""
    return timezone.localtime(moment).strftime(pattern)


@register.filter
def milliseconds(value: int | None) -> str:
    """`340 ms`, `2.82 s`, or a dash."""
    if value is None:
        return "–"
    return f"{value} ms" if value < 1000 else f"{value / 1000:.2f} s"


@register.filter
def compact(value: int | None) -> str:
    """`48,213` up to 99,999, then `36.8M`."""
    if value is None:
        return "–"
    for size, letter in ((1_000_000_000, "B"), (1_000_000, "M"), (100_000, "")):
        if value >= size and letter:
            return f"{value / size:.1f}{letter}"
    return f"{value:,}" if value < 100_000 else f"{value / 1000:.0f}K"


@register.filter
def count(value: int | None) -> str:
    """Every digit: `1,048,576`; a dash where nobody counted."""
    return "–" if value is None else f"{value:,}"


@register.filter
def per_minute(rate: float) -> str:
    """`1,250`, from ten down with three significant digits: `0.0125`."""
    return f"{rate:,.0f}" if rate >= 10 or not rate else f"{rate:.3g}"


@register.filter
def percent(ppm: int | None) -> str:
    """Parts per million as `35%`, near the ends as `99.9%`, cut and not rounded up to a whole; a dash for None."""
    if ppm is None:
        return "–"
    if 100_000 <= ppm <= 900_000 or ppm in (0, money.PPM):
        return f"{ppm // 10_000}%"
    return f"{ppm // 1_000 / 10:.1f}%"


@register.filter
def growth(ppm: int) -> str:
    """`+12.4%`, `−2.3%`; from eleven times as much on the factor, `×24`."""
    if ppm >= 10 * money.PPM:
        return f"×{ppm // money.PPM + 1:,}"
    sign = money.MINUS if ppm < 0 else "+"
    return f"{sign}{abs(ppm) / 10_000:,.1f}%"


@register.filter
def within(path: str, href: str) -> bool:
    """Whether an address lies on or under another: marks the current entry of a menu."""
    return bool(href) and (path == href or path.startswith(href.rstrip("/") + "/"))


@register.filter
def fullness(used: int, total: int) -> str:
    """The tone of a quota bar: nothing, `warn` from 80 %, `bad` when spent."""
    if used >= total:
        return "bad"
    return "warn" if used * 5 >= total * 4 else ""


@register.filter
def words(text: str) -> list[str]:
    """A list written in a template: `"one two"`."""
    return text.split()


@register.filter
def tab_pairs(text: str) -> list[list[str]]:
    """`"id:Label,id:Label"` as pairs."""
    return [part.strip().split(":", 1) for part in text.split(",")]


@register.simple_tag(takes_context=True)
def block_again(context: Context, name: str) -> str:
    """What a block of the page says, in a second place: `{% block %}` can stand in one only."""
    blocks: BlockContext = context.render_context[BLOCK_CONTEXT_KEY]
    block = blocks.get_block(name)
    return block.render(context).strip() if block else ""


@register.simple_tag
@lru_cache(maxsize=512)
def icon(name: str, classes: str = "") -> SafeString:
    """An icon of the sprite, which says nothing to who cannot see it."""
    return format_html(
        '<svg class="icon{}" width="16" height="16" aria-hidden="true" focusable="false">'
        '<use href="{}#{}"></use></svg>',
        f" {classes}" if classes else "",
        static("img/icons.svg"),
        name,
    )


@register.simple_tag
def options(choices: Iterable[tuple[object, object]], chosen: object = "") -> SafeString:
    """The options of a select, of pairs of a value and its text."""
    wanted = str(chosen)
    return mark_safe(  # noqa: S308
        "".join(
            f'<option value="{escape(str(value))}"{" selected" if str(value) == wanted else ""}>'
            f"{escape(str(text))}</option>"
            for value, text in choices
        )
    )


@register.simple_tag
def moment(at: datetime | None, empty: str = "–", classes: str = "") -> SafeString:
    """How long ago, with the time on the reader's clock; a script keeps it true. Without a moment, `empty`."""
    if not at:
        return mark_safe(f'<span class="faint">{escape(empty)}</span>')  # noqa: S308
    local, class_of = timezone.localtime(at), f' class="{classes}"' if classes else ""
    return mark_safe(  # noqa: S308
        f'<time datetime="{local.isoformat()}" title="{local:%Y-%m-%d %H:%M:%S %Z}" data-relative'
        f"{class_of}>{escape(str(naturaltime(at)))}</time>"
    )


@register.simple_tag
def copy_button(text: str, label: str) -> SafeString:
    """The component `copy` for rows of tables: an icon that copies a text."""
    name, done, failed = (
        escape(words)
        for words in (label, _("Copied to clipboard!"), _("Could not copy. Select the text and copy it by hand."))
    )
    return mark_safe(  # noqa: S308
        f'<button type="button" class="copy needs-script button button-icon button-ghost button-sm" '
        f'data-copy="{escape(text)}" data-copied="{done}" data-failed="{failed}" aria-label="{name}" title="{name}">'
        f"{icon('copy', 'icon-idle')}{icon('check', 'icon-done')}</button>"
    )
