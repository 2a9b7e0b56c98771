"""Waits until a server answers. Plain sockets: no proxy of the environment comes in between."""

import asyncio

from config.serving.claims import LOOPBACK, CannotServe

PATIENCE_SECONDS = 60
PAUSE_SECONDS = 0.05


async def wait_until_ready(
    name: str, *, port: int, path: str, host: str = LOOPBACK, host_header: str = LOOPBACK
) -> None:
    """Return once a GET answers 200. Raises CannotServe when it has not after a minute."""
    answer = "no answer"
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                answer = await _status(host, port, path, host_header)
                if answer == "200":
                    return
                await asyncio.sleep(PAUSE_SECONDS)
    except TimeoutError:
        raise CannotServe(f"{name} is not ready after {PATIENCE_SECONDS} s: {path} gives {answer}.") from None


async def _status(host: str, port: int, path: str, host_header: str) -> str:
    """The status of one GET, or why there is none."""
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError as error:
        return str(error)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host_header}\r\nConnection: close\r\n\r\n".encode())
        line = await reader.readline()
        return line.split(b" ")[1].decode() if line.startswith(b"HTTP/") else "no HTTP"
    except OSError as error:
        return str(error)
    finally:
        writer.close()
