"""The caller's tools and how a chat completion calls them. Pure.

A custom tool becomes a function with one string argument, a tool in a namespace a function with a longer name; what the
model calls is turned back by the same table. Search in the web, which a provider runs itself, is left out: clients
declare it with every request whether the model has it or not. Any other tool that a provider runs is refused.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import orjson

from config.kernel.errors import InvalidInput

CUSTOM_ARGUMENT = "input"
_CHOICES = ("none", "auto", "required")


class Tool(NamedTuple):
    """A tool as the caller declared it."""

    name: str
    namespace: str | None = None
    is_custom: bool = False

    @property
    def chat_name(self) -> str:
        return chat_name(self.name, self.namespace)


def chat_name(name: str, namespace: Any = None) -> str:
    """What a chat completion calls a tool: `crm` and `find` become `crm__find`."""
    return f"{namespace.rstrip('_')}__{name}" if isinstance(namespace, str) and namespace else name


def declared(payload: Mapping[str, Any]) -> dict[str, Tool]:
    """The caller's tools by their names in a chat completion. Raises InvalidInput for those that cannot be said."""
    return {tool.chat_name: tool for tool, _definition in _tools(payload.get("tools") or (), "tools")}


def chat_fields(payload: Mapping[str, Any]) -> dict[str, Any]:
    """`tools`, `tool_choice` and `parallel_tool_calls` of a chat completion; empty without tools."""
    tools = {tool.chat_name: _function(tool, given) for tool, given in _tools(payload.get("tools") or (), "tools")}
    choice = payload.get("tool_choice")
    if _is_search(choice):
        raise _hosted(choice, "tool_choice")
    if not tools:
        return {}
    if isinstance(choice, Mapping) and choice.get("type") == "allowed_tools":
        tools, choice = _allowed(tools, choice), choice.get("mode")
    fields: dict[str, Any] = {"tools": list(tools.values())}
    if choice is not None:
        fields["tool_choice"] = _choice(choice)
    if payload.get("parallel_tool_calls") is not None:
        fields["parallel_tool_calls"] = payload["parallel_tool_calls"]
    return fields


def custom_arguments(text: str) -> str:
    """A custom tool's input as the arguments of its function."""
    return orjson.dumps({CUSTOM_ARGUMENT: text}).decode()


def custom_input(arguments: str) -> str:
    """The input in a function's arguments; the arguments themselves where the model wrote something else."""
    try:
        value = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return arguments
    text = value.get(CUSTOM_ARGUMENT) if isinstance(value, dict) else None
    return text if isinstance(text, str) else arguments


def _tools(given: Any, at: str, namespace: str | None = None) -> Iterator[tuple[Tool, Mapping[str, Any]]]:
    for position, definition in enumerate(given):
        here = f"{at}[{position}]"
        match definition:
            case _ if _is_search(definition):
                continue
            case {"type": "function" | "custom" as kind, "name": str(name)} if name:
                yield Tool(name, namespace, is_custom=kind == "custom"), definition
            case {"type": "namespace", "name": str(name), "tools": list(inner)} if name and namespace is None:
                yield from _tools(inner, f"{here}.tools", name)
            case {"type": "function" | "custom" | "namespace"}:
                raise InvalidInput(f"{here} must have a name and what its type asks for.", param=here)
            case _:
                raise _hosted(definition, here)


def _is_search(definition: Any) -> bool:
    return isinstance(definition, Mapping) and str(definition.get("type")).startswith("web_search")


def _hosted(definition: Any, at: str) -> InvalidInput:
    kind = definition.get("type") if isinstance(definition, Mapping) else None
    return InvalidInput(
        f"{at}: the tool {str(kind)[:60]} is run by its provider and not offered with this model. Leave it out or turn "
        "it off in your client; tools of type function, custom and namespace work.",
        code="unsupported_tool",
        param=at,
    )


def _function(tool: Tool, definition: Mapping[str, Any]) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.chat_name}
    if tool.is_custom:
        function |= {"description": _custom_description(definition), "parameters": _custom_parameters()}
    else:
        names = ("description", "parameters", "strict")
        function |= {name: definition[name] for name in names if definition.get(name) is not None}
    return {"type": "function", "function": function}


def _custom_description(definition: Mapping[str, Any]) -> str:
    """The tool's own words, and the grammar that nobody else will hold the model to."""
    described = str(definition.get("description") or "")
    match definition.get("format"):
        case {"type": "grammar", "syntax": str(syntax), "definition": str(grammar)}:
            return f"{described}\n\nThe input must match this {syntax} grammar:\n{grammar}".strip()
    return described


def _custom_parameters() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {CUSTOM_ARGUMENT: {"type": "string", "description": "The tool's whole input, as plain text."}},
        "required": [CUSTOM_ARGUMENT],
        "additionalProperties": False,
    }


def _allowed(tools: dict[str, dict[str, Any]], choice: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    rows = choice.get("tools")
    rows = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    names = {chat_name(str(row.get("name")), row.get("namespace")) for row in rows}
    kept = {name: tool for name, tool in tools.items() if name in names}
    if not kept:
        raise InvalidInput("tool_choice allows none of the tools.", param="tool_choice")
    return kept


def _choice(choice: Any) -> Any:
    match choice:
        case str() if choice in _CHOICES:
            return choice
        case {"type": "function" | "custom", "name": str(name)}:
            return {"type": "function", "function": {"name": chat_name(name, choice.get("namespace"))}}
    raise InvalidInput(
        "tool_choice must be none, auto, required, allowed_tools, or name a function or custom tool.",
        param="tool_choice",
    )
