"""The system prompt and the turns of a Messages request as chat messages."""

from collections.abc import Mapping
from typing import Any

from config.kernel.errors import InvalidInput
from relay.dialects.messages.blocks import Block, blocks_of, json_text, object_in, string_in, unavailable
from relay.dialects.messages.parts import Part, joined, parts_of, parts_of_block, text_part

ChatMessage = dict[str, Any]
_THOUGHTS = ("thinking", "redacted_thinking")
# Claude Code's own mark: it says nothing to a model, and differs with each request, so that no prefix would be cached.
_ATTRIBUTION = "x-anthropic-billing-header:"


def chat_messages(payload: Mapping[str, Any]) -> list[ChatMessage]:
    """All of them in order. Raises InvalidInput for what a chat message cannot hold."""
    turns = payload["messages"]
    if turns[-1]["role"] == "assistant":
        raise InvalidInput(
            "The last of the messages must not be the assistant's: this model cannot go on with a begun answer.",
            param="messages",
        )
    messages = _system(payload.get("system") or "", "system")
    for position, turn in enumerate(turns):
        messages += _TURNS[turn["role"]](turn["content"], f"messages[{position}].content")
    return messages


def _system(content: Any, where: str) -> list[ChatMessage]:
    blocks = enumerate(blocks_of(content, where))
    texts = [string_in(block, "text", f"{where}[{position}]") for position, block in blocks]
    text = "\n\n".join(text for text in texts if text and not text.startswith(_ATTRIBUTION))
    return [{"role": "system", "content": text}] if text else []


def _user(content: Any, where: str) -> list[ChatMessage]:
    """Results of tools come first: they must follow the calls that they answer."""
    results: list[ChatMessage] = []
    parts: list[Part] = []
    for position, block in enumerate(blocks_of(content, where)):
        place = f"{where}[{position}]"
        if block["type"] == "tool_result":
            result, attached = _tool_result(block, place)
            results.append(result)
            parts += attached
        else:
            parts += parts_of_block(block, place)
    said = [{"role": "user", "content": joined(parts)}] if parts or not results else []
    return [*results, *said]


def _tool_result(block: Block, where: str) -> tuple[ChatMessage, list[Part]]:
    """A tool's message, which holds text alone, and what the user has to show instead: images and files."""
    call = string_in(block, "tool_use_id", where)
    content = block.get("content")
    parts = [] if content is None else parts_of(content, f"{where}.content")
    text = "\n\n".join(part["text"] for part in parts if part["type"] == "text")
    if block.get("is_error"):
        text = f"Error: {text}"
    attached = [part for part in parts if part["type"] != "text"]
    if attached:
        attached.insert(0, text_part(f"From the result of the tool call {call}:"))
    return {"role": "tool", "tool_call_id": call, "content": text}, attached


def _assistant(content: Any, where: str) -> list[ChatMessage]:
    texts, calls = [], []
    for position, block in enumerate(blocks_of(content, where)):
        place = f"{where}[{position}]"
        match block["type"]:
            case "text":
                texts.append(string_in(block, "text", place))
            case "tool_use":
                calls.append(_tool_call(block, place))
            case kind if kind not in _THOUGHTS:
                raise unavailable(place, f"content of type {kind[:60]}")
    message: ChatMessage = {"role": "assistant", "content": "".join(texts) or None}
    if calls:
        message["tool_calls"] = calls
    return [message] if calls or message["content"] else []


def _tool_call(block: Block, where: str) -> dict[str, Any]:
    arguments = json_text(object_in(block, "input", where))
    if arguments is None:
        raise InvalidInput(f"{where}.input is nested too deeply.", param=f"{where}.input")
    function = {"name": string_in(block, "name", where), "arguments": arguments}
    return {"id": string_in(block, "id", where), "type": "function", "function": function}


_TURNS = {"system": _system, "user": _user, "assistant": _assistant}
