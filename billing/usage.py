"""Turns what an upstream says it used into canonical counts. Everything here is hostile until checked."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from billing.pricing import Usage

MAX_TOKENS = 100_000_000  # ten times the longest context on sale; above it a number is noise


class Reported(NamedTuple):
    """Counts that can be charged, and whether any of them had to be put right."""

    usage: Usage
    is_suspect: bool


def normalise(body: Any) -> Reported | None:
    """A usage object in whichever dialect it is written; None when its main counts are missing or unusable."""
    if isinstance(body, dict):
        for marks, dialect in _DIALECTS:
            if any(mark in body for mark in marks):
                return dialect(body)
    return None


def from_openai(body: Any) -> Reported | None:
    """The `usage` of a chat completion, also where a provider adds cache writes (Qwen) or its own count (Moonshot)."""
    report = _Report(body)
    return _of_wholes(report, "prompt_tokens", "completion_tokens", cached=report.first(*_CHAT_CACHED))


def from_responses(body: Any) -> Reported | None:
    """The `usage` of an OpenAI response, and any other whose `input_tokens` contain the cached ones."""
    report = _Report(body)
    return _of_wholes(
        report, "input_tokens", "output_tokens", cached=report.count("input_tokens_details.cached_tokens")
    )


def from_deepseek(body: Any) -> Reported | None:
    """A chat completion that says how much of the prompt its cache held and how much it did not."""
    report = _Report(body)
    hit, missed, prompt = (report.count(f"prompt_{name}tokens") for name in ("cache_hit_", "cache_miss_", ""))
    if hit is not None and missed is not None and hit + missed != prompt:
        report.is_suspect = True
    return _of_wholes(report, "prompt_tokens", "completion_tokens", cached=hit)


def from_qwen(body: Any) -> Reported | None:
    """DashScope's own `usage`: OpenAI's names for details beside Anthropic's for wholes, pictures and sound on top."""
    report = _Report(body)
    return _of_wholes(report, "input_tokens", "output_tokens", cached=report.first(*_QWEN_CACHED))


def from_anthropic(body: Any) -> Reported | None:
    """The `usage` of a message: `input_tokens` leave the cache out, `output_tokens` contain the thinking."""
    report = _Report(body)
    prompt, output = report.count("input_tokens"), report.count("output_tokens")
    if prompt is None or output is None:
        return None
    write, write_1h = report.cache_writes("cache_creation_input_tokens", "cache_creation")
    read = report.count("cache_read_input_tokens")
    return report.answer(input=prompt, cache_read=read, cache_write=write, cache_write_1h=write_1h, output=output)


def from_gemini(body: Any) -> Reported | None:
    """`usageMetadata`: the prompt contains what was cached, the candidates leave thoughts out; zeros may be missing."""
    report = _Report(body)
    prompt, tools = report.count("promptTokenCount"), report.count("toolUsePromptTokenCount") or 0
    thoughts, total = report.count("thoughtsTokenCount"), report.count("totalTokenCount")
    output = report.first("candidatesTokenCount", "responseTokenCount")
    if output is None and prompt is not None and total is not None:
        output = max(total - prompt - tools - (thoughts or 0), 0)
    if prompt is None or output is None:
        return None
    shares = report.split(
        prompt + tools,
        rest="input",
        cache_read=report.count("cachedContentTokenCount"),
        audio_input=report.uncached("AUDIO"),
        image_input=report.uncached("IMAGE"),
    )
    spoken = report.modality("candidatesTokensDetails", "AUDIO")
    return report.answer(**shares, **report.split(output, rest="output", audio_output=spoken), reasoning=thoughts)


_Dialect = Callable[[Any], Reported | None]
_CHAT_CACHED = ("prompt_tokens_details.cached_tokens", "cached_tokens")
_QWEN_CACHED = ("prompt_tokens_details.cached_tokens", "input_tokens_details.cached_tokens", "cached_tokens")
_DIALECTS: tuple[tuple[tuple[str, ...], _Dialect], ...] = (  # the first with a mark in the object reads it
    (("promptTokenCount",), from_gemini),
    (("prompt_cache_hit_tokens",), from_deepseek),
    (("prompt_tokens",), from_openai),
    (("cache_creation_input_tokens", "cache_read_input_tokens", "cache_creation"), from_anthropic),
    (("prompt_tokens_details", "image_tokens", "audio_tokens", "video_tokens"), from_qwen),
    (("input_tokens",), from_responses),
)


