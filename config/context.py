"""Template context every page shares."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from config.theme import theme_of


def site(request: HttpRequest) -> dict[str, Any]:
    """The site's name and addresses, whether this is a demo, and the reader's theme."""
    return {
        "site_name": settings.SITE_NAME,
        "site_url": settings.SITE_URL,
        "api_base_url": settings.API_BASE_URL,
        "is_demo": settings.DEMO,
        "theme": theme_of(request),
    }
