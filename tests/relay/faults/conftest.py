"""A caller whose channel is the scripted upstream, and what must hold whatever it does."""

import json
import logging
from dataclasses import dataclass, field

import pytest

from billing.proof import check_books
from billing.tokenizer import count_tokens, guess_tokens
from config.kernel.money import usd
from relay import sse
from relay.dialects.chat.answer import delta_texts
from tests.relay import misbehaviours  # noqa: F401 (it fills BEHAVIOURS)
from tests.relay.conftest import chat
from tests.relay.scripted_upstream import scripted_upstream
from tests.relay.test_leaving import wait_for


@pytest.fixture
def upstream():
    with scripted_upstream() as server:
        yield server


@dataclass
class Told:
    """What a caller was told: the status, the headers, the body, the events and the text in it."""

    status: int
    headers: object
    body: bytes
    events: list[bytes] = field(default_factory=list)
    text: str = ""

    @classmethod
    def by(cls, response):
        told = cls(response.status_code, response.headers, response.content)
        if told.is_stream:
            splitter = sse.EventSplitter()
            told.events = [data for event in splitter.feed(told.body) if (data := sse.data_of(event))]
            assert splitter.rest() == b""
            chunks = [json.loads(data) for data in told.events if data != sse.DONE]
        else:
            chunks = [json.loads(told.body)]
        told.text = "".join(text for chunk in chunks for text in delta_texts(chunk))
        return told

    @property
    def is_stream(self):
        return self.headers["Content-Type"].startswith("text/event-stream")

    @property
    def is_complete(self):
        return self.events[-1:] == [sse.DONE]

    @property
    def error(self):
        """The code of the error that was told, if one was."""
        last = self.events[-1] if self.is_stream else self.body
        return None if last == sse.DONE else json.loads(last).get("error", {}).get("code")

    @property
    def usage(self):
        last = [json.loads(data) for data in self.events if data != sse.DONE][-1]
        return last.get("usage")


class Case:
    """One caller, the scripted upstream, and the bill."""

    def __init__(self, alice, upstream):
        self.alice, self.upstream = alice, upstream

    def ask(self, model, *, stream=True, **fields):
        return Told.by(self.alice.post(chat(model, stream=stream, **fields)))

    def bill(self, told=None, *, model=None):
        """The last record, once settled, after checking what holds for every fault there is."""
        record = wait_for(lambda: [r for r in self.alice.records if r.status != "open"])[-1]
        model = model or record.model
        assert self.upstream.happened[model] + self.upstream.left[model], "the fault never happened"
        check_wallet(self.alice)
        assert 0 <= record.charge <= record.hold
        count = guess_tokens if record.is_stream else lambda text: count_tokens([text])
        said, got = count(self.upstream.said[model]), count(told.text) if told else 0
        if record.rule == "delivered":
            assert got <= record.output_tokens <= said
        if told and not told.text:
            assert (record.charge, record.rule) == (0, "nothing")
        return record


def check_wallet(alice):
    """The books agree, nothing is held, and the balance is what was given less what was charged."""
    wait_for(lambda: alice.wallet.held == 0)
    assert check_books() == []
    charged = sum(record.charge for record in alice.records)
    assert alice.wallet.balance == usd("1") - charged


class Heard(logging.Handler):
    """What the relay logs as an error. Not pytest's own: setting the product up takes that one away."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.said = []

    def emit(self, record):
        self.said.append(record.getMessage())


@pytest.fixture
def heard():
    handler, logger = Heard(), logging.getLogger("tollbooth.relay")
    logger.addHandler(handler)
    yield handler.said
    logger.removeHandler(handler)


@pytest.fixture
def case(caller_of, upstream):
    """`case("drips", "bom")`: a caller of these models on one channel; further channels by `channels`."""

    def make(*models, channels=({},), **token_fields):
        settings = [{"base_url": upstream.base_url, **channel} for channel in channels]
        return Case(caller_of(models=models, channels=settings, **token_fields), upstream)

    return make
