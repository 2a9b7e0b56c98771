"""Bodies that are long or slow are refused by the server itself: Django would have read them to their end."""

import asyncio
import time

import pytest
from django.conf import settings

from config import bodies
from orders.models import WebhookEvent

pytestmark = pytest.mark.django_db(transaction=True)
NOTIFY, API, FORM = "/api/payments/scripted/notify", "/api/topup/preview", "/accounts/login/"
CHUNK = 64 * 1024
CHUNKS = 10 * 1024 * 1024 // CHUNK
MOST_CHUNKS = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // CHUNK + 2


class Client:
    """Somebody who sends one request in chunks; `taken` counts those that were asked for until the answer began."""

    def __init__(self, path, *, chunks=CHUNKS, stops_after=None, length=None):
        self.path, self.chunks, self.stops_after, self.length = path, chunks, stops_after, length
        self.taken, self.sent = 0, []

    async def receive(self):
        if self.taken == self.stops_after or self.sent:
            await asyncio.Event().wait()  # until it is cancelled
        self.taken += 1
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"x" * CHUNK, "more_body": self.taken < self.chunks}

    async def send(self, message):
        self.sent.append(message)

    def ask(self):
        """The status of the answer, and its body."""
        headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
        headers.append((b"transfer-encoding", b"chunked") if self.length is None else (b"content-length", self.length))
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
            "path": self.path, "raw_path": self.path.encode(), "query_string": b"", "root_path": "",
            "headers": headers, "client": ("127.0.0.1", 5), "server": ("127.0.0.1", 80),
        }  # fmt: skip
        from config.asgi import application  # made with the settings of the tests, which are not there before them

        asyncio.run(application(scope, self.receive, self.send))
        return self.sent[0]["status"], b"".join(message.get("body", b"") for message in self.sent)


@pytest.mark.parametrize("length", [None, str(CHUNKS * CHUNK).encode()], ids=["chunked", "declared"])
@pytest.mark.parametrize("path", [NOTIFY, API])
def test_ten_megabytes_are_not_read_to_their_end(shop, path, length):
    client = Client(path, length=length)
    status, body = client.ask()
    assert status == 413
    assert client.taken <= MOST_CHUNKS < CHUNKS
    assert not WebhookEvent.objects.exists()
    assert (b'"ok"' in body) is (path == API)  # in the envelope of the site API


def test_a_form_is_refused_and_not_read_in_part(db):
    client = Client(FORM)
    assert client.ask()[0] in (400, 403, 413)
    assert client.taken <= MOST_CHUNKS


def test_a_body_that_stops_coming_is_not_waited_for(shop, monkeypatch):
    monkeypatch.setattr(bodies, "SECONDS", 0.05)
    assert Client(NOTIFY, stops_after=1).ask()[0] == 408
    assert not WebhookEvent.objects.exists()


def test_an_answer_may_take_longer_than_its_request(monkeypatch):
    """What is said after the end of the body is passed on, whenever it comes."""
    monkeypatch.setattr(bodies, "SECONDS", 0.01)
    heard = []

    async def slow(scope, receive, send):
        heard.append(await receive())
        time.sleep(0.02)  # noqa: ASYNC251 - the deadline passes
        heard.append(await receive())

    messages = [{"type": "http.request", "body": b"a", "more_body": False}, {"type": "http.disconnect"}]

    async def receive():
        return messages.pop(0)

    asyncio.run(bodies.bounded(slow)({"headers": []}, receive, None))
    assert [message["type"] for message in heard] == ["http.request", "http.disconnect"]
