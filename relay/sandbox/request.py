"""A chat completion request, read and checked."""

from dataclasses import dataclass
from typing import Any

import orjson

from . import tokens
from .errors import BadRequest
from .fields import Fields

ROLES = ("system", "developer", "user", "assistant", "tool")
MAX_CHOICES = 4
MAX_STOPS = 4
MAX_TOKENS = 10_000_000


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call as the assistant made it: `arguments` is JSON text."""

    name: str
    arguments: str

    @property
    def tokens(self) -> int:
        """One token for the name, whatever its length, and those of the arguments."""
        return 1 + tokens.count(self.arguments)


@dataclass(frozen=True, slots=True)
class Message:
    role: str
    text: str
    images: int = 0
    calls: tuple[ToolCall, ...] = ()

    @property
    def tokens(self) -> int:
        """One token for the role, the text's, 85 per image, and those of the tool calls."""
        calls = sum(call.tokens for call in self.calls)
        return 1 + tokens.count(self.text) + tokens.IMAGE_TOKENS * self.images + calls


@dataclass(frozen=True, slots=True)
class Tool:
    name: str
    parameters: dict[str, Any]

    def is_named_in(self, text: str) -> bool:
        """Whether the text says the tool's name, be it with spaces for underscores."""
        said, name = text.casefold(), self.name.casefold()
        return name in said or name.replace("_", " ") in said


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """`calls` are the tools the answer has to call; `schema` is what a JSON answer has to fit, if that was said."""

    model: str
    messages: tuple[Message, ...]
    stream: bool
    include_usage: bool
    max_tokens: int | None
    choices: int
    stops: tuple[str, ...]
    calls: tuple[Tool, ...]
    wants_json: bool
    schema: dict[str, Any] | None
    tool_tokens: int

    @property
    def prompt_tokens(self) -> int:
        """The tokens of all messages, and of the list of tools as compact JSON. Nothing else counts."""
        return self.tool_tokens + sum(message.tokens for message in self.messages)

    @property
    def system_tokens(self) -> int:
        return sum(message.tokens for message in self.messages if message.role in ("system", "developer"))

    @property
    def questions(self) -> list[Message]:
        return [message for message in self.messages if message.role == "user"]

    @property
    def tool_result(self) -> str | None:
        """The result that this request brings back from a tool, if it does."""
        last = self.messages[-1]
        return last.text if last.role == "tool" else None


def parse(body: bytes) -> ChatRequest:
    """Read a request body. Raises BadRequest with the path of the first field that is wrong."""
    fields = Fields(json_object(body))
    model = fields.need("model", str)
    messages = tuple(_message(item) for item in fields.objects("messages"))
    if not messages:
        raise BadRequest("'messages' must hold at least one message.", "messages")
    stream = fields.get("stream", bool) or False
    wants_json, schema = _response_format(fields)
    return ChatRequest(
        model=model,
        messages=messages,
        stream=stream,
        include_usage=_include_usage(fields, stream=stream),
        max_tokens=_max_tokens(fields),
        choices=fields.between("n", 1, MAX_CHOICES) or 1,
        stops=_stops(fields),
        calls=_calls(fields, messages),
        wants_json=wants_json,
        schema=schema,
        tool_tokens=tokens.count(orjson.dumps(tools).decode()) if (tools := fields.get("tools", list)) else 0,
    )


