"""A TCP proxy that does to a connection what networks do: delay it, cut it at a byte, reset it, swallow it, starve it.

Faults are settings of the proxy and hold from the next piece of every connection; `met` counts the connections that
met them, or for delays the pieces.
"""

import asyncio
import socket
import struct
from collections import Counter
from contextlib import contextmanager, suppress

from tests.relay.scripted_upstream import raw_server

PIECE = 4096


class FaultProxy:
    """Between whoever dials `port` and `target`. Byte counts are of what flows back from the target."""

    def __init__(self, target):
        self.target = target
        self.port = 0
        self.delay = 0.0  # seconds before each piece
        self.cut_after = None  # close in good order after so many bytes
        self.reset_after = None  # RST after so many bytes
        self.swallow_after = None  # after so many bytes nothing more arrives, and nothing is closed
        self.bytes_per_second = None
        self.met = Counter()
        self.accepted = 0
        self.closed_by_caller = 0

    def url(self, path="/v1"):
        return f"http://127.0.0.1:{self.port}{path}"

    async def serve(self, reader, writer):
        self.accepted += 1
        try:
            there, back = await asyncio.open_connection(*self.target)
        except OSError:
            writer.close()
            return
        up = asyncio.ensure_future(self._up(reader, back))
        try:
            await self._down(there, writer, up)
        except ConnectionError:
            pass
        finally:
            up.cancel()
            for side in (writer, back):
                side.close()

    async def _up(self, reader, back):
        with suppress(ConnectionError):
            while piece := await reader.read(PIECE):
                back.write(piece)
                await back.drain()
        self.closed_by_caller += 1
        back.close()

    async def _down(self, there, writer, up):
        sent = 0
        while piece := await there.read(PIECE):
            limits = (self.cut_after, self.reset_after, self.swallow_after)
            left = min((limit - sent for limit in limits if limit is not None), default=PIECE + 1)
            await self._slow_down(len(piece))
            writer.write(piece[: max(left, 0)])
            await writer.drain()
            sent += len(piece)
            if len(piece) >= left and await self._break(writer, up):
                return

    async def _slow_down(self, size):
        if self.delay:
            self.met["delay"] += 1
            await asyncio.sleep(self.delay)
        if self.bytes_per_second:
            self.met["throttle"] += 1
            await asyncio.sleep(size / self.bytes_per_second)

    async def _break(self, writer, up):
        if self.cut_after is not None:
            self.met["cut"] += 1
            return True
        if self.reset_after is not None:
            self.met["reset"] += 1
            await asyncio.sleep(0.05)  # what was written is to arrive first
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
            return True
        self.met["swallow"] += 1
        await asyncio.wait({up})  # until the caller gives up
        return True


@contextmanager
def fault_proxy(host, port):
    """In front of an address, until the end of the block."""
    proxy = FaultProxy((host, port))
    with raw_server(proxy.serve) as proxy.port:
        yield proxy
