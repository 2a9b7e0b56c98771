"""A complete chat completion as a response: its output items, how it ended, what it used. Pure but for the clock."""

import time
from collections.abc import Mapping
from typing import Any

from billing.usage import normalise
from relay.dialects.responses.tools import Tool, custom_input, declared

_ENDS = {"length": "max_output_tokens", "content_filter": "content_filter"}  # finish reasons that leave it incomplete
CALL_PREFIX = {False: "fc", True: "ctc"}
_ECHOED = (
    "instructions",
    "max_output_tokens",
    "prompt_cache_key",
    "safety_identifier",
    "temperature",
    "top_logprobs",
    "top_p",
    "user",
)


def answer(chat: Mapping[str, Any], *, payload: Mapping[str, Any], model: str, request_id: str) -> dict[str, Any]:
    """The response that says what the first choice of `chat` says; `model` is the public name."""
    choice, ids = first_choice(chat), Ids(request_id)
    output = _output(choice, ids, declared(payload))
    finish_reason = choice.get("finish_reason")
    if end_reason(finish_reason) and output and "status" in output[-1]:
        output[-1]["status"] = "incomplete"
    skeleton = Skeleton(payload, model=model, id=ids.response, created=chat.get("created"))
    return skeleton.ended(output, finish_reason=finish_reason, usage=chat.get("usage"))


class Ids:
    """The ids of one response and its items, all made of the request's."""

    def __init__(self, request_id: str) -> None:
        self._base = request_id.replace("-", "")
        self._calls: set[str] = set()

    @property
    def response(self) -> str:
        return f"resp_{self._base}"

    def item(self, prefix: str, position: int) -> str:
        return f"{prefix}_{self._base}_{position}"

    def call(self, given: Any, position: int) -> str:
        """The upstream's id of a call, or one of ours where it gave none or the same one twice."""
        own = isinstance(given, str) and given and given not in self._calls
        id = given if own else self.item("call", position)
        self._calls.add(id)
        return id


class Skeleton:
    """A response without its output: all that is known from the request."""

    def __init__(self, payload: Mapping[str, Any], *, model: str, id: str, created: Any) -> None:
        asked = payload.get("text") or {}
        self._fields: dict[str, Any] = {
            "id": id,
            "object": "response",
            "created_at": created if type(created) is int else int(time.time()),
            "status": "in_progress",
            "background": False,
            "error": None,
            "incomplete_details": None,
            "model": model,
            "output": [],
            "parallel_tool_calls": payload.get("parallel_tool_calls") is not False,
            "previous_response_id": None,
            "reasoning": {"effort": None, "summary": None, **(payload.get("reasoning") or {})},
            "store": False,
            "text": {**asked, "format": asked.get("format") or {"type": "text"}},
            "tool_choice": payload.get("tool_choice") or "auto",
            "tools": [_echoed(tool) for tool in payload.get("tools") or ()],
            "truncation": "disabled",
            "usage": None,
            "metadata": payload.get("metadata") or {},
            **{name: payload.get(name) for name in _ECHOED},
        }

    def begun(self) -> dict[str, Any]:
        return self._fields

    def ended(self, output: list[dict[str, Any]], *, finish_reason: Any, usage: Any) -> dict[str, Any]:
        """The whole response, completed or incomplete."""
        why = end_reason(finish_reason)
        fields = {"status": "incomplete" if why else "completed", "output": output, "usage": usage_object(usage)}
        return {**self._fields, **fields, "incomplete_details": {"reason": why} if why else None}

    def failed(self, output: list[dict[str, Any]], error: Mapping[str, Any]) -> dict[str, Any]:
        """The response that broke; `error` has `code` and `message`."""
        return {**self._fields, "status": "failed", "output": output, "error": error}


def end_reason(finish_reason: Any) -> str | None:
    """Why an answer is incomplete; None when it is whole."""
    return _ENDS.get(finish_reason) if isinstance(finish_reason, str) else None


