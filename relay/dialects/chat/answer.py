"""What a whole chat completion tells, and the words of its chunks. Pure."""

from collections.abc import Mapping
from typing import Any

from billing.pricing import Usage
from billing.usage import Reported, normalise
from relay.dialects.base import NativeAnswer
from relay.dialects.delivered import SEALED

_TEXTS = frozenset(("content", "reasoning_content", "reasoning", "refusal"))


def read_answer(answer: Mapping[str, Any]) -> NativeAnswer:
    """An answer with an error or without choices is a problem, not an answer."""
    if answer.get("error"):
        error = answer["error"]
        return NativeAnswer(answer.get("usage"), [], error if isinstance(error, Mapping) else {"message": error})
    if not answer.get("choices"):
        return NativeAnswer(answer.get("usage"), [], {"message": "The upstream answered without any choice."})
    texts = delta_texts(answer)
    if not texts and has_thought(normalise(answer.get("usage"))):
        texts = [SEALED]
    return NativeAnswer(answer.get("usage"), texts, None)


def has_thought(reported: Reported | None) -> bool:
    """Whether an answer without a word is one all the same: its limit was reached while the model was thinking."""
    return bool(reported and reported.usage.reasoning)


def delta_texts(chunk: Mapping[str, Any]) -> list[str]:
    """Every piece of generated text in a chunk or a whole answer: content, reasoning, refusals, tool calls."""
    choices, texts = chunk.get("choices"), []
    for choice in choices if isinstance(choices, list) else ():
        part = isinstance(choice, dict) and (choice.get("delta") or choice.get("message"))
        for name, value in part.items() if isinstance(part, dict) else ():
            if name in _TEXTS:
                texts.append(value)
            elif name == "tool_calls":
                texts += _call_texts(value)
    return [text for text in texts if isinstance(text, str) and text]


def _call_texts(calls: Any) -> list[Any]:
    functions = [call.get("function") for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    return [f[name] for f in functions if isinstance(f, dict) for name in ("name", "arguments") if name in f]


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