def json_object(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
        orjson.dumps(value)  # reads deeper nesting than it writes; answers may have to repeat parts of the request
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The body is not valid JSON: {error}.", code="invalid_json") from None
    except orjson.JSONEncodeError:
        raise BadRequest("The body is nested too deeply.", code="invalid_json") from None
    if not isinstance(value, dict):
        raise BadRequest("The body must be a JSON object.", code="invalid_json")
    return value


def _message(fields: Fields) -> Message:
    role = fields.choice("role", ROLES)
    calls = tuple(_past_call(item) for item in fields.objects("tool_calls"))
    if fields.raw("content") is None and role != "assistant":
        raise BadRequest(f"'{fields.path('content')}' is required.", fields.path("content"))
    if isinstance(fields.raw("content"), list):
        parts = [_part(item) for item in fields.objects("content")]
        text = "\n".join(part for part in parts if part is not None)
        return Message(role, text, images=parts.count(None), calls=calls)
    return Message(role, fields.get("content", str) or "", calls=calls)


def _part(fields: Fields) -> str | None:
    """The text of a content part; None stands for an image."""
    if fields.choice("type", ("text", "image_url")) == "text":
        return fields.need("text", str)
    fields.need_object("image_url").need("url", str)
    return None


def _past_call(fields: Fields) -> ToolCall:
    function = fields.need_object("function")
    return ToolCall(function.need("name", str), function.need("arguments", str))


def _include_usage(fields: Fields, *, stream: bool) -> bool:
    options = fields.object("stream_options")
    if options is None:
        return False
    if not stream:
        raise BadRequest("'stream_options' is only allowed together with 'stream'.", "stream_options")
    return options.get("include_usage", bool) or False


def _max_tokens(fields: Fields) -> int | None:
    limit = fields.between("max_completion_tokens", 1, MAX_TOKENS)
    older_name = fields.between("max_tokens", 1, MAX_TOKENS)
    return older_name if limit is None else limit


def _stops(fields: Fields) -> tuple[str, ...]:
    stop = fields.raw("stop")
    stops = [stop] if isinstance(stop, str) else fields.get("stop", list) or []
    if len(stops) > MAX_STOPS or not all(isinstance(item, str) for item in stops):
        raise BadRequest(f"'stop' must be a string or an array of up to {MAX_STOPS} strings.", "stop")
    return tuple(item for item in stops if item)


def _response_format(fields: Fields) -> tuple[bool, dict[str, Any] | None]:
    """Whether the answer has to be JSON, and the schema it has to fit."""
    wanted = fields.object("response_format")
    kind = wanted.choice("type", ("text", "json_object", "json_schema")) if wanted else "text"
    if wanted is None or kind != "json_schema":
        return kind == "json_object", None
    form = wanted.need_object("json_schema")
    form.need("name", str)
    return True, form.need("schema", dict)


def _calls(fields: Fields, messages: tuple[Message, ...]) -> tuple[Tool, ...]:
    tools = [_tool(item) for item in fields.objects("tools")]
    chosen = _chosen(fields, tools, messages)
    if messages[-1].role == "tool":
        return ()
    return tuple(chosen[:1] if fields.get("parallel_tool_calls", bool) is False else chosen)


def _tool(fields: Fields) -> Tool:
    fields.choice("type", ("function",))
    function = fields.need_object("function")
    return Tool(function.need("name", str), function.get("parameters", dict) or {})


def _chosen(fields: Fields, tools: list[Tool], messages: tuple[Message, ...]) -> list[Tool]:
    """The tools that tool_choice forces, or else those that the last question names."""
    choice = fields.raw("tool_choice")
    if choice is not None and not tools:
        raise BadRequest("'tool_choice' is only allowed together with 'tools'.", "tool_choice")
    if isinstance(choice, dict):
        return [_forced(fields.need_object("tool_choice"), tools)]
    mode = "auto" if choice is None else fields.choice("tool_choice", ("none", "auto", "required"))
    if mode == "none":
        return []
    asked = next((message.text for message in reversed(messages) if message.role == "user"), "")
    named = [tool for tool in tools if tool.is_named_in(asked)]
    return tools[:1] if mode == "required" and not named else named


def _forced(choice: Fields, tools: list[Tool]) -> Tool:
    choice.choice("type", ("function",))
    name = choice.need_object("function").need("name", str)
    for tool in tools:
        if tool.name == name:
            return tool
    raise BadRequest(f"'tool_choice' names '{name}', which is not among the tools.", "tool_choice")
