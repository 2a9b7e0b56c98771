"""A whole chat completion as the stream the caller asked for: some upstreams answer so although asked to stream."""

from collections.abc import Mapping
from typing import Any

import orjson

from relay import sse


def events_of(answer: Mapping[str, Any]) -> list[bytes]:
    """A chunk with all of each choice, a chunk with its finish reason, the usage if it was told, the end mark."""
    chunks = [choices for choice in answer["choices"] if isinstance(choice, dict) for choices in _chunks_of(choice)]
    head = {name: answer[name] for name in ("id", "created", "model", "system_fingerprint") if name in answer}
    head["object"] = "chat.completion.chunk"
    bodies: list[dict[str, Any]] = [{**head, "choices": [choice]} for choice in chunks]
    if answer.get("usage") is not None:
        bodies.append({**head, "choices": [], "usage": answer["usage"]})
    return [*(sse.encode(orjson.dumps(body)) for body in bodies), sse.DONE_EVENT]


def _chunks_of(choice: Mapping[str, Any]) -> list[dict[str, Any]]:
    message = choice.get("message")
    delta = dict(message) if isinstance(message, dict) else {}
    calls = delta.get("tool_calls")
    if isinstance(calls, list):
        delta["tool_calls"] = [{"index": n, **call} for n, call in enumerate(calls) if isinstance(call, dict)]
    same = {"index": choice.get("index", 0)}
    text = {**same, "delta": delta, "finish_reason": None}
    if choice.get("logprobs") is not None:
        text["logprobs"] = choice["logprobs"]
    return [text, {**same, "delta": {}, "finish_reason": choice.get("finish_reason")}]
