"""Playground and Chat: pages that call the relay from the browser, as the signed-in user and at their cost."""

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from billing.models import UsageRecord
from config.kernel.errors import DomainError, NotAuthenticated, NotFound
from config.kernel.money import decimal_usd
from config.templatetags.display import usd_price
from relay.selectors import Offer, callable_by_group, own_prices, price_groups, showcase
from tokens.models import Token
from tokens.passes import write_pass
from tokens.playground import playground_token
from tokens.selectors import TokenFilter, open_group, tokens_of

TOKENS_LISTED = 100


@login_required
@require_safe
def playground(request: HttpRequest) -> HttpResponse:
    """One conversation beside everything that can be set."""
    return render(request, "relay/playground.html", {"options": options_of(_user(request))})


@login_required
@require_safe
def chat(request: HttpRequest) -> HttpResponse:
    """Several conversations, which the browser keeps."""
    return render(request, "relay/chat.html", {"options": options_of(_user(request))})


@require_POST
@cache_control(no_store=True)
def make_pass(request: HttpRequest) -> JsonResponse:
    """A pass for one call as `token` (an id of the user's own) or as the Playground token in `group` (a code)."""
    try:
        return JsonResponse({"pass": _pass_for(request)})
    except DomainError as refusal:
        return JsonResponse({"error": {"code": refusal.code, "message": refusal.message}}, status=refusal.status)


def _pass_for(request: HttpRequest) -> str:
    if not request.user.is_authenticated:
        raise NotAuthenticated(_("You have been signed out."), code="signed_out")
    user, public_id = _user(request), request.POST.get("token", "")
    if not public_id:
        group = open_group(user, request.POST.get("group", ""))
        return write_pass(playground_token(user=user, group=group), group=group)
    token = tokens_of(user).filter(public_id=public_id.replace("\x00", "")).first()
    if token is None:
        raise NotFound(_("You have no such token."), code="token_not_found")
    return write_pass(token)


@login_required
@require_safe
@cache_control(no_store=True)
def receipt(request: HttpRequest, record_id: UUID) -> JsonResponse:
    """What a call of the user's came to, for an answer that was stopped or broken: `is_final` once it is charged."""
    record = UsageRecord.objects.filter(user=_user(request), pk=record_id).first()
    if record is None:
        return JsonResponse({"is_final": False})
    return JsonResponse(
        {
            "is_final": record.status != UsageRecord.Status.OPEN,
            "cost": decimal_usd(record.charge),
            "input": record.usage.prompt_total,
            "cached": record.cache_read_tokens or 0,
            "output": record.usage.completion_total,
        }
    )


def options_of(user: User) -> dict[str, Any]:
    """What the page's pickers offer, as JSON: groups with what each serves and for how much, and the user's tokens."""
    groups = price_groups(user)
    offers = callable_by_group(groups, own=own_prices(user))
    chats = {code: [offer for offer in offered if offer.is_chat] for code, offered in offers.items()}
    first = showcase([offer for offered in chats.values() for offer in offered])
    return {
        "user": user.pk,
        "model": first.model if first else "",
        "groups": [
            {
                "code": group.code,
                "label": f"{group.code} · {group.ratio_label}" if group.ratio_label != group.code else group.code,
                "about": group.local_description,
                "models": [_model(offer) for offer in chats[group.code]],
            }
            for group in sorted(groups, key=lambda group: not group.is_auto)
            if chats[group.code]
        ],
        "tokens": [
            _token(token) for token in tokens_of(user, TokenFilter(status=Token.Status.ENABLED))[:TOKENS_LISTED]
        ],
    }


def _model(offer: Offer) -> dict[str, Any]:
    prices = offer.prices
    return {
        "name": offer.model,
        "provider": offer.provider,
        "drill": offer.is_fault_drill,
        "input": usd_price(prices.input),
        "cached": usd_price(prices.input if prices.cache_read is None else prices.cache_read),
        "output": usd_price(prices.output),
        "call": usd_price(prices.per_call) if prices.per_call else "",
    }


def _token(token: Token) -> dict[str, Any]:
    label = f"{token.name} · {token.masked_key}"
    return {"id": token.public_id, "label": label, "group": token.group.code, "models": token.models_allowed}


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
