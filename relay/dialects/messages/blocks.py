"""Reads the content blocks of a Messages request; `where` is the path of a value in the request, for the errors."""

from collections.abc import Mapping
from typing import Any

import orjson

from config.kernel.errors import InvalidInput

Block = dict[str, Any]


def blocks_of(content: Any, where: str) -> list[Block]:
    """Content as a list of blocks, each with a type: a string is one block of text. Raises InvalidInput."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list):
        raise InvalidInput(f"{where} must be a string or a list of content blocks.", param=where)
    for position, block in enumerate(content):
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            place = f"{where}[{position}]"
            raise InvalidInput(f"{place} must be a content block: an object with a type.", param=place)
    return content


def string_in(block: Mapping[str, Any], name: str, where: str) -> str:
    """A string that has to be there. Raises InvalidInput."""
    value = block.get(name)
    if not isinstance(value, str):
        raise InvalidInput(f"{where}.{name} must be a string.", param=f"{where}.{name}")
    return value


def object_in(block: Mapping[str, Any], name: str, where: str) -> dict[str, Any]:
    """An object that has to be there. Raises InvalidInput."""
    value = block.get(name)
    if not isinstance(value, dict):
        raise InvalidInput(f"{where}.{name} must be an object.", param=f"{where}.{name}")
    return value


def json_text(value: Any) -> str | None:
    """A value as JSON; None where it is nested too deeply: less depth can be written than read."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        return None


def unavailable(where: str, what: str) -> InvalidInput:
    """The error of what only a channel that speaks Messages itself could do."""
    return InvalidInput(f"{where}: {what} is not available with this model.", param=where)
