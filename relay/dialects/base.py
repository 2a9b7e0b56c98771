"""What the exchange asks of a dialect, and what one makes of chat completions where a channel knows nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from billing.pricing import Usage
from billing.usage import Reported
from config.kernel.errors import DomainError


@dataclass(frozen=True)
class RelayRequest:
    """A checked request: what routing, billing and metering need to know. `raw` and `payload` are what was sent."""

    raw: bytes
    payload: dict[str, Any]
    model: str
    is_stream: bool
    wants_usage: bool  # whether the caller may see the stream's usage event
    max_tokens: int | None
    choices: int = 1


class StreamMeter(Protocol):
    """Watches a stream in its own dialect pass by."""

    saw_usage: bool
    is_finished: bool  # the answer said why it ended
    is_done: bool  # the stream's end mark was seen
    error: Mapping[str, Any] | None
    delivered: int  # data events passed on
    closing: bytes  # the end event's bytes, kept back by `forward`, to be sent after the settlement; empty before it

    def forward(self, event: bytes) -> bytes | None:
        """One whole event's bytes: what the caller may see of it, None for nothing.

        Raises relay.sse.BrokenEvent for data that this dialect does not write; it is dropped, and a few are forgiven.
        """

    @property
    def reported(self) -> Reported | None:
        """The upstream's last usable counts."""

    @property
    def has_content(self) -> bool:
        """Whether at least one character of an answer was passed on."""

    @property
    def output_estimate(self) -> int:
        """Tokens passed on so far, counted here."""

    def usage_due(self, usage: Usage) -> bytes:
        """The usage event the caller asked for and the upstream never sent, of what is charged; or empty."""

    def error_event(self, error: DomainError) -> bytes:
        """The event of this dialect that tells of a broken answer; nothing follows it."""


class NativeAnswer(NamedTuple):
    """What a whole answer in its own dialect tells: its `usage` as it came, its generated texts, what is wrong."""

    usage: Any
    texts: list[str]
    problem: Mapping[str, Any] | None  # with a `message`, where it is an error or no answer at all


class StreamConversion(Protocol):
    """Turns the chunks of a chat completion stream into events of another dialect, encoded and ready to send."""

    def chunk(self, chunk: Mapping[str, Any]) -> bytes:
        """What one `chat.completion.chunk` becomes; the first one also brings the opening events. May be empty."""

    def finish(self, usage: Mapping[str, Any]) -> bytes:
        """The closing events of a complete answer; `usage` is OpenAI's chat `usage` object."""

    def error(self, error: DomainError) -> bytes:
        """The event that tells of a broken answer; nothing follows it."""


class Conversion(Protocol):
    """Serves a dialect from chat completions."""

    def chat_payload(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """The chat completion request that asks for the same. Raises InvalidInput for what cannot be said in one."""

    def answer(
        self, chat: Mapping[str, Any], *, payload: Mapping[str, Any], model: str, request_id: str
    ) -> dict[str, Any]:
        """A complete chat completion as an answer of this dialect; `model` is the public name."""

    def stream(self, *, payload: Mapping[str, Any], model: str, request_id: str) -> StreamConversion:
        """A conversion for one stream."""
