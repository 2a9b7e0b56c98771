"""Watches a chat completion stream and gives it on in another dialect. Pure."""

from collections.abc import Mapping
from typing import Any

import orjson

from billing.pricing import Usage
from billing.usage import Reported
from config.kernel.errors import DomainError
from config.kernel.money import NanoUSD
from relay import sse
from relay.dialects.base import StreamConversion
from relay.dialects.chat.answer import usage_object
from relay.dialects.chat.native import Meter
from relay.dialects.cost import told_in


class ConvertingMeter:
    """A `StreamMeter`: counts are those of the chat completion, bytes those of the other dialect."""

    def __init__(self, conversion: StreamConversion, *, shows_cost: bool = False) -> None:
        self._conversion = conversion
        self._shows_cost = shows_cost
        self._chat = Meter(show_usage=False)

    def forward(self, event: bytes) -> bytes | None:
        """What the event becomes. Raises BrokenEvent."""
        passed = self._chat.forward(event)
        if not passed:
            return None
        return b"".join(self._converted(one) for one in sse.EventSplitter().feed(passed)) or None

    def _converted(self, event: bytes) -> bytes:
        data = sse.data_of(event)
        return self._conversion.chunk(orjson.loads(data)) if data else event

    def end(self, usage: Usage, charge: NanoUSD) -> bytes:
        """The closing events."""
        closing = self._conversion.finish(usage_object(usage))
        return told_in(closing, charge) if self._shows_cost else closing

    def error_event(self, error: DomainError) -> bytes:
        """The event that tells of a broken answer."""
        return self._conversion.error(error)

    @property
    def saw_usage(self) -> bool:
        return self._chat.saw_usage

    @property
    def is_finished(self) -> bool:
        return self._chat.is_finished

    @property
    def is_done(self) -> bool:
        return self._chat.is_done

    @property
    def error(self) -> Mapping[str, Any] | None:
        return self._chat.error

    @property
    def delivered(self) -> int:
        return self._chat.delivered

    @property
    def reported(self) -> Reported | None:
        return self._chat.reported

    @property
    def has_content(self) -> bool:
        return self._chat.has_content

    @property
    def output_estimate(self) -> int:
        return self._chat.output_estimate
