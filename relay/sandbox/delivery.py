"""Sending a reply: its pace, and the ways in which it may go wrong."""

import asyncio
from itertools import islice
from typing import Any

import orjson

from .asgi import JSON, Send, respond, respond_json, start, write
from .behaviours import Behaviour, Body, Ending
from .errors import Refusal
from .reply import Reply

EVENT_STREAM = "text/event-stream; charset=utf-8"
DONE = b"data: [DONE]\n\n"
HTML = b"<!doctype html><title>Sandbox</title><h1>This is not the API you are looking for</h1>\n"
BREAKDOWN = Refusal(500, "The sandbox broke this answer off on purpose.", type="api_error", code="sandbox_breakdown")


async def deliver(reply: Reply, behaviour: Behaviour, send: Send) -> None:
    """Answer the request as its model does. Returns with the response unfinished where the connection has to break."""
    if behaviour.body is Body.NEVER:
        await _silence()
    await asyncio.sleep(behaviour.first_byte_delay)
    if behaviour.body is Body.HTML:
        await respond(send, 200, HTML, "text/html; charset=utf-8")
    elif reply.request.stream:
        await _stream(reply, behaviour, send)
    else:
        await _whole(reply, behaviour, send)


async def _stream(reply: Reply, behaviour: Behaviour, send: Send) -> None:
    await start(send, 200, EVENT_STREAM, {"Cache-Control": "no-cache"})
    if behaviour.body is Body.BROKEN_JSON:
        return await write(send, b"data: " + _half(next(reply.opening())) + b"\n\n" + DONE, last=True)
    if behaviour.tokens_before_end != 0:
        for chunk in reply.opening():
            await write(send, _event(chunk))
    for chunk in islice(reply.body(), behaviour.tokens_before_end):
        await asyncio.sleep(behaviour.chunk_delay)
        await write(send, _event(chunk))
    await _end(reply, behaviour.ending, send)


async def _end(reply: Reply, ending: Ending, send: Send) -> None:
    match ending:
        case Ending.DONE:
            # Clients hang up on [DONE]: were the end of the body sent after it, they would seem to have left early.
            await write(send, b"".join(map(_event, reply.closing())) + DONE, last=True)
        case Ending.EOF:
            await write(send, b"", last=True)
        case Ending.ERROR:
            await write(send, _event(BREAKDOWN.body), last=True)
        case Ending.STALL:
            await _silence()
        case Ending.CUT:
            pass  # the response stays unfinished, so the server closes the connection


async def _whole(reply: Reply, behaviour: Behaviour, send: Send) -> None:
    if behaviour.body is Body.BROKEN_JSON:
        return await respond(send, 200, _half(reply.completion()), JSON)
    match behaviour.ending:
        case Ending.DONE:
            await respond_json(send, 200, reply.completion())
        case Ending.EOF:
            await respond_json(send, 200, reply.broken_off(behaviour.tokens_before_end).completion())
        case Ending.ERROR:
            await respond_json(send, 200, BREAKDOWN.body)
        case Ending.STALL:
            await _send_half(reply, send)
            await _silence()
        case Ending.CUT:
            await _send_half(reply, send)


async def _send_half(reply: Reply, send: Send) -> None:
    data = orjson.dumps(reply.completion())
    await start(send, 200, JSON, {"Content-Length": str(len(data))})
    await write(send, data[: len(data) // 2])


async def _silence() -> None:
    """Nothing more, until the client leaves."""
    await asyncio.Event().wait()


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


def _half(value: dict[str, Any]) -> bytes:
    data = orjson.dumps(value)
    return data[: len(data) // 2]
