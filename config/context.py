"""Template context every page shares."""

from functools import partial
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

from config.announcements import announcements_for
from config.kernel.brands import Brand
from config.theme import theme_of


def api_base_url(request: HttpRequest) -> str:
    """The relay's base URL as this visitor reaches it: under another host name of ours the same site answers.

    A base URL with a host of its own is the operator's word and the same for everybody. The scheme is SITE_URL's,
    because a proxy in front of us may have taken TLS off.
    """
    brand: Brand | None = getattr(request, "brand", None)
    if brand is not None and brand.host:
        return brand.api_base_url
    site = urlsplit(settings.SITE_URL)
    if f"{settings.SITE_URL}/v1" != settings.API_BASE_URL or request.get_host() == site.netloc:
        return str(settings.API_BASE_URL)
    return f"{site.scheme}://{request.get_host()}/v1"


def site(request: HttpRequest) -> dict[str, Any]:
    """The name and addresses of the site at this host, whether this is a demo, and the reader's theme.

    `section` is the first part of the address, by which menus mark where the reader is: `/tokens` of `/tokens/new`.
    `api_host` is the base URL for clients that add /v1 by themselves.
    """
    base_url = api_base_url(request)
    brand: Brand | None = getattr(request, "brand", None)
    return {
        "brand": brand,
        "site_name": brand.name if brand else settings.SITE_NAME,
        "site_url": brand.site_url if brand else settings.SITE_URL,
        "api_base_url": base_url,
        "api_host": base_url.removesuffix("/v1"),
        "is_demo": settings.DEMO,
        "theme": theme_of(request),
        "section": f"/{request.path.split('/', 2)[1]}",
        "announcements": partial(announcements_for, request),  # asked only where they are shown
    }
