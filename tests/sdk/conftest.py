"""Real clients against the served relay: what they get, and that the books say the same."""

import anthropic
import openai
import pytest

from billing.proof import check_books
from config.kernel.money import usd
from tests.relay.conftest import caller_of, relay, sandbox  # noqa: F401 - fixtures
from tests.relay.test_leaving import wait_for
from tests.sdk.upstream import scripted_upstream


@pytest.fixture
def upstream():
    """An upstream that answers what the test lays down."""
    with scripted_upstream() as server:
        yield server


@pytest.fixture
def caller_on(caller_of, upstream):  # noqa: F811 - the fixture above
    """`caller_on("chat", "messages")`: a caller of `model`, whose channel is the scripted one and speaks these."""

    def make(*speaks, model="model-x", **fields):
        channel = {"base_url": upstream.base_url, "speaks": list(speaks), "models": [model]}
        return caller_of(models=[model], channels=[channel], **fields)

    return make


@pytest.fixture
def openai_of():
    """`openai_of(alice)`: the official client with her key; further arguments are the client's."""
    made = []

    def make(alice, *, path="", **options):
        settings = {"base_url": alice.base_url + path, "api_key": alice.key, "max_retries": 0}
        client = openai.OpenAI(**settings | options)
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


@pytest.fixture
def anthropic_of():
    """`anthropic_of(alice)`: Anthropic's client with her key, which it sends as `x-api-key`."""
    made = []

    def make(alice, **options):
        settings = {"base_url": alice.base_url.removesuffix("/v1"), "api_key": alice.key, "max_retries": 0}
        client = anthropic.Anthropic(**settings | options)
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


def settled(alice, *, given="1"):
    """Her records, once all are settled: the books agree, nothing is held, and the balance is what was not charged."""
    records = wait_for(lambda: alice.records and all(r.status != "open" for r in alice.records) and alice.records)
    wait_for(lambda: alice.wallet.held == 0)
    assert check_books() == []
    assert alice.wallet.balance == usd(given) - sum(record.charge for record in records)
    return records


def bill(alice, **fields):
    """Her one record, settled."""
    (record,) = settled(alice, **fields)
    return record


def priced(record, *, input=0, output=0):
    """What so many tokens cost at the prices of the tests: a dollar for a million in, two for a million out."""
    assert (record.input_tokens, record.output_tokens) == (input, output)
    return usd("0.000001") * input + usd("0.000002") * output
