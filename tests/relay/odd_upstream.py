"""An upstream that answers as a test tells it to, and remembers what it was asked."""

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Answer:
    """One canned answer; a dict or list becomes JSON."""

    body: object = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def raw(self):
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class OddUpstream:
    """Answers by path; what it has no answer for is a 404. `asked` holds (path, headers, body, read if it is JSON)."""

    answers: dict[str, object]
    base_url: str = ""
    asked: list[object] = field(default_factory=list)

    @property
    def keys(self):
        return [headers.get("Authorization") for _path, headers, _body in self.asked]


@contextmanager
def odd_upstream(others=None, **answers):
    """What GET `models`, POST `chat/completions`, and `others` by path answer: an Answer, or a list of them for one
    call after another."""
    known = {"/v1/models": answers.get("models"), "/v1/chat/completions": answers.get("chat")}
    upstream = OddUpstream(known | {f"/v1/{path}": answer for path, answer in (others or {}).items()})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length) if length else None
            if "json" in self.headers.get("Content-Type", ""):
                body = json.loads(body)
            upstream.asked.append((self.path, dict(self.headers), body))
            planned = upstream.answers.get(self.path) or Answer(status=404)
            answer = planned.pop(0) if isinstance(planned, list) else planned
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(answer.raw)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.raw)

        do_POST = do_GET

        def log_message(self, *_args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    upstream.base_url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield upstream
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


def models(*names):
    return Answer({"object": "list", "data": [{"id": name, "object": "model"} for name in names]})


def chat(text="ok"):
    """A whole answer that was not streamed."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return Answer({"object": "chat.completion", "choices": [choice]}, headers={"Content-Type": "application/json"})


def error(status, message, **fields):
    return Answer({"error": {"message": message, **fields}}, status=status)
