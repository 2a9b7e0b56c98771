"""An upstream's event stream as pieces that can be sent on, cut short where it breaks its word."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp
from django.conf import settings

from config.kernel.errors import UpstreamFailed, UpstreamTimedOut
from relay import sse
from relay.alarm import Alarm
from relay.decoding import Inflated, Plain, Undecodable
from relay.dialects.base import Dialect, StreamMeter
from relay.upstream import Failure, decoder_of, from_error_body, read_answer

PING_SECONDS = 15.0
MAX_BROKEN_EVENTS = 3
CHUNK_BYTES = 64 * 1024  # read at once, so that one stream neither fills the memory nor holds up the others


@dataclass(slots=True)
class AnswerStream:
    """An opened stream of which something can be sent; `pieces` goes on after `first`."""

    response: aiohttp.ClientResponse
    meter: StreamMeter
    first: bytes
    pieces: AsyncIterator[bytes]
    reader: "Reader"

    def close(self) -> None:
        """Hang up on the upstream; whoever is reading finds the answer broken off."""
        self.response.close()


async def open_stream(
    response: aiohttp.ClientResponse, spoken: Dialect, meter: StreamMeter, *, began: float
) -> AnswerStream:
    """Wait for the first event, so that a channel that has nothing to say can still be failed over. Raises Failure.

    `began` is when it was asked, by `time.monotonic`: from then on its limits of time count.

    An upstream that has accepted the request and then thinks for long is taken at its word: what can be sent is a ping.
    """
    reader = Reader(response, spoken, meter, began)
    pieces = reader.pieces() if response.content_type == "text/event-stream" else reader.replayed()
    try:
        first = await anext(pieces, b"")
        if not first:
            raise _failed("The upstream ended its answer before it began.")
    except (Failure, asyncio.CancelledError):
        response.close()
        raise
    return AnswerStream(response, meter, first, pieces, reader)


class Reader:
    """Reads one stream. Who stops reading may go on later with new `pieces()`: nothing that came is lost."""

    def __init__(self, response: aiohttp.ClientResponse, spoken: Dialect, meter: StreamMeter, began: float) -> None:
        self._response = response
        self._spoken = spoken
        self._meter = meter
        self._splitter = sse.EventSplitter()
        self._patience = Patience(began, last_event=began)
        self._alarm = Alarm()
        self._decoder: Plain | Inflated | None = None
        self._broken_events = 0

    async def replayed(self) -> AsyncIterator[bytes]:
        """A whole answer, sent by an upstream that was asked for a stream, as the stream it should have been."""
        async with self._response:
            answer = await read_answer(self._response, self._spoken)
        if self._spoken.replay is None:
            raise _failed("The upstream did not stream its answer.")
        piece = self._forward(self._spoken.replay(answer.body))
        if self._meter.delivered:
            yield piece

    async def pieces(self) -> AsyncIterator[bytes]:
        """Bytes for the client, pings included, until the end mark or the end of the stream.

        Raises Failure for a broken connection, an oversized event, too many broken ones, an error event, or a silence
        beyond the limits; but an answer that has said why it ended is complete, whatever happens after that.
        """
        try:
            decoder = self._decoder = self._decoder or decoder_of(self._response)
            while (chunk := await self._next_chunk()) is not None:
                if piece := self._next_piece(decoder.feed(chunk)):
                    yield piece
                    self._patience.excuse(time.monotonic())
                if self._is_over():
                    return
                self._patience.check()
            if piece := self._forward([sse.closed(self._splitter.rest())]):
                yield piece
            self._is_over()
        except BREAKS as error:
            if not self._meter.is_finished or self._meter.error is not None:
                raise _failure_of(error) from None
        finally:
            self._alarm.close()

    def _next_piece(self, data: bytes) -> bytes:
        """What of it can be sent on, a ping where there has been nothing for long, or nothing."""
        before = self._meter.delivered
        piece = self._forward(self._splitter.feed(data))
        now = time.monotonic()
        if self._meter.delivered > before:
            self._patience.heard(now)
        # What comes before the first data event is comments: they say nothing and would end the failover.
        if not piece or not self._meter.delivered:
            piece = sse.PING if self._patience.is_ping_due(now) else b""
        self._patience.paused = now
        return piece

    async def _next_chunk(self) -> bytes | None:
        """What has arrived, nothing when it is time to look at the clock, None at the end."""
        try:
            with self._alarm.within(self._patience.seconds):
                return await self._response.content.read(CHUNK_BYTES) or None
        except TimeoutError:
            return b""

    def _forward(self, events: list[bytes]) -> bytes:
        kept = []
        for event in events:
            try:
                piece = self._meter.forward(event)
            except sse.BrokenEvent:
                self._broken_events += 1
                piece = None
            if piece:
                kept.append(piece)
            if self._meter.is_done or self._meter.error is not None or self._is_hopeless:
                break
        return b"".join(kept)

    @property
    def _is_hopeless(self) -> bool:
        return self._broken_events > MAX_BROKEN_EVENTS

    def _is_over(self) -> bool:
        """Whether the end mark came. Raises Failure when the upstream told of an error or cannot be understood."""
        if self._meter.error is not None:
            raise Failure(from_error_body(self._meter.error), may_fail_over=True, upstream_status=200)
        if self._is_hopeless:
            raise _failed("The upstream's events could not be read.")
        return self._meter.is_done


@dataclass(slots=True)
class Patience:
    """How long an upstream may keep silent: before its first data event, between two of them, and in all.

    Its comments and half events are no signs of life; that our caller does not read is no silence of the upstream.
    """

    began: float
    last_event: float
    last_sent: float = field(default_factory=time.monotonic)
    paused: float = 0.0  # when the caller was last given something to take
    limit: float = field(default_factory=lambda: settings.RELAY_FIRST_BYTE_TIMEOUT)
    idle_limit: float = field(default_factory=lambda: settings.RELAY_IDLE_TIMEOUT)
    total_limit: float = field(default_factory=lambda: settings.RELAY_TOTAL_TIMEOUT)

    def heard(self, now: float) -> None:
        """A data event came."""
        self.last_event = now
        self.limit = self.idle_limit

    def excuse(self, now: float) -> None:
        """Something was sent, and the caller took until now to take it."""
        self.last_sent = now
        self.last_event += now - self.paused

    def is_ping_due(self, now: float) -> bool:
        return now - self.last_sent >= PING_SECONDS

    @property
    def seconds(self) -> float:
        """Until something has to happen."""
        return max(min(self.last_sent + PING_SECONDS, self._end) - time.monotonic(), 0)

    @property
    def _end(self) -> float:
        return min(self.last_event + self.limit, self.began + self.total_limit)

    def check(self) -> None:
        """Raises Failure when the patience is over."""
        if time.monotonic() >= self._end:
            raise Failure(UpstreamTimedOut("The upstream fell silent."), may_fail_over=True)


BREAKS = (Failure, sse.EventTooLarge, Undecodable, aiohttp.ClientError, OSError)


def _failure_of(error: Exception) -> Failure:
    """What a break means for the attempt."""
    match error:
        case Failure():
            return error
        case sse.EventTooLarge():
            return _failed("The upstream sent an oversized event.")
        case Undecodable():
            return _failed("The upstream's answer could not be read.")
    return _failed("The upstream broke off its answer.")


def _failed(message: str) -> Failure:
    return Failure(UpstreamFailed(message), may_fail_over=True, upstream_status=200)
