"""What a browser calls itself, in words a person knows. Pure; a guess for people, nothing is decided by it."""

from typing import Final

# The first mark that is found names it: most browsers also claim to be those further down.
_BROWSERS: Final = (
    ("MicroMessenger", "WeChat"),
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("HarmonyOS", "HarmonyOS"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
_HAND_HELD: Final = ("iPhone", "iPad", "Android", "HarmonyOS")


def browser_of(user_agent: str) -> str:
    """Such as "Firefox", or empty where it is none we know."""
    return _first(_BROWSERS, user_agent)


def system_of(user_agent: str) -> str:
    """Such as "Windows", or empty."""
    return _first(_SYSTEMS, user_agent)


def is_hand_held(user_agent: str) -> bool:
    return system_of(user_agent) in _HAND_HELD


def _first(names: tuple[tuple[str, str], ...], user_agent: str) -> str:
    return next((name for mark, name in names if mark in user_agent), "")
