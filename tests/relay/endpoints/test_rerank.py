"""`/v1/rerank`: usage in its several shapes is charged once; the query counts with every document."""

import orjson
import pytest

from config.kernel.money import usd
from relay.dialects.rerank import MAX_DOCUMENTS, parse
from tests.relay.endpoints.conftest import FREE, bill, refused
from tests.relay.odd_upstream import Answer

pytestmark = pytest.mark.live

MODEL = "sandbox-rerank"
ASK = {"query": "blue sky", "documents": ["red earth", "the sky is blue", "sky"]}
NO_DOCUMENTS: list[object] = [None, [], "one", {}, ["a"] * (MAX_DOCUMENTS + 1)]
RESULTS = [{"index": 1, "relevance_score": 0.9}]


def answer(**fields):
    return {"model": "m", "results": RESULTS, **fields}


def test_an_answer_and_its_exact_price(caller):
    alice = caller(MODEL)
    response = alice.post({"model": MODEL, **ASK, "top_n": 2}, path="/rerank")
    found = response.json()
    assert [row["index"] for row in found["results"]] == [1, 2]
    record = bill(alice, response)
    assert (record.endpoint, record.rule, record.input_tokens) == ("rerank", "reported", 3 * 2 + 2 + 4 + 1)
    assert record.charge == usd("0.000001") * 13


@pytest.mark.parametrize(
    ("fields", "counts"),
    [
        ({"usage": {"total_tokens": 9}}, ("reported", 9, 0, False)),
        ({"usage": {"prompt_tokens": 9, "total_tokens": 9}}, ("reported", 9, 0, False)),
        ({"meta": {"billed_units": {"input_tokens": 8, "output_tokens": 0}}}, ("reported", 8, 0, False)),
        ({"meta": {"billed_units": {"search_units": 1}, "tokens": {"input_tokens": 7}}}, ("reported", 7, 0, False)),
        ({"usage": {"total_tokens": 9}, "meta": {"tokens": {"input_tokens": 7}}}, ("reported", 9, 0, False)),
        ({"meta": {"billed_units": {"search_units": 1}}}, ("delivered", 13, 0, False)),
        ({"meta": "odd", "usage": {}}, ("delivered", 13, 0, False)),
        ({"usage": {"total_tokens": -1}}, ("delivered", 13, 0, True)),
        ({"usage": [5]}, ("delivered", 13, 0, True)),
        ({"usage": {"total_tokens": 10**8}}, ("reported", 10**8, 0, True)),
    ],
)
def test_usage_in_its_shapes(odd, fields, counts):
    """Without any: our own count of the query with each of three documents, and of those."""
    with odd("rerank", answer(**fields)) as ask:
        outcome = ask(ASK)
    assert outcome.response.status_code == 200
    assert outcome.counts == counts
    assert 0 < outcome.record.charge <= outcome.record.hold


def test_search_units_are_priced_by_the_call(odd):
    price = {"input": "0", "output": "0", "per_call": usd("0.002")}
    with odd("rerank", answer(meta={"billed_units": {"search_units": 1}}), **price) as ask:
        assert ask(ASK).bill == ("settled", "delivered", usd("0.002"))


@pytest.mark.parametrize(
    "body",
    [{}, {"results": []}, {"results": "best"}, {"results": [1]}, {"error": "no", **answer()}, Answer(status=503)],
)
def test_what_is_no_answer_is_free(odd, body):
    with odd("rerank", body) as ask:
        outcome = ask(ASK)
    assert outcome.response.status_code == 502
    assert outcome.bill == FREE


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        *(({"query": value}, "query") for value in (None, "", 7, ["a"])),
        *(({"documents": value}, "documents") for value in NO_DOCUMENTS),
        *(({"documents": ["a", value]}, "documents[1]") for value in (None, 7, {}, ["b"], {"text": 7})),
        ({"top_n": 0}, "top_n"),
    ],
)
def test_malformed_requests_name_the_field(caller, fields, param):
    alice = caller(MODEL)
    refused(alice.post({"model": MODEL, **ASK, **fields}, path="/rerank"), param)
    assert alice.records == []


def test_documents_may_be_objects_of_texts(odd):
    with odd("rerank", answer()) as ask:
        outcome = ask({"query": "sky", "documents": [{"title": "Sky", "text": "It is blue."}]})
    assert outcome.response.status_code == 200


def test_the_query_is_set_aside_for_with_each_document():
    def bound(documents):
        return parse(orjson.dumps({"model": "m", "query": "q" * 1000, "documents": documents})).prompt_bound

    assert bound(["d"] * 10) > 10_000 > bound(["d"])
