"""``python -m relay.sandbox --port N``: serve the sandbox on 127.0.0.1 until SIGINT or SIGTERM."""

import argparse
import signal
import socket
import sys
from typing import Never

import uvicorn

from .app import app

HOST = "127.0.0.1"
GRACE_S = 1  # a stream that hangs on purpose would hold up the exit for ever
KEEP_ALIVE_S = 75  # longer than callers keep idle connections: or now and then one is closed under a new request


def main() -> None:
    # uvicorn repeats the signal that stopped it once it has shut down; this turns it into exit status 0.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    with _listen(_port()) as listener:
        print(f"sandbox upstream on http://{HOST}:{listener.getsockname()[1]}/v1", flush=True)  # noqa: T201
        # At any lower level uvicorn reports the connections that are dropped on purpose.
        config = uvicorn.Config(
            app,
            log_level="critical",
            access_log=False,
            lifespan="off",
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=GRACE_S,
        )
        uvicorn.Server(config).run(sockets=[listener])


def _port() -> int:
    parser = argparse.ArgumentParser(prog="python -m relay.sandbox", description="Serve the sandbox upstream.")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0, the default, takes a free one")
    port: int = parser.parse_args().port
    return port


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port), backlog=1024)
    except (OSError, OverflowError) as error:
        sys.exit(f"The sandbox cannot listen on {HOST}:{port}: {error}")


def _leave(number: int, frame: object) -> Never:
    sys.exit(0)


if __name__ == "__main__":
    main()
