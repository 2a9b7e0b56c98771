"""A chat completion as a message; the reading of its pieces is shared with the stream. An upstream may say anything."""

from collections.abc import Mapping
from typing import Any

import orjson

from billing.pricing import Usage
from billing.usage import normalise
from relay.dialects.messages.blocks import json_text
from relay.dialects.messages.request import shows_thinking

_STOPS = {
    "length": "max_tokens",
    "content_filter": "refusal",
    "sensitive": "refusal",  # Zhipu's word for it
    "model_context_window_exceeded": "model_context_window_exceeded",
}


def message_of(chat: Mapping[str, Any], *, payload: Mapping[str, Any], model: str, request_id: str) -> dict[str, Any]:
    """What `Conversion.answer` promises."""
    choice = first_choice(chat)
    said = object_or_empty(choice.get("message"))
    text, refusal = text_of(said.get("content")), text_of(said.get("refusal"))
    thought = reasoning_of(said) if shows_thinking(payload) else ""
    content = [thinking_block(thought)] if thought else []
    content += [text_block(piece) for piece in (text, refusal) if piece]
    calls = calls_of(said)
    content += [_tool_use(call, call_id(call, request_id, position)) for position, call in enumerate(calls)]
    return {
        **message_head(model=model, request_id=request_id),
        "content": content,
        **ending_of(choice, payload=payload, has_calls=bool(calls), is_refused=bool(refusal)),
        "usage": usage_of(chat.get("usage")),
    }


def message_head(*, model: str, request_id: str) -> dict[str, Any]:
    return {"id": f"msg_{request_id}", "type": "message", "role": "assistant", "model": model}


def text_block(text: str = "") -> dict[str, Any]:
    return {"type": "text", "text": text}


def thinking_block(thought: str = "") -> dict[str, Any]:
    """No signature: nobody vouches for the thoughts of another provider's model."""
    return {"type": "thinking", "thinking": thought, "signature": ""}


def tool_block(call: Mapping[str, Any], id: str) -> dict[str, Any]:
    """The call without its input."""
    return {"type": "tool_use", "id": id, "name": called_name(call), "input": {}}


def first_choice(chat: Mapping[str, Any]) -> dict[str, Any]:
    choices = chat.get("choices")
    return object_or_empty(choices[0]) if isinstance(choices, list) and choices else {}


def object_or_empty(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def text_of(content: Any) -> str:
    """The text of a content, which a few providers write as a list of parts."""
    if isinstance(content, list):
        return "".join(text_of(part.get("text")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def reasoning_of(said: Mapping[str, Any]) -> str:
    return text_of(said.get("reasoning_content")) or text_of(said.get("reasoning"))


def calls_of(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    calls = said.get("tool_calls")
    return [call for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []


def called_name(call: Mapping[str, Any]) -> str:
    return text_of(object_or_empty(call.get("function")).get("name"))


def arguments_of(call: Mapping[str, Any]) -> str:
    """JSON text, also from a provider that sends the object itself."""
    arguments = object_or_empty(call.get("function")).get("arguments")
    return json_text(arguments) or "" if isinstance(arguments, dict) else text_of(arguments)


def call_id(call: Mapping[str, Any], request_id: str, position: int) -> str:
    """The call's own id, so that the upstream finds it again in the next request; one of ours where it has none."""
    return text_of(call.get("id")) or f"toolu_{request_id}_{position}"


def ending_of(
    choice: Mapping[str, Any], *, payload: Mapping[str, Any], has_calls: bool, is_refused: bool
) -> dict[str, str | None]:
    """`stop_reason` and `stop_sequence`. Only vLLM and SGLang tell by which of the stop texts an answer ended."""
    finish = choice.get("finish_reason")
    matched = [choice.get(name) for name in ("stop_reason", "matched_stop")]
    stop = next((text for text in payload.get("stop_sequences") or () if text in matched), None)
    if isinstance(finish, str) and finish in _STOPS:
        return {"stop_reason": _STOPS[finish], "stop_sequence": None}
    if is_refused:
        return {"stop_reason": "refusal", "stop_sequence": None}
    if stop is not None:
        return {"stop_reason": "stop_sequence", "stop_sequence": stop}
    return {"stop_reason": "tool_use" if has_calls else "end_turn", "stop_sequence": None}


def usage_of(usage: Any) -> dict[str, int]:
    """A chat completion's `usage` in Anthropic's counts, whose input leaves the cache out; zeros where nobody said."""
    reported = normalise(usage)
    counts = reported.usage if reported else Usage()
    read, written = counts.cache_read or 0, (counts.cache_write or 0) + (counts.cache_write_1h or 0)
    return {
        "input_tokens": counts.prompt_total - read - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "output_tokens": counts.completion_total,
    }


def _tool_use(call: Mapping[str, Any], id: str) -> dict[str, Any]:
    return {**tool_block(call, id), "input": _input_of(arguments_of(call))}


def _input_of(arguments: str) -> dict[str, Any]:
    """The arguments as an object; what a model got wrong stays readable, so that its caller can tell it."""
    if not arguments.strip():
        return {}
    try:
        value = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        value = None
    is_sound = isinstance(value, dict) and json_text([[[[value]]]])  # as deep as it will be in the answer
    return value if is_sound else {"invalid_arguments": arguments}
