"""Times that upstreams name, and those they are given."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from relay.dialects.chat import CHAT
from relay.dialects.chat.native import Meter
from relay.stream import open_stream
from relay.upstream import MAX_RETRY_AFTER, Failure, _retry_after


class Response:
    """An answer that has a head and never a body."""

    content_type = "text/event-stream"

    def __init__(self, **headers):
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.content = self

    async def read(self, _size):
        await asyncio.Event().wait()

    def close(self):
        self.is_closed = True


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("7", 7), ("0", 1), ("3600", MAX_RETRY_AFTER), ("", 1), ("soon", 1), ("-5", 1), ("1.5", 1), ("9" * 400, 60)],
)
def test_a_number_of_seconds_is_believed_within_limits(said, seconds):
    assert _retry_after(Response(Retry_After=said)) == seconds


@pytest.mark.parametrize(("later", "least", "most"), [(20, 15, 20), (-20, 1, 1), (86_400, 60, 60)])
def test_a_date_is_read_as_well(later, least, most):
    moment = datetime.now(UTC) + timedelta(seconds=later)
    assert least <= _retry_after(Response(Retry_After=format_datetime(moment, usegmt=True))) <= most


def test_the_first_event_is_waited_for_from_when_it_was_asked_for(settings):
    settings.RELAY_FIRST_BYTE_TIMEOUT = 1000.0
    response, meter = Response(), Meter(show_usage=False)
    with pytest.raises(Failure, match="fell silent"):
        asyncio.run(open_stream(response, CHAT, meter, began=time.monotonic() - 1000.0))
    assert response.is_closed
