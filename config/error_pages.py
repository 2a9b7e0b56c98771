"""Pages for what went wrong, in the site's design and rendered without the database, the session or the signed-in user:
none of these may be what is broken. The 403 and 404 pages are Django's own views with our templates."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.template.loader import render_to_string

from config.kernel.brands import Brand
from config.middleware import request_id_of
from config.theme import theme_of

GetResponse = Callable[[HttpRequest], HttpResponseBase]


def bare_page(request: HttpRequest, status: int, **more: Any) -> HttpResponse:
    """The template named after the status, with the face of the request's host as far as it is known."""
    brand: Brand | None = getattr(request, "brand", None)
    context = {
        "brand": brand,
        "site_name": brand.name if brand else settings.SITE_NAME,
        "site_url": brand.site_url if brand else settings.SITE_URL,
        "theme": theme_of(request),
        "request_id": request_id_of(request),
        **more,
    }
    return HttpResponse(render_to_string(f"{status}.html", context), status=status)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500."""
    return bare_page(request, 500)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400: also for a host that is not ours, of which nothing is repeated."""
    return bare_page(request, 400)


def refused_methods(get_response: GetResponse) -> GetResponse:
    """Middleware: Django answers a GET of what takes POST alone with nothing at all, and browsers with a riddle."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if not isinstance(response, HttpResponseNotAllowed) or response.content or request.path.startswith("/api/"):
            return response
        page = bare_page(request, 405)
        page.headers["Allow"] = response.headers["Allow"]
        page._has_been_logged = True  # type: ignore[attr-defined] # by the view
        return page

    return answer
