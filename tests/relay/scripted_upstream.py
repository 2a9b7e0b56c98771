"""An upstream that misbehaves on demand: the model's name says how, and HTTP is written by hand to make it possible.

It counts. `asked`, `happened` (the misbehaviour was carried out), `left` (we were hung up on) and `said` (all text that
was written) are by model, so that a test can prove that its fault took place and hold the bill against what was said.
"""

import asyncio
import contextlib
import json
import socket
import struct
import threading
from collections import Counter, defaultdict
from contextlib import contextmanager

BEHAVIOURS: dict[str, object] = {}
DONE = b"data: [DONE]\n\n"


def behaviour(function):
    """The model of the same name, with dashes, does this; `status-429` and the like need none."""
    BEHAVIOURS[function.__name__.replace("_", "-")] = function
    return function


def chunk(text=None, *, finish=None, index=0, **fields):
    """One chat completion chunk as JSON."""
    delta = {} if text is None else {"content": text}
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "choices": [choice], **fields}


def event(data):
    """One event of JSON or bytes."""
    raw = data if isinstance(data, bytes) else json.dumps(data, ensure_ascii=False).encode()
    return b"data: " + raw + b"\n\n"


def whole(text, **fields):
    """A complete answer."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {"id": "w1", "object": "chat.completion", "created": 1, "choices": [choice], **fields}


class Wire:
    """One request and the socket to answer it on."""

    def __init__(self, upstream, reader, writer, *, headers, body):
        self.upstream, self.headers, self.body = upstream, headers, body
        self.model = body["model"]
        self.is_stream = bool(body.get("stream"))
        self._reader, self._writer = reader, writer
        self._is_chunked = False
        self._has_happened = False

    def happened(self):
        """The fault is on the wire."""
        if not self._has_happened:
            self._has_happened = True
            self.upstream.happened[self.model] += 1

    async def raw(self, data):
        self._writer.write(data)
        await self._writer.drain()

    async def head(self, content_type="text/event-stream", *, status="200 OK", framing="chunked", **headers):
        """Status line and headers; `framing` is chunked, close, or a content length."""
        lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        match framing:
            case "chunked":
                lines.append("Transfer-Encoding: chunked")
                self._is_chunked = True
            case "close":
                pass
            case length:
                lines.append(f"Content-Length: {length}")
        await self.raw("\r\n".join([*lines, "", ""]).encode())

    async def send(self, data):
        """A part of the body."""
        await self.raw(b"%x\r\n%s\r\n" % (len(data), data) if self._is_chunked else data)

    async def event(self, data):
        await self.send(event(data))

    async def say(self, *texts, **fields):
        """Pieces of the answer, one event each."""
        for text in texts:
            self.said(text)
            await self.event(chunk(text, **fields))

    def said(self, text):
        self.upstream.said.parts[self.model].append(text)

    async def usage(self, prompt=9, completion=3, **fields):
        usage = {"prompt_tokens": prompt, "completion_tokens": completion, **fields}
        await self.event({**chunk(), "choices": [], "usage": usage})

    async def finish(self, reason="stop"):
        await self.event(chunk(finish=reason))

    async def done(self):
        await self.send(DONE)
        await self.end()

    async def end(self):
        """The body is over."""
        if self._is_chunked:
            await self.raw(b"0\r\n\r\n")

    async def answer(self, *texts, usage=True):
        """All of a well-behaved stream."""
        await self.say(*texts)
        await self.finish()
        if usage:
            await self.usage(completion=len(texts))
        await self.done()

    async def whole(self, body, *, status="200 OK", content_type="application/json", **headers):
        """A whole body of JSON or bytes."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        await self.head(content_type, status=status, framing=str(len(raw)), **headers)
        await self.raw(raw)

    async def reset(self):
        """RST, after what was written has arrived."""
        await asyncio.sleep(0.05)
        linger = struct.pack("ii", 1, 0)
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._writer.transport.abort()

    async def until_left(self):
        """Keep the connection open until the other side closes it."""
        self.happened()
        while await self._reader.read(1024):
            pass
        raise ConnectionResetError


class Said:
    """All text by model."""

    def __init__(self):
        self.parts = defaultdict(list)

    def __getitem__(self, model):
        return "".join(self.parts[model])


class ScriptedUpstream:
    """See the module. `base_url` is where it listens."""

    def __init__(self):
        self.base_url = ""
        self.asked, self.happened, self.left = Counter(), Counter(), Counter()
        self.said = Said()
        self.requests = []

    async def serve(self, reader, writer):
        """One connection, one request."""
        try:
            wire = await self._read(reader, writer)
            await self._answer(wire)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _read(self, reader, writer):
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[1:-2]
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = json.loads(await reader.readexactly(int(headers.get("content-length", 0))))
        return Wire(self, reader, writer, headers=headers, body=body)

    async def _answer(self, wire):
        model = wire.model
        self.asked[model] += 1
        self.requests.append((wire.headers, wire.body))
        try:
            await BEHAVIOURS[model](wire)
        except ConnectionError:
            self.left[model] += 1
        else:
            wire.happened()


@contextmanager
def scripted_upstream():
    """Serve until the end of the block."""
    upstream = ScriptedUpstream()
    with raw_server(upstream.serve) as port:
        upstream.base_url = f"http://127.0.0.1:{port}/v1"
        yield upstream


@contextmanager
def raw_server(serve):
    """`serve(reader, writer)` for each connection, in a thread with a loop of its own; yields the port."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0, limit=2**20))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(_stop(server), loop).result(timeout=10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        loop.close()


async def _stop(server):
    server.close()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0.01)  # closed transports let go of their sockets in a later turn of the loop
