"""Middleware of the pages and the site API; the relay has its own short list."""

import logging
import re
from collections.abc import Awaitable, Callable
from typing import Final

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from config.kernel.ids import uuid7

logger = logging.getLogger("tollbooth.requests")

HEADER = "X-Request-Id"
_SAFE = re.compile(r"[A-Za-z0-9_.-]{1,64}")

ROOM: Final = 60_000  # words: more than pages use, and memory that nobody touches costs nothing

GetResponse = Callable[[HttpRequest], HttpResponseBase] | Callable[[HttpRequest], Awaitable[HttpResponseBase]]


def request_id_of(request: HttpRequest) -> str:
    """The caller's id when it is harmless, else a new one; stays the same for the whole request."""
    known = getattr(request, "request_id", None)
    if known is None:
        sent = request.headers.get(HEADER, "")
        known = sent if _SAFE.fullmatch(sent) else str(uuid7())
        request.request_id = known  # type: ignore[attr-defined]
    return str(known)


def roomy(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Give all that follows one stretch of memory for its calls.

    Python keeps the frames of calls in stretches of 16 kB, which it takes from the system when a call does not fit and
    gives back when that call returns. Templates nest deep, and where a loop happened to stand at the end of a stretch
    each call in it took and gave back the next: up to a third of a page. The stretch of a frame that wants more is
    larger, and what is called from there lies in it.
    """

    def answer(request: HttpRequest) -> HttpResponseBase:
        return get_response(request)

    answer.__code__ = answer.__code__.replace(co_stacksize=ROOM)
    return answer


def admin_policy(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Widen the Content-Security-Policy for the staff admin, and for nothing else. Stands inside django-csp's own."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if request.path_info.startswith("/admin/"):
            response._csp_update = settings.ADMIN_CSP_UPDATE  # type: ignore[attr-defined]
        return response

    return answer


@sync_and_async_middleware
def request_id(get_response: GetResponse) -> GetResponse:
    """Give every request an id, say it in the answer, and log it for the site API and for what failed."""
    if iscoroutinefunction(get_response):

        async def answer_async(request: HttpRequest) -> HttpResponseBase:
            request_id_of(request)
            response: HttpResponseBase = await get_response(request)
            return _named(request, response)

        return answer_async

    def answer(request: HttpRequest) -> HttpResponseBase:
        request_id_of(request)
        response = get_response(request)
        assert isinstance(response, HttpResponseBase)
        return _named(request, response)

    return answer


def _named(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    name, status = request_id_of(request), response.status_code
    response.headers[HEADER] = name
    if status == 500 or request.path_info.startswith("/api/"):
        # The route and not the path, in which there may be what opens an order.
        route = request.resolver_match.route if request.resolver_match else "?"
        logger.log(logging.ERROR if status == 500 else logging.INFO, "%s %s %d %s", request.method, route, status, name)
    return response
