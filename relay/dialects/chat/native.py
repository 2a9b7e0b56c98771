"""Watches a chat completion stream pass by: what was delivered, what the upstream says it used, how it ended. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from billing.pricing import Usage
from billing.usage import Reported, character_kinds, estimate_tokens, normalise
from config.kernel.errors import DomainError
from config.kernel.money import NanoUSD, decimal_usd
from relay import sse
from relay.dialects.chat.answer import delta_texts, has_thought, usage_object
from relay.dialects.private import public, tells_private
from relay.errors import error_bytes


class Meter:
    """One stream's figures. `forward` returns what the client may see."""

    def __init__(self, *, show_usage: bool, show_cost: bool = False) -> None:
        self._show_usage = show_usage and not show_cost  # with the cost, which is known only after the last of them
        self._owes_usage = show_usage or show_cost
        self._show_cost = show_cost
        self._shown_usage = False
        self._ascii = 0
        self._other = 0
        self._reported: Reported | None = None
        self._counted_in_report = (0, 0)
        self._head: dict[str, Any] | None = None
        self._begun: set[int] = set()
        self._ended: set[int] = set()
        self.saw_usage = False
        self.is_finished = False
        self.is_done = False
        self.error: Mapping[str, Any] | None = None
        self.delivered = 0

    def forward(self, event: bytes) -> bytes | None:
        """The event's bytes, unchanged but for what is private to the upstream; None for the end mark, errors and a
        usage event that is not to be seen.

        Raises BrokenEvent for data that is no JSON object.
        """
        if event.startswith(b"data: {") and (chunk := _json(event[6:])) is not None:  # line ends are JSON's white space
            return self._shown(event, chunk)
        data = sse.data_of(event)
        if data == sse.DONE:
            self.is_done = True
            return None
        if not data:
            return event
        chunk = _json(data)
        if chunk is None:
            return self._forward_lines(data)
        return self._shown(event, chunk)

    def _shown(self, event: bytes, chunk: dict[str, Any]) -> bytes | None:
        if not self._note(chunk):
            return None
        return sse.encode(orjson.dumps(public(chunk))) if tells_private(chunk) else event

    def _forward_lines(self, data: bytes) -> bytes | None:
        """Events between which the blank line was forgotten, with their blank lines."""
        lines = [line for line in data.split(b"\n") if line]
        if len(lines) < 2 or any(line != sse.DONE and _json(line) is None for line in lines):
            raise sse.BrokenEvent("an event's data is no JSON object")
        return b"".join(self.forward(sse.encode(line)) or b"" for line in lines) or None

    def _note(self, chunk: dict[str, Any]) -> bool:
        """Count what a chunk brings; False when it must not be forwarded."""
        if chunk.get("error"):
            self.error = chunk["error"] if isinstance(chunk["error"], Mapping) else {"message": str(chunk["error"])}
            return False
        if 0 in self._begun and (word := _lone_word(chunk)) is not None:
            self._ascii += len(word)
            self.delivered += 1
            return True
        if self._head is None:
            self._head = {name: chunk[name] for name in ("id", "created", "model") if name in chunk}
        for text in delta_texts(chunk):
            plain, other = character_kinds(text)
            self._ascii += plain
            self._other += other
        self._note_ends(chunk.get("choices"))
        is_shown = chunk.get("usage") is None or self._note_usage(chunk["usage"], beside=chunk.get("choices"))
        self.delivered += is_shown
        return is_shown

    def _note_ends(self, choices: Any) -> None:
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict):
                index = choice.get("index")
                number = index if isinstance(index, int) else 0
                self._begun.add(number)
                if choice.get("finish_reason"):
                    self._ended.add(number)
        if self._ended:
            self.is_finished = self._begun == self._ended

    def _note_usage(self, usage: Any, *, beside: Any) -> bool:
        """Whether the event that brought the usage may be seen; one that cannot be charged is not shown either."""
        self.saw_usage = True
        reported = normalise(usage)
        if reported is not None:
            self._reported, self._counted_in_report = reported, (self._ascii, self._other)
        is_seen = self._show_usage and reported is not None
        self._shown_usage |= is_seen
        return bool(beside) or is_seen

    @property
    def reported(self) -> Reported | None:
        """The last usable counts of the upstream, with our own count of any text that came after them."""
        if self._reported is None or (self._ascii, self._other) == self._counted_in_report:
            return self._reported
        plain, other = self._counted_in_report
        later = estimate_tokens(ascii_characters=self._ascii - plain, other_characters=self._other - other)
        usage = self._reported.usage
        return Reported(replace(usage, output=(usage.output or 0) + later), is_suspect=True)

    @property
    def has_content(self) -> bool:
        """Whether the client was given at least one character of an answer, or one that was thought in secret."""
        return bool(self._ascii or self._other) or (self.is_finished and has_thought(self._reported))

    @property
    def output_estimate(self) -> int:
        """Tokens delivered so far, counted here."""
        return estimate_tokens(ascii_characters=self._ascii, other_characters=self._other)

    def end(self, usage: Usage, charge: NanoUSD) -> bytes:
        """The end mark, and before it the usage event if the caller asked for one that was not shown yet."""
        return self._usage_due(usage, charge) + sse.DONE_EVENT

    def _usage_due(self, usage: Usage, charge: NanoUSD) -> bytes:
        if not self._owes_usage or self._shown_usage:
            return b""
        counts = usage_object(usage)
        if self._show_cost:
            counts["cost"] = orjson.Fragment(decimal_usd(charge))
        event = {**(self._head or {}), "object": "chat.completion.chunk", "choices": [], "usage": counts}
        return sse.encode(orjson.dumps(event))

    def error_event(self, error: DomainError) -> bytes:
        """The event that tells of a broken answer."""
        return sse.encode(error_bytes(error))


def _lone_word(chunk: Mapping[str, Any]) -> str | None:
    """The text of a chunk that brings ASCII text of the first choice and nothing else to note, as nearly all do."""
    choices = chunk.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or chunk.get("usage") is not None:
        return None
    choice = choices[0]
    if not isinstance(choice, dict) or choice.get("finish_reason") or choice.get("index") != 0:
        return None
    delta = choice.get("delta")
    word = delta.get("content") if isinstance(delta, dict) and len(delta) == 1 else None
    return word if isinstance(word, str) and word.isascii() else None


def _json(data: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