def usage_object(chat_usage: Any) -> dict[str, Any] | None:
    """The response's `usage`; None where the chat completion's says nothing usable."""
    reported = normalise(chat_usage)
    if reported is None:
        return None
    usage = reported.usage
    written = (usage.cache_write or 0) + (usage.cache_write_1h or 0)
    return {
        "input_tokens": usage.prompt_total,
        "input_tokens_details": {"cached_tokens": usage.cache_read or 0, "cache_write_tokens": written},
        "output_tokens": usage.completion_total,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
        "total_tokens": usage.prompt_total + usage.completion_total,
    }


# ── Output items ─────────────────────────────────────────────────────────────


def reasoning_item(id: str, text: str) -> dict[str, Any]:
    return {"id": id, "type": "reasoning", "summary": [summary_part(text)]}


def summary_part(text: str) -> dict[str, Any]:
    return {"type": "summary_text", "text": text}


def message_item(id: str, content: list[dict[str, Any]], status: str = "completed") -> dict[str, Any]:
    return {"id": id, "type": "message", "status": status, "role": "assistant", "content": content}


def text_part(text: str, logprobs: list[Any]) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs}


def refusal_part(text: str) -> dict[str, Any]:
    return {"type": "refusal", "refusal": text}


def call_item(tool: Tool, id: str, call_id: str, arguments: str, status: str = "completed") -> dict[str, Any]:
    """A call as the caller's own kind of tool expects it."""
    named = {"call_id": call_id, "name": tool.name, **({"namespace": tool.namespace} if tool.namespace else {})}
    if tool.is_custom:
        return {"id": id, "type": "custom_tool_call", "status": status, **named, "input": custom_input(arguments)}
    return {"id": id, "type": "function_call", "status": status, **named, "arguments": arguments}


# ── What a chat completion's message or delta says ───────────────────────────


def first_choice(chat: Mapping[str, Any]) -> Mapping[str, Any]:
    """The only choice a response can be made of; empty where there is none."""
    choices = chat.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, Mapping) else {}


def string(part: Mapping[str, Any], name: str) -> str:
    value = part.get(name)
    return value if isinstance(value, str) else ""


def reasoning_of(part: Mapping[str, Any]) -> str:
    """The thoughts, under either of the names that providers have for them."""
    return string(part, "reasoning_content") or string(part, "reasoning")


def calls_of(part: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    calls = part.get("tool_calls")
    return [call for call in calls if isinstance(call, Mapping)] if isinstance(calls, list) else []


def function_of(call: Mapping[str, Any]) -> tuple[str, str]:
    """A call's name and arguments, or the pieces of them in a chunk."""
    function = call.get("function")
    return (string(function, "name"), string(function, "arguments")) if isinstance(function, Mapping) else ("", "")


def logprobs_of(choice: Mapping[str, Any]) -> list[Any]:
    logprobs = choice.get("logprobs")
    content = logprobs.get("content") if isinstance(logprobs, Mapping) else None
    return content if isinstance(content, list) else []


def _output(choice: Mapping[str, Any], ids: Ids, tools: Mapping[str, Tool]) -> list[dict[str, Any]]:
    message = choice.get("message")
    said = message if isinstance(message, Mapping) else {}
    output: list[dict[str, Any]] = []
    if text := reasoning_of(said):
        output.append(reasoning_item(ids.item("rs", 0), text))
    if parts := _parts(said, logprobs_of(choice)):
        output.append(message_item(ids.item("msg", len(output)), parts))
    for call in calls_of(said):
        name, arguments = function_of(call)
        tool = tools.get(name) or Tool(name)
        call_id = ids.call(call.get("id"), len(output))
        output.append(call_item(tool, ids.item(CALL_PREFIX[tool.is_custom], len(output)), call_id, arguments))
    return output


def _parts(message: Mapping[str, Any], logprobs: list[Any]) -> list[dict[str, Any]]:
    text, refusal = string(message, "content"), string(message, "refusal")
    return [*([text_part(text, logprobs)] if text else ()), *([refusal_part(refusal)] if refusal else ())]


def _echoed(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    """A function with the fields that are optional in a request and not in an answer."""
    return {"parameters": None, "strict": False, **tool} if tool.get("type") == "function" else tool
