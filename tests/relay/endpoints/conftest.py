"""A caller of one model at one endpoint, of the sandbox or of an upstream that answers oddly; and the bill."""

from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from billing.pricing import charge
from billing.proof import check_books
from config.kernel.money import decimal_usd, usd
from tests.factories import make_price
from tests.relay.odd_upstream import Answer, odd_upstream

JSON = {"Content-Type": "application/json"}
FREE = ("failed", "nothing", 0)


@pytest.fixture
def caller(caller_of):
    """`caller("sandbox-embed", output="0")`: a caller of one priced model; `channel` are fields of its channel."""

    def make(model, *, channel=None, balance="1", served=None, **price):
        make_price(model, **({"input": "1", "output": "2"} | price))
        fields = {"provider": "sandbox", "models": {model: served or ""}, **(channel or {})}
        return caller_of(models=(), channels=[fields], balance=balance)

    return make


@dataclass
class Outcome:
    """What a caller got from an upstream that answers oddly, what the upstream was asked, and the bill."""

    response: object
    upstream: object
    record: object

    @property
    def bill(self):
        return self.record.status, self.record.rule, self.record.charge

    @property
    def counts(self):
        """By which rule, how many tokens in and out, and whether the upstream's counts were odd."""
        record = self.record
        return record.rule, record.input_tokens, record.output_tokens or 0, record.is_suspect


@pytest.fixture
def odd(caller):
    """`odd("embeddings", answer)(body)`: post it to the endpoint of an upstream that answers so."""

    @contextmanager
    def make(path, answer, channel_fields=(), **options):
        answers = answer if isinstance(answer, Answer) else Answer(answer, headers=dict(JSON))
        with odd_upstream({path: answers}) as upstream:
            alice = caller("m", channel={"base_url": upstream.base_url, **dict(channel_fields)}, **options)

            def ask(body=None, **request):
                body = None if body is None else {"model": "m", **body}
                response = alice.post(body, path=f"/{path}", **request)
                return Outcome(response, upstream, bill(alice))

            yield ask

    return make


def bill(alice, response=None):
    """The only record, after checking that it explains its charge and that all books agree."""
    (record,) = alice.records
    whole = charge(record.usage, record.quote).total
    assert record.charge == (0 if record.rule == "nothing" else min(whole, record.hold))
    assert record.is_suspect or record.charge == whole or record.rule == "nothing"
    assert (alice.wallet.balance, alice.wallet.held) == (usd("1") - record.charge, 0)
    assert check_books(full=True) == []
    if response is not None:
        assert response.headers["X-Tollbooth-Cost"] == decimal_usd(record.charge)
    return record


def refused(response, param, status=400):
    """It was refused naming the field."""
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert error["param"] == param
    return error["message"]
