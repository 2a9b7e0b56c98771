"""The JSON of an answer: one object, or the chunks of a stream."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import zip_longest
from typing import Any

from .answer import Choice, write_choices
from .behaviours import Behaviour, Body, UsageReport
from .request import ChatRequest

FINGERPRINT = "fp_sandbox_1"

NONSENSE_USAGE: dict[str, Any] = {
    "prompt_tokens": -7,
    "completion_tokens": 10**12,
    "total_tokens": "many",
    "prompt_tokens_details": {"cached_tokens": 10**12},
}


@dataclass(frozen=True, slots=True)
class Reply:
    """All there is to say in answer to a request; how much of it gets out is up to whoever sends it."""

    id: str
    created: int
    request: ChatRequest
    choices: tuple[Choice, ...]
    usage: dict[str, Any] | None

    def completion(self) -> dict[str, Any]:
        """The answer in one object; no `usage` when none is reported."""
        choices = [
            {"index": choice.index, "message": choice.message, "logprobs": None, "finish_reason": choice.finish_reason}
            for choice in self.choices
        ]
        usage = {} if self.usage is None else {"usage": self.usage}
        return {**self._envelope("chat.completion"), "choices": choices, **usage}

    def broken_off(self, tokens: int | None) -> "Reply":
        """The same reply, ended after so many tokens of each choice, with neither finish reason nor usage."""
        choices = (replace(choice, pieces=choice.pieces[:tokens], finish_reason=None) for choice in self.choices)
        return replace(self, choices=tuple(choices), usage=None)

    def opening(self) -> Iterator[dict[str, Any]]:
        """The chunks that come before any token: the role of each choice, or that there is no choice."""
        for choice in self.choices:
            yield self._chunk(choice.index, {"role": "assistant", "content": ""})
        if not self.choices:
            yield {**self._envelope("chat.completion.chunk"), "choices": []}

    def body(self) -> Iterator[dict[str, Any]]:
        """The chunks with exactly one token each, the choices taking turns."""
        for row in zip_longest(*(choice.pieces for choice in self.choices)):
            for choice, piece in zip(self.choices, row, strict=True):
                if piece is not None:
                    yield self._chunk(choice.index, piece.delta)

    def closing(self) -> Iterator[dict[str, Any]]:
        """The chunks with the finish reasons, and the usage chunk if it was asked for."""
        for choice in self.choices:
            yield self._chunk(choice.index, {}, choice.finish_reason)
        if self.request.include_usage and self.usage is not None:
            yield {**self._envelope("chat.completion.chunk"), "choices": [], "usage": self.usage}

    def _chunk(self, index: int, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        usage = {"usage": None} if self.request.include_usage else {}
        return {**self._envelope("chat.completion.chunk"), "choices": [choice], **usage}

    def _envelope(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.request.model,
            "system_fingerprint": FINGERPRINT,
        }


def write_reply(request: ChatRequest, behaviour: Behaviour, *, number: int, created: int) -> Reply:
    """The reply to the `number`-th request of this process, at `created` in Unix seconds."""
    choices = () if behaviour.body is Body.EMPTY else write_choices(request, behaviour)
    return Reply(
        id=_reply_id(request, number),
        created=created,
        request=request,
        choices=choices,
        usage=_usage(request, choices, behaviour.usage),
    )


def _reply_id(request: ChatRequest, number: int) -> str:
    told = "\n".join([request.model, *(message.text for message in request.messages)])
    return f"chatcmpl-sandbox-{number:06d}-{sha256(told.encode()).hexdigest()[:12]}"


def _usage(request: ChatRequest, choices: tuple[Choice, ...], report: UsageReport) -> dict[str, Any] | None:
    if report is UsageReport.NEVER:
        return None
    if report is UsageReport.NONSENSE:
        return NONSENSE_USAGE
    completion = sum(len(choice.pieces) for choice in choices)
    usage: dict[str, Any] = {
        "prompt_tokens": request.prompt_tokens,
        "completion_tokens": completion,
        "total_tokens": request.prompt_tokens + completion,
    }
    if report is UsageReport.DETAILED:
        reasoning = sum(choice.reasoning_tokens for choice in choices)
        usage["prompt_tokens_details"] = {"cached_tokens": request.system_tokens}
        usage["completion_tokens_details"] = {"reasoning_tokens": reasoning}
    return usage
