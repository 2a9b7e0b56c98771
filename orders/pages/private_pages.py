"""Pages that are somebody's alone though nobody need sign in: what they share as answers."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from config.client_address import client_address
from config.rate_limits import network_of, seconds_to_wait

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def private(view: View[P]) -> View[P]:
    """Kept by no cache, and named to no other site. See `orders/private.html` for what the site itself is told."""

    @wraps(view)
    def answer(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        response = view(request, *args, **kwargs)
        response["Referrer-Policy"] = "no-referrer"
        return response

    return never_cache(answer)


def is_too_often(request: HttpRequest, limit: str) -> bool:
    """Count one try of the visitor's network against a limit of the settings."""
    return seconds_to_wait(limit, network_of(client_address(request))) > 0


def too_often(request: HttpRequest) -> HttpResponse:
    """The page for who should wait."""
    return render(request, "429.html", status=429)
