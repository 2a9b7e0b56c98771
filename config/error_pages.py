"""The page for what nobody expected: rendered without the database, the session or the signed-in user."""

from django.conf import settings
from django.http import HttpRequest, HttpResponseServerError
from django.template.loader import render_to_string

from config.kernel.brands import Brand
from config.middleware import request_id_of
from config.theme import theme_of


def server_error(request: HttpRequest) -> HttpResponseServerError:
    """Django's handler500."""
    brand: Brand | None = getattr(request, "brand", None)
    context = {
        "brand": brand,
        "site_name": brand.name if brand else settings.SITE_NAME,
        "site_url": brand.site_url if brand else settings.SITE_URL,
        "theme": theme_of(request),
        "request_id": request_id_of(request),
    }
    return HttpResponseServerError(render_to_string("500.html", context))
