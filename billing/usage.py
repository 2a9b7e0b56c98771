"""Turns what an upstream says it used into canonical counts. Everything here is hostile until checked."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from billing.pricing import Usage

MAX_TOKENS = 100_000_000  # ten times the longest context on sale; above it a number is noise
IMAGE_TOKENS = 2_000
MESSAGE_OVERHEAD = 8
REPLY_OVERHEAD = 16
SCALAR_TOKENS = 4
_SCHEMAS = ("tools", "functions", "response_format")


class Reported(NamedTuple):
    """Counts that can be charged, and whether any of them had to be put right."""

    usage: Usage
    is_suspect: bool


def from_openai(body: Any) -> Reported | None:
    """The `usage` object of a chat completion; None when prompt or completion count is missing or unusable."""
    if not isinstance(body, Mapping):
        return None
    prompt, completion = count(body.get("prompt_tokens")), count(body.get("completion_tokens"))
    if prompt is None or completion is None:
        return None
    cached = _detail(body, "prompt_tokens_details", "cached_tokens")
    reasoning = _detail(body, "completion_tokens_details", "reasoning_tokens")
    suspect = _exceeds(cached, prompt) or _exceeds(reasoning, completion)
    cached, reasoning = _within(cached, prompt), _within(reasoning, completion)
    usage = Usage(
        input=prompt - (cached or 0),
        cache_read=cached,
        output=completion - (reasoning or 0),
        reasoning=reasoning,
    )
    return Reported(usage, suspect)


def count(value: Any) -> int | None:
    """A token count that can be believed: a real integer in range. Booleans, floats and strings are not counts."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_TOKENS:
        return None
    return value


def _detail(body: Mapping[str, Any], group: str, name: str) -> int | None:
    details = body.get(group)
    return count(details.get(name)) if isinstance(details, Mapping) else None


def _exceeds(part: int | None, whole: int) -> bool:
    return part is not None and part > whole


def _within(part: int | None, whole: int) -> int | None:
    return None if part is None else min(part, whole)


def estimate_tokens(*, ascii_characters: int, other_characters: int) -> int:
    """A fair guess where nobody counted: four plain characters a token, one of any other script."""
    return -(-ascii_characters // 4) + other_characters


def character_kinds(text: str) -> tuple[int, int]:
    """How many characters are ASCII and how many are not."""
    plain = len(text) if text.isascii() else sum(character < "\x80" for character in text)
    return plain, len(text) - plain


def estimate_text(text: str) -> int:
    """`estimate_tokens` of a text."""
    plain, other = character_kinds(text)
    return estimate_tokens(ascii_characters=plain, other_characters=other)


def prompt_bound(payload: Mapping[str, Any]) -> int:
    """An upper bound of a chat request's prompt tokens: no tokenizer makes more tokens than bytes."""
    return _prompt_tokens(payload, lambda text: len(text.encode("utf-8", "surrogatepass")))


def prompt_estimate(payload: Mapping[str, Any]) -> int:
    """A fair guess of the same."""
    return _prompt_tokens(payload, estimate_text)


def _prompt_tokens(payload: Mapping[str, Any], measure: Callable[[str], int]) -> int:
    messages = payload.get("messages")
    parts = sum(_weight(m, measure) + MESSAGE_OVERHEAD for m in messages) if isinstance(messages, list) else 0
    return parts + sum(_weight(payload[name], measure) for name in _SCHEMAS if payload.get(name)) + REPLY_OVERHEAD


def _weight(value: Any, measure: Callable[[str], int]) -> int:
    match value:
        case str():
            return measure(value)
        case {"type": "image_url", **_rest}:
            return IMAGE_TOKENS  # flat: the bytes of a picture say nothing about its tokens
        case dict():
            return sum(measure(str(key)) + _weight(item, measure) for key, item in value.items())
        case list():
            return sum(_weight(item, measure) for item in value)
    return SCALAR_TOKENS
