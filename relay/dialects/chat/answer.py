"""What a whole chat completion tells, and the words of its chunks. Pure."""

from collections.abc import Mapping
from typing import Any

from billing.pricing import Usage
from relay.dialects.base import NativeAnswer


def read_answer(answer: Mapping[str, Any]) -> NativeAnswer:
    """An answer with an error or without choices is a problem, not an answer."""
    if answer.get("error"):
        error = answer["error"]
        return NativeAnswer(answer.get("usage"), [], error if isinstance(error, Mapping) else {"message": error})
    if not answer.get("choices"):
        return NativeAnswer(answer.get("usage"), [], {"message": "The upstream answered without any choice."})
    return NativeAnswer(answer.get("usage"), delta_texts(answer), None)


def delta_texts(chunk: Mapping[str, Any] | None) -> list[str]:
    """Every piece of generated text in a chunk or a whole answer: content, reasoning, refusals, tool calls."""
    choices = (chunk or {}).get("choices")
    if not isinstance(choices, list):
        return []
    parts = [choice.get("delta") or choice.get("message") for choice in choices if isinstance(choice, dict)]
    return [text for part in parts if isinstance(part, dict) for text in _texts_of(part)]


def _texts_of(part: dict[str, Any]) -> list[str]:
    names = ("content", "reasoning_content", "reasoning", "refusal")
    texts = [part[name] for name in names if isinstance(part.get(name), str)]
    calls = part.get("tool_calls")
    functions = [call.get("function") for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    fields = [f[name] for f in functions if isinstance(f, dict) for name in ("name", "arguments") if name in f]
    return [text for text in (*texts, *fields) if isinstance(text, str) and text]


def usage_object(usage: Usage) -> dict[str, Any]:
    """Counts as OpenAI writes them in a chat completion; details only where there are any."""
    prompt, completion = usage.prompt_total, usage.completion_total
    details = {
        "prompt_tokens_details": {"cached_tokens": usage.cache_read, "audio_tokens": usage.audio_input},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning, "audio_tokens": usage.audio_output},
    }
    told = {name: {kind: count for kind, count in parts.items() if count} for name, parts in details.items()}
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        **{name: parts for name, parts in told.items() if parts},
    }
