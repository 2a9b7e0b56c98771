"""What the exchange asks of a dialect, and what one makes of chat completions where a channel knows nothing else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from billing.pricing import Prices, Usage
from billing.prompt import prompt_of
from billing.usage import Reported
from config.kernel.errors import DomainError
from config.kernel.money import NanoUSD
from relay.endpoints import Endpoint
from relay.errors import error_object

JSON = "application/json"
MAX_ANSWER_BYTES = 16 * 1024 * 1024


class Input(Protocol):
    """What a request gives a model to read; see `billing.prompt.Prompt`."""

    def bound(self, model: str) -> int:
        """No more tokens than this."""

    def estimate(self, model: str) -> int:
        """A fair guess of the same."""


@dataclass(frozen=True)
class RelayRequest:
    """A checked request: what routing, billing and metering need to know. `payload` is what was sent."""

    payload: dict[str, Any]
    model: str
    is_stream: bool
    wants_usage: bool  # whether the caller may see the stream's usage event
    max_tokens: int | None  # the longest answer asked for; 0 where there is no text to generate
    choices: int = 1
    wants_cost: bool = False  # `usage.cost` in the answer
    content_type: str = JSON  # of the body that goes up
    input: Input | None = None  # where it is not what the fields of a chat hold

    @cached_property
    def prompt_bound(self) -> int:
        """No more prompt tokens than this."""
        return self._input.bound(self.model)

    @cached_property
    def prompt_estimate(self) -> int:
        """A fair guess of the prompt's tokens; kept, because every heartbeat of a stream asks for it."""
        return self._input.estimate(self.model)

    def tokens_estimate(self) -> int:
        """A fair guess of what the prompt and the longest answer asked for make together."""
        return self.prompt_estimate + (self.max_tokens or 0) * self.choices

    @cached_property
    def _input(self) -> Input:
        return self.input or prompt_of(self.payload)


class StreamMeter(Protocol):
    """Watches a stream in its own dialect pass by."""

    @property
    def saw_usage(self) -> bool:
        """Whether the upstream sent any usage, be it usable or not."""

    @property
    def is_finished(self) -> bool:
        """Whether the answer said why it ended."""

    @property
    def is_done(self) -> bool:
        """Whether the stream's end mark was seen."""

    @property
    def error(self) -> Mapping[str, Any] | None:
        """The error that the upstream sent instead of going on."""

    @property
    def delivered(self) -> int:
        """Data events passed on."""

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

    def end(self, usage: Usage, charge: NanoUSD) -> bytes:
        """What closes a complete answer, sent after its settlement: the end mark, and before it a usage event that the
        caller asked for and the upstream never sent, made of what is charged.
        """

    def error_event(self, error: DomainError) -> bytes:
        """The event of this dialect that tells of a broken answer; nothing follows it."""


class NativeAnswer(NamedTuple):
    """What a whole answer in its own dialect tells: its `usage` as it came, its generated texts, what is wrong.

    `content_type` is what the caller is told of the answer's bytes.
    """

    usage: Any
    texts: list[str]
    problem: Mapping[str, Any] | None  # with a `message`, where it is an error or no answer at all
    content_type: str = JSON


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One endpoint of the API: how its requests are read, and its answers, whole and streamed.

    `write` makes the body anew where it is no JSON; `check_prices` raises InvalidInput for a request that these prices
    cannot charge for. Of an answer `skim` leaves what is worth decoding, and `read_other` reads one that is no JSON
    object, by its media type.
    """

    name: str  # on the usage record
    endpoint: Endpoint  # what a channel must have to be asked in it
    parse: Callable[[bytes], RelayRequest]
    read: Callable[[Mapping[str, Any]], NativeAnswer]
    error_body: Callable[[DomainError], dict[str, Any]] = error_object
    new_meter: Callable[[RelayRequest], StreamMeter] | None = None  # None for what is never streamed
    replay: Callable[[Mapping[str, Any]], list[bytes]] | None = None  # a whole answer as the events of a stream
    adjust: Callable[[RelayRequest], dict[str, Any]] | None = None  # fields the relay needs otherwise; None removes one
    headers: Callable[[Mapping[str, str]], dict[str, str]] | None = None  # those of the caller's that go upstream
    limit_field: str = ""  # what it calls the longest answer; empty: the upstream has a word for it
    conversion: Conversion | None = None  # serves it from chat completions
    is_native: bool = True  # whether a channel may be asked in it
    is_text: bool = True  # whether answers are text: none of it is no answer, and they can be asked to be shorter
    write: Callable[[RelayRequest, dict[str, Any]], bytes] | None = None
    check_prices: Callable[[RelayRequest, Prices], None] | None = None
    skim: Callable[[bytes], bytes] | None = None
    read_other: Callable[[bytes, str], NativeAnswer] | None = None
    max_answer_bytes: int = MAX_ANSWER_BYTES
