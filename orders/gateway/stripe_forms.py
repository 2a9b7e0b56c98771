"""Stripe's requests: forms with brackets in the names, and what of them is understood here."""

import re
from collections.abc import Iterable
from typing import Any

from .web import Refused

NAME = re.compile(r"[^\[\]]+(?:\[[^\[\]]*\])*")
PART = re.compile(r"[^\[\]]+|(?<=\[)(?=\])")


def nested(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """`a[b][0][c]=d` as {"a": {"b": [{"c": "d"}]}}."""
    root: dict[str, Any] = {}
    for name, value in pairs:
        if not NAME.fullmatch(name):
            raise Refused(f"Invalid parameter name: {name}")
        _put(root, PART.findall(name), value)
    return {name: _with_lists(value) for name, value in root.items()}


def _put(node: dict[str, Any], path: list[str], value: str) -> None:
    *parents, last = path
    for part in parents:
        node = node.setdefault(part or str(len(node)), {})
        if not isinstance(node, dict):
            raise Refused("A parameter is both a value and an object.")
    node[last or str(len(node))] = value


def _with_lists(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if node and all(name.isdecimal() for name in node):
        return [_with_lists(node[name]) for name in sorted(node, key=int)]
    return {name: _with_lists(value) for name, value in node.items()}


def only(values: dict[str, Any], known: Iterable[str], path: str = "") -> None:
    """Raises Refused for a parameter that is not known: Stripe ignores none."""
    for name in values:
        if name not in known:
            full = f"{path}[{name}]" if path else name
            raise Refused(f"Received unknown parameter: {full}", code="parameter_unknown")


def text(values: dict[str, Any], name: str, default: str | None = None) -> str:
    """A parameter that is text; required without a default."""
    value = values.get(name, default)
    if not isinstance(value, str) or (default is None and not value):
        raise Refused(f"Missing required param: {name}.", code="parameter_missing")
    return value


def whole(values: dict[str, Any], name: str, default: int | None = None) -> int:
    """A parameter that is a positive whole number; required without a default."""
    value = values.get(name, default)
    if value is None:
        raise Refused(f"Missing required param: {name}.", code="parameter_missing")
    if not str(value).isdecimal() or int(value) < 1:
        raise Refused(f"Invalid positive integer: {name}", code="parameter_invalid_integer")
    return int(value)


def mapping(values: dict[str, Any], name: str) -> dict[str, Any]:
    """A parameter that is an object; empty when it is missing."""
    value = values.get(name, {})
    if not isinstance(value, dict):
        raise Refused(f"Invalid object: {name}")
    return value


def listing(values: dict[str, Any], name: str) -> list[Any]:
    """A parameter that is a list; empty when it is missing."""
    value = values.get(name, [])
    if not isinstance(value, list):
        raise Refused(f"Invalid array: {name}")
    return value
