"""What keeps the requests of one conversation together, so that the upstream's prompt cache is found. Pure."""

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from itertools import islice
from typing import Any

PREFIX_CHARACTERS = 2_000
_TURNS = 2  # what comes first, often a system prompt, and what comes next: the same in every turn of a conversation
_NAMES = ("prompt_cache_key", "safety_identifier", "user")


def sticky_key(payload: Mapping[str, Any]) -> bytes | None:
    """16 bytes that are equal for requests that share a cached prompt; None where there is nothing to go by.

    The caller's own `prompt_cache_key` counts first, then the user that is named, then how the prompt begins.
    """
    named = (payload.get(name) for name in _NAMES)
    chosen = next((value for value in named if isinstance(value, str) and value), None) or _user_of(payload)
    text = chosen or "\x1f".join(_beginning(payload))
    return blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest() if text else None


def _user_of(payload: Mapping[str, Any]) -> str:
    metadata = payload.get("metadata")
    user = metadata.get("user_id") if isinstance(metadata, dict) else None
    return user if isinstance(user, str) else ""


def _beginning(payload: Mapping[str, Any]) -> Iterator[str]:
    """The first texts of the prompt, each cut short: enough to tell one from another, whatever its size."""
    for field in ("instructions", "system", "prompt"):
        yield from _texts(payload.get(field))
    turns = payload.get("messages") or payload.get("input")
    if isinstance(turns, str):
        yield turns[:PREFIX_CHARACTERS]
    elif isinstance(turns, list):
        for turn in turns[:_TURNS]:
            yield from _texts(turn.get("content") if isinstance(turn, dict) else turn)


def _texts(content: Any) -> Iterator[str]:
    """The text of a string, or of the first parts of a list of them."""
    if isinstance(content, str):
        yield content[:PREFIX_CHARACTERS]
    elif isinstance(content, list):
        for part in islice(content, 4):
            text = part.get("text") if isinstance(part, dict) else part
            if isinstance(text, str):
                yield text[:PREFIX_CHARACTERS]
