"""The relay's own short middleware list: an id for every request, CORS on every answer, no request twice,
none during maintenance."""

from collections.abc import Awaitable, Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from config.kernel.errors import LoopDetected, Unavailable
from config.kernel.ids import uuid7
from config.maintenance import ALL, RETRY_AFTER, mode
from relay.errors import error_response
from relay.hops import refuse_return

Handler = Callable[[HttpRequest], Awaitable[HttpResponseBase]]
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": ", ".join(
        (
            *("X-Request-Id", "request-id", "X-Tollbooth-Cost", "Retry-After"),
            *(
                f"x-ratelimit-{what}-{unit}"
                for unit in ("requests", "tokens")
                for what in ("limit", "remaining", "reset")
            ),
        )
    ),
}
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "*, Authorization",
    "Access-Control-Max-Age": "86400",
}


def request_id(get_response: Handler) -> Handler:
    """Make the id that names this request in the answer, the usage log and the server's log.

    OpenAI's clients look for it under the one name, Anthropic's under the other.
    """

    async def answer(request: HttpRequest) -> HttpResponseBase:
        request.id = uuid7()  # type: ignore[attr-defined]
        response = await get_response(request)
        for name in ("X-Request-Id", "request-id"):
            response.headers[name] = str(request.id)  # type: ignore[attr-defined]
        return response

    return answer


def cors(get_response: Handler) -> Handler:
    """Let browsers call the relay from anywhere: keys, not cookies, are what it believes."""

    async def answer(request: HttpRequest) -> HttpResponseBase:
        is_preflight = request.method == "OPTIONS" and "Origin" in request.headers
        response = HttpResponse(status=204) if is_preflight else await get_response(request)
        for name, value in {**_CORS, **(_PREFLIGHT if is_preflight else {})}.items():
            response.headers[name] = value
        return response

    return answer


def maintenance(get_response: Handler) -> Handler:
    """Refuse every call where the operator has closed the relay as well as the pages."""

    async def answer(request: HttpRequest) -> HttpResponseBase:
        if mode() != ALL:
            return await get_response(request)
        closed = "This site is being worked on. Please try again in a few minutes."
        return error_response(Unavailable(closed, code="maintenance", retry_after=RETRY_AFTER))

    return answer


def no_return(get_response: Handler) -> Handler:
    """Refuse what this installation itself has sent: before the key is looked at, so that nothing is held."""

    async def answer(request: HttpRequest) -> HttpResponseBase:
        try:
            refuse_return(request)
        except LoopDetected as error:
            return error_response(error)
        return await get_response(request)

    return answer
