"""The rows of the price list, dozens of them: in template language they took most of the time of the whole page."""

from collections.abc import Iterable
from html import escape

from django import template
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from billing.pricing import Prices
from config.templatetags.display import copy_button, count, ratio, usd, usd_price
from relay.selectors import Offer

register = template.Library()


@register.simple_tag
def price_rows(offers: Iterable[Offer], *, names_groups: bool) -> SafeString:
    """Rows of a table whose heads they repeat, for phones. With `names_groups` each says which group would serve it."""
    heads = [_("Provider"), _("Input"), _("Cached input"), _("Output"), _("Per call"), _("Group")]
    labels = [f'data-label="{escape(head)}"' for head in heads]
    return mark_safe("".join(_row(offer, labels, names_groups=names_groups) for offer in offers))  # noqa: S308


def _row(offer: Offer, labels: list[str], *, names_groups: bool) -> str:
    prices, provider, group = offer.prices, labels[0], labels[-1]
    tone = "neutral" if offer.is_list_price else "accent"
    code = f' <span class="faint small">{escape(offer.group.code)}</span>' if names_groups else ""
    return (
        f'<tr><th scope="row" class="model-cell">{_model(offer)}{_tiers(prices)}</th>'
        f'<td {provider} class="muted">{escape(offer.provider) or "–"}</td>'
        f"{_prices(offer, prices, labels[1:-1])}"
        f'<td {group} class="nowrap"><span><span class="badge badge-{tone}">{ratio(offer.group.ratio_ppm)}</span>'
        f"{code}</span></td></tr>"
    )


def _model(offer: Offer) -> str:
    copy = copy_button(offer.model, _("Copy %(model)s") % {"model": offer.model})
    tags = "".join(f'<span class="badge badge-neutral">{escape(tag)}</span>' for tag in offer.listed.tags)
    return f'<span class="model-name"><span class="break">{escape(offer.model)}</span>{copy}{tags}</span>'


def _tiers(prices: Prices) -> str:
    sentence = _("Prompts above %(tokens)s tokens: %(input)s in, %(output)s out") if prices.tiers else ""
    said = (
        {"tokens": count(tier.above), "input": usd_price(tier.rates.input), "output": usd_price(tier.rates.output)}
        for tier in prices.tiers
    )
    return "".join(f'<span class="tier">{escape(sentence % figures)}</span>' for figures in said)


def _prices(offer: Offer, prices: Prices, labels: list[str]) -> str:
    listed, per_call = offer.list_prices, labels.pop()
    if offer.is_per_call:
        words = escape(_("per call"))
        unit = f' <span class="faint">{words}</span>'
        return f'<td class="num" colspan="3" {per_call}>{_price(prices.per_call, listed.per_call, unit)}</td>'
    pairs = [(prices.input, listed.input), (prices.cache_read, listed.cache_read), (prices.output, listed.output)]
    cells = [f'<td class="num" {label}>{_price(*pair)}</td>' for label, pair in zip(labels, pairs, strict=True)]
    return "".join(cells)


def _price(price: int, listed: int, unit: str = "") -> str:
    """The list price stands struck beside another one."""
    words = escape(_("list price"))
    struck = f' <s><span class="sr-only">{words} </span>{usd_price(listed)}</s>'
    shown = f'<span class="price" title="{usd(price)}"><strong>{usd_price(price)}</strong>{unit}'
    return f"{shown}{struck if price != listed else ''}</span>"
