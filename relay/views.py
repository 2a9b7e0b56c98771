"""Home and Pricing."""

from collections.abc import Iterable, Mapping

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from billing.pricing import Prices
from relay.selectors import Offer, callable_models, cheapest_input, own_prices, price_groups, showcase
from tokens.models import Group


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What this site sells, in one screen."""
    groups = price_groups(request.user)
    chosen = _group_of(groups, "")
    offers = _on_sale(chosen, groups, own_prices(request.user))
    context = {
        "groups": groups,
        "model_count": len(offers),
        "price_from": cheapest_input(offers),
        "showcase": showcase(offers),
    }
    return render(request, "relay/home.html", context)


@require_safe
def pricing(request: HttpRequest) -> HttpResponse:
    """The price list. Parameters: `group` (a code), `provider` (a code), `q` (part of a model's name)."""
    groups = price_groups(request.user)
    chosen = _group_of(groups, request.GET.get("group", ""))
    offers = _on_sale(chosen, groups, own_prices(request.user))
    query, provider = request.GET.get("q", "").strip(), request.GET.get("provider", "")
    context = {
        "groups": groups,
        "chosen": chosen,
        "providers": sorted({(offer.listed.provider, offer.provider) for offer in offers if offer.listed.provider}),
        "provider": provider,
        "query": query,
        "offers": _matching(offers, query=query, provider=provider),
        "model_count": len(offers),
    }
    return render(request, "relay/pricing.html", context)


def _group_of(groups: list[Group], code: str) -> Group | None:
    """The group asked for, else the automatic one, else the first."""
    automatic = [group for group in groups if group.is_auto]
    named = [group for group in groups if group.code == code]
    return next(iter(named + automatic + groups), None)


def _on_sale(chosen: Group | None, groups: list[Group], own: Mapping[str, Prices]) -> list[Offer]:
    """What a visitor would buy. Fault drills can be called, but the price list does not boast of them."""
    offers = callable_models(chosen, among=groups, own=own) if chosen else []
    return [offer for offer in offers if not offer.is_fault_drill]


def _matching(offers: Iterable[Offer], *, query: str, provider: str) -> list[Offer]:
    wanted = query.lower()
    return [offer for offer in offers if wanted in offer.model.lower() and provider in ("", offer.listed.provider)]
