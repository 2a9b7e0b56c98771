"""The input of a response as the messages of a chat completion. Pure.

What the assistant said and called in one turn is one message there; pictures that a tool returned follow its results in
a message of the user, because a tool's message holds text only.
"""

from collections.abc import Mapping
from typing import Any

from config.kernel.errors import InvalidInput
from relay.dialects.responses.tools import chat_name, custom_arguments

_DETAILS = ("auto", "low", "high")
_SYSTEM = ("system", "developer")
PICTURES_FOLLOW = "The result is in the next message of the user."
PICTURES = "What the tools above returned:"


def messages(instructions: Any, given: str | list[Any]) -> list[dict[str, Any]]:
    """Chat messages that say the same. Raises InvalidInput naming the item that cannot be said."""
    history = _History()
    if instructions:
        history.add({"role": "system", "content": instructions})
    if isinstance(given, str):
        history.add({"role": "user", "content": given})
    else:
        for position, item in enumerate(given):
            history.take(item, f"input[{position}]")
    return history.finished()


class _History:
    def __init__(self) -> None:
        self._messages: list[dict[str, Any]] = []
        self._pictures: list[dict[str, Any]] = []

    def add(self, message: dict[str, Any]) -> None:
        if message["role"] != "tool":
            self._show_pictures()
        self._messages.append(message)

    def take(self, item: Any, at: str) -> None:
        match item:
            case {"type": "reasoning" | "web_search_call"}:
                return  # only the model that wrote it could read it; what a search found is in the answer after it
            case {"type": "function_call", "call_id": str(id), "name": str(name), "arguments": str(arguments)}:
                self._call(id, chat_name(name, item.get("namespace")), arguments)
            case {"type": "custom_tool_call", "call_id": str(id), "name": str(name), "input": str(text)}:
                self._call(id, chat_name(name, item.get("namespace")), custom_arguments(text))
            case {"type": "function_call_output" | "custom_tool_call_output", "call_id": str(id), "output": output}:
                self._result(id, output, f"{at}.output")
            case {"role": str(role), "content": content} if item.get("type", "message") == "message":
                self._message(role, content, at)
            case _:
                raise _unsayable(item, at)

    def finished(self) -> list[dict[str, Any]]:
        self._show_pictures()
        return self._messages

    def _message(self, role: str, content: Any, at: str) -> None:
        if role == "assistant":
            self._say(content, f"{at}.content")
        elif role == "user":
            self.add({"role": "user", "content": _content(content, f"{at}.content")})
        elif role in _SYSTEM:
            self.add({"role": "system", "content": _text(content, f"{at}.content")})
        else:
            raise InvalidInput(f"{at}.role must be user, assistant, system or developer.", param=f"{at}.role")

    def _assistant(self) -> dict[str, Any]:
        """The message of the assistant's turn that is going on, or a new one."""
        if not self._messages or self._messages[-1]["role"] != "assistant":
            self.add({"role": "assistant", "content": None})
        return self._messages[-1]

    def _say(self, content: Any, at: str) -> None:
        parts = [{"type": "output_text", "text": content}] if isinstance(content, str) else content
        refusals = [part for part in _listed(parts, at) if isinstance(part, Mapping) and part.get("type") == "refusal"]
        text = _text([part for part in parts if part not in refusals], at)
        message = self._assistant()
        if text or not refusals:
            message["content"] = "\n\n".join(filter(None, (message["content"], text)))
        if refusals:
            message["refusal"] = "".join(str(part.get("refusal") or "") for part in refusals)

    def _call(self, id: str, name: str, arguments: str) -> None:
        call = {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}
        self._assistant().setdefault("tool_calls", []).append(call)

    def _result(self, id: str, output: Any, at: str) -> None:
        parts = _parts(output, at)
        texts = [part["text"] for part in parts if part["type"] == "text"]
        pictures = [part for part in parts if part["type"] != "text"]
        self._pictures += pictures
        content = "\n".join(texts) or (PICTURES_FOLLOW if pictures else "")
        self.add({"role": "tool", "tool_call_id": id, "content": content})

    def _show_pictures(self) -> None:
        if self._pictures:
            parts = [{"type": "text", "text": PICTURES}, *self._pictures]
            self._pictures = []
            self._messages.append({"role": "user", "content": parts})


def _content(content: Any, at: str) -> str | list[dict[str, Any]]:
    """Text as one string, because that is all some models' channels take; anything else as parts."""
    parts = _parts(content, at)
    if all(part["type"] == "text" for part in parts):
        return "\n".join(part["text"] for part in parts)
    return parts


def _text(content: Any, at: str) -> str:
    said = _content(content, at)
    if not isinstance(said, str):
        raise InvalidInput(f"{at} may hold text only.", param=at)
    return said


def _parts(content: Any, at: str) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [_part(part, f"{at}[{position}]") for position, part in enumerate(_listed(content, at))]


def _listed(content: Any, at: str) -> list[Any]:
    if not isinstance(content, list):
        raise InvalidInput(f"{at} must be a string or a list of parts.", param=at)
    return content


def _part(part: Any, at: str) -> dict[str, Any]:
    match part:
        case {"type": "input_text" | "output_text" | "text", "text": str(text)}:
            return {"type": "text", "text": text}
        case {"type": "input_image", "image_url": str(url)}:
            detail = {"detail": part["detail"]} if part.get("detail") in _DETAILS else {}
            return {"type": "image_url", "image_url": {"url": url, **detail}}
        case {"type": "input_file", "file_data": str(data)}:
            name = {"filename": part["filename"]} if isinstance(part.get("filename"), str) else {}
            return {"type": "file", "file": {"file_data": data, **name}}
        case {"type": "input_audio", "input_audio": {"data": str(data), "format": str(form)}}:
            return {"type": "input_audio", "input_audio": {"data": data, "format": form}}
        case {"type": "input_image" | "input_file"}:
            raise InvalidInput(
                f"{at} names a file that is not here. Send a picture as image_url, which may be a data URL, and any "
                "other file as file_data.",
                param=at,
            )
    raise InvalidInput(f"{at} is no part that can be said to this model: {_kind(part)}.", param=at)


def _unsayable(item: Any, at: str) -> InvalidInput:
    if isinstance(item, Mapping) and item.get("type") == "item_reference":
        return InvalidInput(f"{at} refers to a stored item, and nothing is stored. Send the item itself.", param=at)
    return InvalidInput(
        f"{at} cannot be said to this model: {_kind(item)}. Items are messages, function and custom tool calls with "
        "their outputs, and reasoning.",
        param=at,
    )


def _kind(value: Any) -> str:
    kind = value.get("type", "message") if isinstance(value, Mapping) else type(value).__name__
    return f"an incomplete or unknown {str(kind)[:60]}"
