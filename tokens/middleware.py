"""The host of a request decides which face the pages show, and whether there are pages at all."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.middleware.csrf import CsrfViewMiddleware

from config import hosts
from config.kernel.brands import Brand
from tokens import sites

HEALTH = ("/healthz", "/readyz")
GetResponse = Callable[[HttpRequest], HttpResponseBase]


def brand(get_response: GetResponse) -> GetResponse:
    """Set `request.brand`. On an API host nothing but the relay, which has a handler of its own, and health answers."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        if request.path_info in HEALTH:  # load balancers ask by address, whatever the host
            return get_response(request)
        found = sites.brand_of(request)
        request.brand = found  # type: ignore[attr-defined]
        if found.is_api_only and not request.path_info.startswith(settings.RELAY_PATHS):
            return _no_page(found)
        return get_response(request)

    return answer


def _no_page(brand: Brand) -> JsonResponse:
    message = f"This host answers API calls only: {brand.api_base_url}"
    body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": "not_found"}}
    return JsonResponse(body, status=404)


class CsrfOfSites(CsrfViewMiddleware):
    """Django's own, with the entered hosts among the trusted origins: behind a proxy that ends TLS a page's own origin
    is not the one Django sees."""

    @property
    def allowed_origins_exact(self) -> set[str]:  # cached there, and so deaf to new rows
        named = {origin for origin in settings.CSRF_TRUSTED_ORIGINS if "*" not in origin}
        return named | {brand.site_url for brand in hosts.entered().values() if not brand.is_api_only}