class _Report:
    """Reads the counts of one usage object and remembers whether any of them had to be put right."""

    def __init__(self, body: Any) -> None:
        self._body = body
        self.is_suspect = False

    def count(self, path: str) -> int | None:
        """The count at `outer.inner`; None where nobody said one. What is there and no count is None and suspect."""
        value = self._body
        for name in _names(path):
            if not isinstance(value, dict):
                return None
            value = value.get(name)
        return None if value is None else self._believed(value)

    def first(self, *paths: str) -> int | None:
        """The first of several counts that somebody said."""
        return next((found for path in paths if (found := self.count(path)) is not None), None)

    def modality(self, name: str, modality: str) -> int | None:
        """Gemini's lists of token counts by modality."""
        details = self._body.get(name)
        rows = [row for row in details if isinstance(row, dict)] if isinstance(details, list) else []
        found = [self._believed(row.get("tokenCount")) for row in rows if row.get("modality") == modality]
        return sum(tokens or 0 for tokens in found) if found else None

    def uncached(self, modality: str) -> int | None:
        """Gemini's prompt tokens of a modality without those that its cache held."""
        tokens = self.modality("promptTokensDetails", modality)
        cached = self.modality("cacheTokensDetails", modality) or 0
        return None if tokens is None else max(tokens - cached, 0)

    def cache_writes(self, whole: str, parts: str) -> tuple[int | None, int | None]:
        """Tokens written for five minutes and for an hour; what no part explains was written for five minutes."""
        total = self.count(whole)
        short, long = (self.count(f"{parts}.ephemeral_{time}_input_tokens") for time in ("5m", "1h"))
        if total is None or (short is None and long is None):
            return (short if total is None else total), long
        self.is_suspect |= (short or 0) + (long or 0) != total
        long = None if long is None else min(long, total)
        return total - (long or 0), long

    def split(self, whole: int, *, rest: str, **parts: int | None) -> dict[str, int | None]:
        """A whole by its parts, each at most what those before it left; what remains is `rest`."""
        shares: dict[str, int | None] = {}
        left = whole
        for kind, part in parts.items():
            self.is_suspect |= part is not None and part > whole
            shares[kind] = None if part is None else min(part, left)
            left -= shares[kind] or 0
        return {rest: left, **shares}

    def answer(self, **counts: int | None) -> Reported | None:
        """The canonical counts, unless together they are more than can be believed."""
        usage = Usage(**counts)
        if max(usage.prompt_total, usage.completion_total) > MAX_TOKENS:
            return None
        return Reported(usage, self.is_suspect)

    def _believed(self, value: Any) -> int | None:
        found = count(value)
        self.is_suspect |= found is None and value is not None
        return found


@lru_cache(maxsize=256)
def _names(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


def _of_wholes(report: _Report, prompt: str, completion: str, *, cached: int | None) -> Reported | None:
    """Two wholes that contain their details: `X_details` of the whole X; DashScope has some beside the wholes."""
    prompt_tokens, completion_tokens = report.count(prompt), report.count(completion)
    if prompt_tokens is None or completion_tokens is None:
        return None
    details, written = f"{prompt}_details", "prompt_tokens_details"
    write, write_1h = report.cache_writes(f"{written}.cache_creation_input_tokens", f"{written}.cache_creation")
    shares = report.split(
        prompt_tokens,
        rest="input",
        cache_read=cached,
        cache_write=write,
        cache_write_1h=write_1h,
        audio_input=report.first(f"{details}.audio_tokens", "audio_tokens"),
        image_input=report.first(f"{details}.image_tokens", "image_tokens"),
    )
    return report.answer(
        **shares,
        **report.split(
            completion_tokens,
            rest="output",
            reasoning=report.count(f"{completion}_details.reasoning_tokens"),
            audio_output=report.count(f"{completion}_details.audio_tokens"),
        ),
    )


def count(value: Any) -> int | None:
    """A token count that can be believed: a real integer in range. Booleans, floats and strings are not counts."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_TOKENS:
        return None
    return value


def estimate_tokens(*, ascii_characters: int, other_characters: int) -> int:
    """A fair guess where nobody counted: four plain characters a token, one of any other script."""
    return -(-ascii_characters // 4) + other_characters


def character_kinds(text: str) -> tuple[int, int]:
    """How many characters are ASCII and how many are not."""
    plain = len(text) if text.isascii() else sum(character < "\x80" for character in text)
    return plain, len(text) - plain
