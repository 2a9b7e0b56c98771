"""The address of an upstream, checked before anything is sent there. Pure."""

from urllib.parse import SplitResult, urlsplit

from config.egress.addresses import is_name, parse_address, plain_host

MAX_LENGTH = 300


def clean_base_url(text: str) -> str:
    """The base URL without a trailing slash. Raises ValueError with a sentence for whoever typed it."""
    url = text.strip().rstrip("/")
    if len(url) > MAX_LENGTH or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("This is not a web address.")
    if "{" in url:
        raise ValueError("Fill in the part in braces.")
    parts = _split(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("A base URL starts with http:// or https:// and names a host.")
    if parts.username is not None or parts.password is not None:
        raise ValueError("Leave user name and password out of the base URL; the key has its own field.")
    if not is_name(host := plain_host(parts.hostname)) and (parse_address(host) is None or "%" in host):
        raise ValueError("The host of a base URL is a name, or an address in its usual notation.")
    if "?" in url or "#" in url:
        raise ValueError("A base URL has neither a query nor a fragment.")
    if parts.path.endswith(("/chat/completions", "/models")):
        raise ValueError("Enter the base URL only: leave out /chat/completions and /models.")
    return url


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port: what a key is given to."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port


def host_and_port(url: str) -> tuple[str, int]:
    """What is dialled for this URL."""
    scheme, host, port = origin_of(url)
    return host, port or (443 if scheme == "https" else 80)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # parsed only when asked for, and may be out of range
    except ValueError:
        raise ValueError("This is not a web address.") from None
    return parts
