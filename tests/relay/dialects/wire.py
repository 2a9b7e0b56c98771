"""Reads event streams in tests, and serves bytes to official clients."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from relay.sse import EventSplitter, data_of


def events_of(stream):
    """The events of an encoded stream as (name of the event or "", data decoded unless it is the end mark)."""
    splitter = EventSplitter()
    events = splitter.feed(stream)
    assert splitter.rest() == b""
    return [(_name(event), _data(data_of(event))) for event in events]


def _name(event):
    names = [line[7:] for line in event.decode().splitlines() if line.startswith("event: ")]
    return names[0] if names else ""


def _data(data):
    return "[DONE]" if data == b"[DONE]" else json.loads(data)


@contextmanager
def serving(body, *, content_type="application/json"):
    """A server that answers every POST with `body`; gives its base URL and the list of JSON bodies it was sent."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
