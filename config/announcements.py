"""Announcements above every page, and which of them a visitor has put away: a cookie remembers."""

import re
from collections.abc import Iterable
from typing import Final

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_POST

from config.models import Announcement
from config.returning import back_to

COOKIE: Final = "dismissed"
KEPT: Final = 20  # the newest; a cookie must not grow for ever
_MARK: Final = re.compile(r"[0-9]{1,19}-[0-9]{1,12}")
_SEPARATOR: Final = "."
_YEAR: Final = 365 * 24 * 3600


def announcements_for(request: HttpRequest) -> list[Announcement]:
    """Those of this moment that this visitor has not put away, the newest first."""
    now = timezone.now()
    current = Announcement.objects.filter(Q(shown_until=None) | Q(shown_until__gt=now), shown_from__lte=now)
    put_away = set(_marks_of(request))
    return [announcement for announcement in current if announcement.mark not in put_away]


@require_POST
def dismiss(request: HttpRequest) -> HttpResponse:
    """Put one away and go back; a script that asks gets an empty answer to put in its place."""
    response = HttpResponse() if request.headers.get("HX-Request") else back_to(request)
    mark = request.POST.get("mark", "")
    if _MARK.fullmatch(mark):
        marks = [known for known in _marks_of(request) if known != mark]
        value = _SEPARATOR.join([*marks, mark][-KEPT:])
        response.set_cookie(COOKIE, value, max_age=_YEAR, samesite="Lax", httponly=True, secure=settings.SECURE_COOKIES)
    return response


def _marks_of(request: HttpRequest) -> Iterable[str]:
    return [mark for mark in request.COOKIES.get(COOKIE, "").split(_SEPARATOR) if _MARK.fullmatch(mark)]
