"""What the sandbox answers: for each choice a row of pieces, one token each."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

import orjson

from . import tokens
from .behaviours import Behaviour
from .request import ChatRequest, Tool
from .samples import sample
from .text import Question

FinishReason = Literal["stop", "length", "tool_calls"]


@dataclass(frozen=True, slots=True)
class Piece:
    """One token. A `call` piece opens tool call number `index`: the name of the tool, however long, is that token."""

    kind: Literal["reasoning", "content", "call", "arguments"]
    text: str
    index: int = 0
    call_id: str = ""

    @property
    def delta(self) -> dict[str, Any]:
        """The piece as the delta of a stream chunk."""
        if self.kind == "reasoning":
            return {"reasoning_content": self.text}
        if self.kind == "content":
            return {"content": self.text}
        if self.kind == "arguments":
            return {"tool_calls": [{"index": self.index, "function": {"arguments": self.text}}]}
        opening = {"index": self.index, "id": self.call_id, "type": "function"}
        return {"tool_calls": [{**opening, "function": {"name": self.text, "arguments": ""}}]}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the `n` answers. Without a finish reason it was broken off."""

    index: int
    pieces: tuple[Piece, ...]
    finish_reason: FinishReason | None

    @property
    def reasoning_tokens(self) -> int:
        return sum(piece.kind == "reasoning" for piece in self.pieces)

    @property
    def message(self) -> dict[str, Any]:
        """The whole answer as the message of a call that does not stream."""
        message: dict[str, Any] = {"role": "assistant", "content": self._joined("content")}
        if self.reasoning_tokens:
            message["reasoning_content"] = self._joined("reasoning")
        if calls := [self._call(piece) for piece in self.pieces if piece.kind == "call"]:
            message.update(content=None, tool_calls=calls)
        return message

    def _call(self, opening: Piece) -> dict[str, Any]:
        function = {"name": opening.text, "arguments": self._joined("arguments", opening.index)}
        return {"id": opening.call_id, "type": "function", "function": function}

    def _joined(self, kind: str, index: int = 0) -> str:
        return "".join(piece.text for piece in self.pieces if piece.kind == kind and piece.index == index)


def write_choices(request: ChatRequest, behaviour: Behaviour) -> tuple[Choice, ...]:
    """As many choices as were asked for; reasoning, content and tool calls all count against max_tokens."""
    return tuple(_choice(request, behaviour, index) for index in range(request.choices))


def _choice(request: ChatRequest, behaviour: Behaviour, index: int) -> Choice:
    question = _question(request)
    pieces = [Piece("reasoning", text) for text in tokens.split(question.reasoning())] if behaviour.reasons else []
    if request.calls:
        pieces += _call_pieces(request, index)
    else:
        text = _until_stop(_text(request, question, behaviour, index), request.stops)
        pieces += [Piece("content", token) for token in tokens.split(text)]
    if request.max_tokens is not None and len(pieces) > request.max_tokens:
        return Choice(index, tuple(pieces[: request.max_tokens]), "length")
    return Choice(index, tuple(pieces), "tool_calls" if request.calls else "stop")


def _question(request: ChatRequest) -> Question:
    asked = request.questions
    return Question(asked[-1].text, images=asked[-1].images, turn=len(asked)) if asked else Question("")


def _text(request: ChatRequest, question: Question, behaviour: Behaviour, variant: int) -> str:
    if request.schema is not None:
        return _json(sample(request.schema))
    if request.tool_result is not None:
        text = question.after_tool(request.tool_result)
    else:
        text = question.answer(variant=variant, least_tokens=behaviour.answer_tokens)
    return _json({"answer": text, "sandbox": True}) if request.wants_json else text


def _until_stop(text: str, stops: tuple[str, ...]) -> str:
    found = [position for position in map(text.find, stops) if position >= 0]
    return text[: min(found)] if found else text


def _call_pieces(request: ChatRequest, variant: int) -> list[Piece]:
    pieces = []
    for index, tool in enumerate(request.calls):
        pieces.append(Piece("call", tool.name, index, _call_id(request, tool, f"{variant}.{index}")))
        arguments = _json(sample({"type": "object", **tool.parameters}))
        pieces += [Piece("arguments", token, index) for token in tokens.split(arguments)]
    return pieces


def _call_id(request: ChatRequest, tool: Tool, place: str) -> str:
    told = "\n".join([*(message.text for message in request.messages), tool.name, place])
    return f"call_sandbox_{sha256(told.encode()).hexdigest()[:16]}"


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
