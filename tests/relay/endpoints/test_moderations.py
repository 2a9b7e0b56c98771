"""`/v1/moderations`: a price by the call, or by our own count of the input, because upstreams report no usage."""

import pytest

from config.kernel.money import usd
from relay.dialects.base import MAX_ANSWER_BYTES
from tests.relay.endpoints.conftest import FREE, bill, refused
from tests.relay.odd_upstream import Answer

pytestmark = pytest.mark.live

MODEL = "sandbox-moderation"
RESULTS = [{"flagged": False, "categories": {}, "category_scores": {}}]
PICTURE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}


@pytest.mark.parametrize(
    ("value", "flags"),
    [
        ("hello", [False]),
        (["hello", "Unsafe words"], [False, True]),
        ([{"type": "text", "text": "unsafe"}, PICTURE], [True, False]),
    ],
)
def test_a_price_by_the_call_through_the_sdk(caller, value, flags):
    alice = caller(MODEL, input="0", output="0", per_call=usd("0.0001"))
    found = alice.sdk.moderations.create(model=MODEL, input=value)
    assert [result.flagged for result in found.results] == flags
    record = bill(alice)
    assert (record.endpoint, record.rule, record.charge) == ("moderations", "delivered", usd("0.0001"))


def test_our_own_count_of_the_input(caller):
    alice = caller(MODEL)
    response = alice.post({"model": MODEL, "input": ["one two three", "four"]}, path="/moderations")
    record = bill(alice, response)
    assert (record.rule, record.input_tokens, record.output_tokens) == ("delivered", 4, 0)
    assert record.charge == usd("0.000004")


def test_a_free_model_costs_nothing(caller):
    alice = caller(MODEL, input="0", output="0", balance="0")
    assert alice.post({"model": MODEL, "input": "x"}, path="/moderations").status_code == 200
    assert alice.records[0].charge == alice.wallet.balance == 0


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ({"prompt_tokens": 5}, ("reported", 5, 0, False)),
        ({"prompt_tokens": None}, ("delivered", 1, 0, False)),
        ({"prompt_tokens": 1.5}, ("delivered", 1, 0, True)),
    ],
)
def test_usage_where_it_is_reported(odd, usage, counts):
    with odd("moderations", {"results": RESULTS, "usage": usage}) as ask:
        assert ask({"input": "Hello"}).counts == counts


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"results": []},
        {"results": {}},
        {"results": ["safe"]},
        {"results": RESULTS, "error": {"message": "no"}},
        Answer(b'{"results":[{}],"pad":"' + b"x" * MAX_ANSWER_BYTES + b'"}'),
        Answer(b"[1]"),
    ],
    ids=["empty", "none", "no list", "no objects", "error", "oversized", "no object"],
)
def test_what_is_no_answer_is_free(odd, body):
    with odd("moderations", body, per_call=usd("0.1")) as ask:
        outcome = ask({"input": "Hello"})
    assert outcome.response.status_code == 502
    assert outcome.bill == FREE


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", [], 7, {}, [7], [["a"]], [{"type": "text"}], [{"type": "text", "text": 7}], [{"type": "smell"}]),
        [{"type": "image_url", "image_url": "https://example.com"}],
        [{"type": "image_url", "image_url": {"url": 7}}],
    ],
)
def test_malformed_requests_name_the_field(caller, value):
    alice = caller(MODEL)
    refused(alice.post({"model": MODEL, "input": value}, path="/moderations"), "input")
    assert alice.records == []
