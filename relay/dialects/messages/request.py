"""A Messages request as the chat completion request that asks for the same."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from relay.dialects.messages.blocks import object_in, string_in, unavailable
from relay.dialects.messages.turns import chat_messages

_MUST_NOT_BE_LOST = ("container", "mcp_servers", "inference_geo")  # other unknown fields only save time or money
_SAME = ("temperature", "top_p", "top_k", "max_tokens")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TOOL_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
_EFFORTS = {"low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
_BUDGETS = ((4_096, "low"), (16_384, "medium"))


def chat_payload(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What `Conversion.chat_payload` promises; `payload` has been checked by `parse` or `parse_count`."""
    for name in _MUST_NOT_BE_LOST:
        if payload.get(name):
            raise unavailable(name, name)
    chat = {
        "model": payload["model"],
        "messages": chat_messages(payload),
        **{name: payload.get(name) for name in _SAME},
        "stop": payload.get("stop_sequences") or None,
        "user": _user((payload.get("metadata") or {}).get("user_id")),
        "reasoning_effort": _effort(payload),
        "response_format": _response_format(payload),
        **_tools(payload),
        **_streaming(payload),
    }
    return {name: value for name, value in chat.items() if value is not None}


def shows_thinking(payload: Mapping[str, Any]) -> bool:
    """Whether the caller expects blocks of thinking; one who did not ask for them reads `content[0]` as the answer."""
    thinking = payload.get("thinking") or {}
    return thinking.get("type", "disabled") != "disabled" and thinking.get("display") != "omitted"


def _user(id: str | None) -> str | None:
    """Providers of chat completions refuse long or odd names, such as Claude Code's; another one is as good."""
    if not id or _NAME.fullmatch(id):
        return id
    return hashlib.sha256(id.encode()).hexdigest()


def _effort(payload: Mapping[str, Any]) -> str | None:
    """How long to think, where thinking is on and anything was said of its length."""
    thinking = payload.get("thinking") or {}
    if thinking.get("type", "disabled") == "disabled":
        return None
    said = (payload.get("output_config") or {}).get("effort") or ""
    if said or thinking["type"] != "enabled":
        return _EFFORTS.get(said)
    return next((effort for below, effort in _BUDGETS if thinking["budget_tokens"] < below), "high")


def _response_format(payload: Mapping[str, Any]) -> dict[str, Any] | None:
    """The schema of the answer, also under the name that it had in the beta."""
    for holder, name in ((payload.get("output_config") or {}, "output_config.format"), (payload, "output_format")):
        wanted = holder.get(name.rpartition(".")[2])
        if wanted is not None:
            return _json_schema(wanted, name)
    return None


def _json_schema(wanted: Any, where: str) -> dict[str, Any]:
    if not isinstance(wanted, dict) or wanted.get("type") != "json_schema":
        raise unavailable(where, "a format other than json_schema")
    schema = {"name": "answer", "schema": object_in(wanted, "schema", where), "strict": True}
    return {"type": "json_schema", "json_schema": schema}


def _tools(payload: Mapping[str, Any]) -> dict[str, Any]:
    tools = [_tool(tool, f"tools[{position}]") for position, tool in enumerate(payload.get("tools") or ())]
    choice = payload.get("tool_choice") or {}
    return {
        "tools": tools or None,
        "tool_choice": _tool_choice(choice) if choice else None,
        "parallel_tool_calls": False if choice.get("disable_parallel_tool_use") else None,
    }


def _tool(tool: Mapping[str, Any], where: str) -> dict[str, Any]:
    if (tool.get("type") or "custom") != "custom":
        raise unavailable(f"{where}.type", f"the tool {string_in(tool, 'type', where)[:60]}")
    parameters = {"type": "object", "properties": {}, **tool["input_schema"]}  # OpenAI refuses an object without them
    function = {"name": tool["name"], "parameters": parameters}
    said = {name: tool[name] for name in ("description", "strict") if tool.get(name) is not None}
    return {"type": "function", "function": {**function, **said}}


def _tool_choice(choice: Mapping[str, Any]) -> str | dict[str, Any]:
    if choice["type"] == "tool":
        return {"type": "function", "function": {"name": choice["name"]}}
    return _TOOL_CHOICES[choice["type"]]


def _streaming(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {"stream": True, "stream_options": {"include_usage": True}} if payload.get("stream") else {}
