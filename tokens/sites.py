"""Sites in the memory of this process: read when they are first asked for, and again when their number has moved."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from threading import Lock
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest

from config import hosts
from config.kernel.brands import Brand
from tokens.models import Site

VERSION = "sites"
_lock = Lock()
_seen: dict[str, int] = {}


def refresh(versions: Mapping[str, int]) -> None:
    """Read the rows when `versions` says that they have changed. Called every second where the relay runs."""
    wanted = versions.get(VERSION, 0)
    if hosts.TABLE.brands is None or _seen.get(VERSION) != wanted:
        load()
        _seen[VERSION] = wanted


def load() -> Mapping[str, Brand]:
    """Read the rows now."""
    with _lock:
        hosts.TABLE.brands = {site.host: brand_of_site(site) for site in Site.objects.filter(is_active=True)}
        return hosts.TABLE.brands


def brand_of(request: HttpRequest) -> Brand:
    """The brand of the request's host; of a host without a row, what the settings say. Raises DisallowedHost."""
    if hosts.TABLE.brands is None:
        load()
    name = urlsplit(f"//{request.get_host()}").hostname or ""
    return hosts.entered().get(name) or default_brand()


def brand_of_call(request: HttpRequest) -> Brand:
    """The brand of a call of the relay, which answers every host; those without a row get what the settings say.

    An API host has no pages: its `site_url` is that of the one brand whose base URL it is, else the settings'.
    """
    try:
        brand = brand_of(request)
    except DisallowedHost:
        return default_brand()
    if not brand.is_api_only:
        return brand
    showing = [each.site_url for each in hosts.entered().values() if _shows(each, brand.api_base_url)]
    return replace(brand, site_url=showing[0] if len(showing) == 1 else settings.SITE_URL)


def _shows(brand: Brand, api_base_url: str) -> bool:
    return not brand.is_api_only and brand.api_base_url == api_base_url


def host_of(request: HttpRequest) -> str:
    """The entered host that a request came by, to be kept with what it leaves behind; empty where settings speak."""
    brand: Brand | None = getattr(request, "brand", None)
    return brand.host if brand else ""


def brand_at(host: str) -> Brand:
    """The brand of a kept host, as its row is now; what the settings say where there is none, or none any more."""
    site = Site.objects.filter(host=host, is_active=True).exclude(kind=Site.Kind.API).first() if host else None
    return brand_of_site(site) if site else default_brand()


def default_brand() -> Brand:
    """What the settings say."""
    return Brand("", settings.SITE_NAME, settings.SITE_URL, settings.API_BASE_URL)


def brand_of_site(site: Site) -> Brand:
    address = address_of(site.host)
    return Brand(
        host=site.host,
        name=site.name,
        site_url=address,
        api_base_url=site.api_base_url.rstrip("/") or f"{address}/v1",
        is_api_only=site.kind == Site.Kind.API,
        logo=_data_address(site.logo),
        accent=site.accent,
        language=site.language,
        group_id=site.group_id,
    )


def address_of(host: str) -> str:
    """Scheme and port are those of SITE_URL: one listener, or one proxy, serves every host."""
    main = urlsplit(settings.SITE_URL)
    return f"{main.scheme}://{host}" + (f":{main.port}" if main.port else "")


def _data_address(logo: str) -> str:
    """A picture in an <img> runs nothing, whatever it holds; drawn as data, it is fetched from nowhere."""
    if logo.startswith("<"):
        return f"data:image/svg+xml;base64,{b64encode(logo.encode()).decode()}"
    return logo
