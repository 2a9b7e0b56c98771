"""A Messages request checked: bytes in, out what routing, billing and metering understand; unknown fields stay."""

from typing import Any

from billing.usage import count
from config.kernel.errors import InvalidInput
from relay.dialects.base import RelayRequest
from relay.dialects.cost import wants_cost
from relay.dialects.fields import json_object, model_name, optional_bool, optional_count, optional_object
from relay.dialects.messages.blocks import blocks_of, object_in, string_in

ROLES = ("user", "assistant", "system")
TOOL_CHOICES = ("auto", "any", "tool", "none")


def parse(raw: bytes) -> RelayRequest:
    """The body of `POST /v1/messages`. Raises InvalidInput naming the field."""
    payload = json_object(raw)
    model = _checked_model(payload)
    if payload.get("max_tokens") is None:
        raise InvalidInput("max_tokens is missing: say how many tokens the answer may have.", param="max_tokens")
    return RelayRequest(
        payload=payload,
        model=model,
        is_stream=optional_bool(payload, "stream"),
        wants_usage=True,  # this dialect always tells
        max_tokens=optional_count(payload, "max_tokens"),
        wants_cost=wants_cost(payload),
    )


def parse_count(raw: bytes) -> RelayRequest:
    """The body of `POST /v1/messages/count_tokens`: the same question, not asked. Raises InvalidInput."""
    payload = json_object(raw)
    model = _checked_model(payload)
    return RelayRequest(payload=payload, model=model, is_stream=False, wants_usage=True, max_tokens=None)


def _checked_model(payload: dict[str, Any]) -> str:
    """The model's name, once every field that we know has the right shape."""
    model = model_name(payload)
    _check_messages(payload.get("messages"))
    if payload.get("system") is not None:
        _check_system(payload["system"])
    _check_tools(payload)
    _check_thinking(optional_object(payload, "thinking"))
    _check_stop_sequences(payload)
    _check_sampling(payload)
    _check_output(optional_object(payload, "output_config"))
    _check_user(optional_object(payload, "metadata"))
    return model


def _check_messages(messages: Any) -> None:
    if not isinstance(messages, list) or not messages:
        raise InvalidInput("You must provide messages: a list with at least one message.", param="messages")
    for position, message in enumerate(messages):
        where = f"messages[{position}]"
        if not isinstance(message, dict):
            raise InvalidInput(f"{where} must be an object with a role and content.", param=where)
        if message.get("role") not in ROLES:
            raise InvalidInput(f"{where}.role must be one of {', '.join(ROLES)}.", param=f"{where}.role")
        blocks_of(message.get("content"), f"{where}.content")


def _check_system(system: Any) -> None:
    for position, block in enumerate(blocks_of(system, "system")):
        where = f"system[{position}]"
        if block["type"] != "text":
            raise InvalidInput(f"{where} must be a block of text.", param=where)
        string_in(block, "text", where)


def _check_tools(payload: dict[str, Any]) -> None:
    tools = payload.get("tools")
    if not isinstance(tools, list | None):
        raise InvalidInput("tools must be a list.", param="tools")
    for position, tool in enumerate(tools or ()):
        _check_tool(tool, f"tools[{position}]")
    choice = optional_object(payload, "tool_choice")
    if choice and choice.get("type") not in TOOL_CHOICES:
        raise InvalidInput(f"tool_choice.type must be one of {', '.join(TOOL_CHOICES)}.", param="tool_choice.type")
    if choice.get("type") == "tool":
        string_in(choice, "name", "tool_choice")
    _check_switch(choice, "disable_parallel_tool_use", "tool_choice")


def _check_tool(tool: Any, where: str) -> None:
    if not isinstance(tool, dict):
        raise InvalidInput(f"{where} must be an object.", param=where)
    if tool.get("type", "custom") not in (None, "custom"):
        string_in(tool, "type", where)  # a tool of the provider's: its other fields are its own
        return
    string_in(tool, "name", where)
    object_in(tool, "input_schema", where)
    if tool.get("description") is not None:
        string_in(tool, "description", where)
    _check_switch(tool, "strict", where)


def _check_switch(holder: dict[str, Any], name: str, where: str) -> None:
    if not isinstance(holder.get(name), bool | None):
        raise InvalidInput(f"{where}.{name} must be true or false.", param=f"{where}.{name}")


def _check_thinking(thinking: dict[str, Any]) -> None:
    if not thinking:
        return
    if string_in(thinking, "type", "thinking") == "enabled" and not count(thinking.get("budget_tokens")):
        raise InvalidInput("thinking.budget_tokens must be a positive integer.", param="thinking.budget_tokens")


def _check_stop_sequences(payload: dict[str, Any]) -> None:
    found = payload.get("stop_sequences")
    if found is None or (isinstance(found, list) and all(isinstance(text, str) for text in found)):
        return
    raise InvalidInput("stop_sequences must be a list of strings.", param="stop_sequences")


def _check_sampling(payload: dict[str, Any]) -> None:
    for name in ("temperature", "top_p"):
        value = payload.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float | None):
            raise InvalidInput(f"{name} must be a number.", param=name)
    if payload.get("top_k") is not None and count(payload["top_k"]) is None:
        raise InvalidInput("top_k must be an integer of at least 0.", param="top_k")


def _check_output(config: dict[str, Any]) -> None:
    if config.get("effort") is not None:
        string_in(config, "effort", "output_config")
    if config.get("format") is not None:
        string_in(object_in(config, "format", "output_config"), "type", "output_config.format")


def _check_user(metadata: dict[str, Any]) -> None:
    if metadata.get("user_id") is not None:
        string_in(metadata, "user_id", "metadata")
