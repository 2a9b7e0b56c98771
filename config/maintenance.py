"""Maintenance: the pages answer 503 to everybody but staff; the relay goes on, unless it is told to stop as well.

On by the setting MAINTENANCE (`pages` or `all`), or at once and without a restart by a file `maintenance` in VAR_DIR,
which may hold the word `all`.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils.translation import gettext as _

from config.error_pages import bare_page

ALL: Final = "all"
RETRY_AFTER: Final = 300
# What goes on: signing in (staff have to), payments that gateways report, what load balancers ask, and small forms.
OPEN: Final = (
    *("/admin/", "/accounts/", "/static/", "/api/payments/", "/i18n/"),
    *("/healthz", "/readyz", "/theme", "/announcements/", "/favicon.ico"),
)

GetResponse = Callable[[HttpRequest], HttpResponseBase]


def mode() -> str:
    """Empty, `pages` or `all`."""
    if settings.MAINTENANCE:
        return str(settings.MAINTENANCE)
    path = f"{settings.VAR_DIR}/maintenance"  # every call asks: a path object would cost more than all of this
    if not os.access(path, os.F_OK):
        return ""
    with suppress(OSError), open(path) as file:
        return ALL if ALL in file.read().split() else "pages"
    return ""


def maintenance(get_response: GetResponse) -> GetResponse:
    """Stands behind authentication and the security policy."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        if not mode() or request.path_info.startswith(OPEN) or _is_staff(request):
            return get_response(request)
        return _closed(request)

    return answer


def _is_staff(request: HttpRequest) -> bool:
    """Nobody is while the database is away."""
    try:
        return request.user.is_staff
    except DatabaseError:
        return False


def _closed(request: HttpRequest) -> HttpResponse:
    if request.path_info.startswith("/api/"):
        error = {"code": "maintenance", "message": _("We are working on the site. Please try again in a few minutes.")}
        response: HttpResponse = JsonResponse({"ok": False, "error": error}, status=503)
    else:
        response = bare_page(request, 503, relay_goes_on=mode() != ALL)
    response.headers["Retry-After"] = str(RETRY_AFTER)
    response.headers["Cache-Control"] = "no-store"
    response._has_been_logged = True  # type: ignore[attr-defined] # Django would log an error for each visitor
    return response
