"""How many tokens a request's prompt has: the most there can be, for the hold, and a fair guess. Pure.

Every dialect is read the same way: whatever stands in the fields that reach the model. The names of JSON's keys, and
what stands in framing fields, are labels: they count in the bound, but no model reads those of a conversation.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from billing.tokenizer import count_tokens, encoding_of

_CONVERSATION = ("messages", "system", "instructions", "input", "prompt")
_SCHEMAS = ("tools", "functions", "response_format", "text")  # whose keys the model does read
_FRAMING = frozenset({"role", "type", "id", "call_id", "tool_call_id", "tool_use_id", "detail", "status"})
_PICTURES = frozenset({"image_url", "image", "input_image"})
MESSAGE_OVERHEAD = 8
REPLY_OVERHEAD = 16
SCALAR_TOKENS = 4
FRAME_ESTIMATE = 3  # around each message, and before the reply
PICTURE_BOUND = 16_384  # the bytes of a picture say nothing about its tokens; no maker counts more, but for one model
MINI_PICTURE_BOUND = 50_000  # gpt-4o-mini counts a picture 33 times
PICTURE_ESTIMATE = 1_000
DOCUMENT_BOUND = 400_000  # the bytes of a file or of sound are far more than its tokens, until they fill any context
DOCUMENT_ESTIMATE = 20_000  # of one that is not sent but named by its address
BYTES_PER_DOCUMENT_TOKEN = 32  # in base64: a page of a PDF has about 80 000 of them, and makes 2 500 tokens


@dataclass(slots=True)
class Prompt:
    """What a payload asks the model to read."""

    texts: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    frames: int = 1
    pictures: int = 0
    documents: list[int] = field(default_factory=list)  # bytes of each in base64
    linked: int = 0  # documents named by their address
    scalars: int = 0

    def bound(self, model: str) -> int:
        """No more tokens than this: counted where the model's vocabulary is known, else no more than bytes."""
        encoding, texts = encoding_of(model), self.texts + self.labels
        if encoding is None:
            text = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
        else:
            counted = count_tokens(texts, encoding=encoding)
            text = counted + counted // 8  # tools reach the model in another notation than they are sent in
        picture = MINI_PICTURE_BOUND if "4o-mini" in model else PICTURE_BOUND
        documents = sum(min(size, DOCUMENT_BOUND) for size in self.documents) + self.linked * DOCUMENT_BOUND
        frames = REPLY_OVERHEAD + MESSAGE_OVERHEAD * (self.frames - 1) + SCALAR_TOKENS * self.scalars
        return text + self.pictures * picture + documents + frames

    def estimate(self, model: str) -> int:
        """A fair guess of the same."""
        text = count_tokens(self.texts, encoding=encoding_of(model)) + self.pictures * PICTURE_ESTIMATE
        sent = sum(min(size // BYTES_PER_DOCUMENT_TOKEN, DOCUMENT_BOUND) for size in self.documents)
        return text + sent + self.linked * DOCUMENT_ESTIMATE + FRAME_ESTIMATE * self.frames + self.scalars


def prompt_of(payload: Mapping[str, Any]) -> Prompt:
    """Gather what reaches the model."""
    prompt = Prompt()
    conversation, schemas = (
        [payload[name] for name in names if payload.get(name)] for names in (_CONVERSATION, _SCHEMAS)
    )
    prompt.frames += sum(len(value) for value in conversation if isinstance(value, list))
    _gather(conversation, prompt, prompt.labels)
    _gather(schemas, prompt, prompt.texts)
    return prompt


def _gather(values: list[Any], prompt: Prompt, labels: list[str]) -> None:
    """Walk with a list instead of recursion: a request may be nested deeper than Python's stack."""
    waiting = values
    while waiting:
        match waiting.pop():
            case str() as text:
                prompt.texts.append(text)
            case {"type": str(kind), **_rest} if kind in _PICTURES:
                prompt.pictures += 1
            case {"type": "base64", "data": str(data), **rest} | {"file_data": str(data), **rest}:
                prompt.documents.append(len(data))
                waiting.append(rest)
            case {"data": str(data), "format": str(), **rest}:  # sound
                prompt.documents.append(len(data))
                waiting.append(rest)
            case {"type": "document", "source": {"type": "url"}} | {"type": "input_file", "file_url": str()}:
                prompt.linked += 1
            case dict() as mapping:
                for name, value in mapping.items():
                    labels.append(name)
                    framing = name in _FRAMING and isinstance(value, str)
                    (labels if framing else waiting).append(value)
            case list() as items:
                waiting.extend(items)
            case _:
                prompt.scalars += 1
