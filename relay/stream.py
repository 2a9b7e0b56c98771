"""An upstream's event stream as pieces that can be sent on, cut short where it breaks its word."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
from django.conf import settings

from config.kernel.errors import UpstreamFailed, UpstreamTimedOut
from relay import sse
from relay.meter import Meter
from relay.upstream import Failure, chunks_of, from_error_body

PING_SECONDS = 15.0


@dataclass(slots=True)
class AnswerStream:
    """An opened stream whose first event has arrived; `pieces` goes on after it."""

    response: aiohttp.ClientResponse
    meter: Meter
    first: bytes
    pieces: AsyncIterator[bytes]


async def open_stream(response: aiohttp.ClientResponse, meter: Meter) -> AnswerStream:
    """Wait for the first event, so that a channel that has nothing to say can still be failed over. Raises Failure."""
    if response.content_type != "text/event-stream":
        response.close()
        raise Failure(
            UpstreamFailed("The upstream did not stream its answer."), may_fail_over=True, upstream_status=200
        )
    pieces = read_pieces(response, meter)
    try:
        async with asyncio.timeout(settings.RELAY_FIRST_BYTE_TIMEOUT):
            first = await _first_data(pieces, meter)
    except TimeoutError:
        response.close()
        raise Failure(
            UpstreamTimedOut("The upstream did not answer in time. Please retry."), may_fail_over=True
        ) from None
    except (Failure, asyncio.CancelledError):
        response.close()
        raise
    return AnswerStream(response, meter, first, pieces)


async def _first_data(pieces: AsyncIterator[bytes], meter: Meter) -> bytes:
    async for piece in pieces:
        if meter.delivered:
            return piece
    raise Failure(
        UpstreamFailed("The upstream ended its answer before it began."), may_fail_over=True, upstream_status=200
    )


async def read_pieces(response: aiohttp.ClientResponse, meter: Meter) -> AsyncIterator[bytes]:
    """Bytes for the client, pings included, until the end mark or the end of the stream.

    Raises Failure for a broken connection, an oversized event, an error event, or silence beyond the idle limit.
    """
    splitter = sse.EventSplitter()
    last_event = time.monotonic()
    try:
        async for chunk in chunks_of(response, silence=min(PING_SECONDS, settings.RELAY_IDLE_TIMEOUT)):
            before = meter.delivered
            piece = _forward(splitter.feed(chunk), meter) if chunk else sse.PING
            if piece:
                yield piece
            if meter.error is not None:
                raise Failure(from_error_body(meter.error), may_fail_over=True, upstream_status=200)
            if meter.is_done:
                return
            if meter.delivered > before:
                last_event = time.monotonic()
            elif time.monotonic() - last_event >= settings.RELAY_IDLE_TIMEOUT:
                # Comments and pings of the upstream are no life: only data events count.
                raise Failure(UpstreamTimedOut("The upstream fell silent."), may_fail_over=True)
    except sse.EventTooLarge:
        raise Failure(UpstreamFailed("The upstream sent an oversized event."), may_fail_over=False) from None
    except (aiohttp.ClientError, OSError):
        raise Failure(UpstreamFailed("The upstream broke off its answer."), may_fail_over=True) from None


def _forward(events: list[bytes], meter: Meter) -> bytes:
    kept = []
    for event in events:
        piece = meter.forward(event)
        if piece:
            kept.append(piece)
        if meter.is_done or meter.error is not None:
            break
    return b"".join(kept)
