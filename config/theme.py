"""Light, dark, or like the device: a cookie the server reads, so that no page flashes in the wrong colours."""

from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from config.returning import back_to

COOKIE: Final = "theme"
SYSTEM: Final = "system"
THEMES: Final = (SYSTEM, "light", "dark")
_YEAR: Final = 365 * 24 * 3600


def theme_of(request: HttpRequest) -> str:
    """The chosen theme; anything unknown in the cookie is the device's."""
    chosen = request.COOKIES.get(COOKIE, SYSTEM)
    return chosen if chosen in THEMES else SYSTEM


@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    """Keep the choice and go back: the way of browsers without scripts; `static/js/theme.js` sets the same cookie."""
    response = back_to(request)
    theme = request.POST.get("theme", SYSTEM)
    if theme in THEMES:
        response.set_cookie(COOKIE, theme, max_age=_YEAR, samesite="Lax", secure=settings.SECURE_COOKIES)
    return response
