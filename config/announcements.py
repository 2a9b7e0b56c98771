"""Announcements above every page, and which of them a visitor has put away: a cookie remembers."""

import re
from collections.abc import Iterable
from functools import cache
from typing import Final

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from django.db.models import DateTimeField, Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_POST

from billing.prepared import Parameter, Statement, prepare
from config.models import Announcement
from config.returning import back_to

COOKIE: Final = "dismissed"
KEPT: Final = 20  # the newest; a cookie must not grow for ever
_MARK: Final = re.compile(r"[0-9]{1,19}-[0-9]{1,12}")
_SEPARATOR: Final = "."
_YEAR: Final = 365 * 24 * 3600


def announcements_for(request: HttpRequest) -> list[Announcement]:
    """Those of this moment that this visitor has not put away, the newest first."""
    put_away = set(_marks_of(request))
    rows = _current().rows({"now": timezone.now()})
    current = (Announcement.from_db(DEFAULT_DB_ALIAS, _columns(), row) for row in rows)
    return [announcement for announcement in current if announcement.mark not in put_away]


@cache
def _current() -> Statement:
    """Every page asks it: to put it together anew each time took longer than to run it."""
    now = Parameter("now", DateTimeField())
    current = Announcement.objects.filter(Q(shown_until=None) | Q(shown_until__gt=now), shown_from__lte=now)
    return prepare(current.values_list(*_columns()))


def _columns() -> list[str]:
    return [field.attname for field in Announcement._meta.concrete_fields]


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
