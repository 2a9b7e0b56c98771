"""One host name that the installation answers, as its pages see it. Pure."""

from dataclasses import dataclass
from typing import Final

ACCENTS: Final = ("", "blue", "violet", "rose")  # classes of static/css/tokens.css; empty is the product's green


@dataclass(frozen=True, slots=True)
class Brand:
    """`host` is empty where only the settings speak; the addresses end without a slash; `logo` is a data address, or
    empty for the product's own; `group_id` is where new users of this host start, None for everybody's default."""

    host: str
    name: str
    site_url: str
    api_base_url: str
    is_api_only: bool = False
    logo: str = ""
    accent: str = ""
    language: str = ""
    group_id: int | None = None
