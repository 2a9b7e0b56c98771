"""`/v1/embeddings`: vectors arrive whole, what was read is charged and nothing else."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.kernel.money import usd
from relay.dialects.embeddings import parse, read, skim
from relay.models import Channel
from relay.sandbox import tokens
from tests.relay.conftest import chat
from tests.relay.endpoints.conftest import FREE, bill, refused
from tests.relay.odd_upstream import Answer

pytestmark = pytest.mark.live

MODEL = "sandbox-embed"
ROWS = [{"object": "embedding", "index": 0, "embedding": [0.5, -0.5]}]
NO_INPUT: list[object] = [
    *(None, "", [], 7, {}, True, [""], ["a", 1], [1, "a"], [True], [1.5], [None]),
    *([[]], [[1], []], [[1], "a"], [[[1]]]),
]


def answer(usage=None, data=ROWS):
    return {"object": "list", "data": data, "model": "m", **({} if usage is None else {"usage": usage})}


@pytest.mark.parametrize(
    ("value", "vectors", "read_tokens"),
    [
        ("Hello there", 1, 2),
        (["Hello there", "世界"], 2, 4),
        ([101, 7, 102], 1, 3),
        ([[101, 102], [7]], 2, 3),
    ],
)
def test_every_shape_of_input_through_the_sdk(caller, value, vectors, read_tokens):
    alice = caller(MODEL)
    found = alice.sdk.embeddings.create(model=MODEL, input=value)
    assert [len(row.embedding) for row in found.data] == [16] * vectors
    assert found.usage.prompt_tokens == read_tokens
    record = bill(alice)
    assert (record.endpoint, record.rule, record.status) == ("embeddings", "reported", "settled")
    assert (record.input_tokens, record.output_tokens) == (read_tokens, 0)
    assert record.charge == usd("0.000001") * read_tokens


def test_numbers_and_packed_numbers_are_the_same(caller):
    alice = caller(MODEL)
    ask = {"model": MODEL, "input": "Hello", "dimensions": 4}
    written = alice.sdk.embeddings.create(**ask, encoding_format="float").data[0].embedding
    packed = alice.sdk.embeddings.create(**ask, encoding_format="base64").data[0].embedding
    assert isinstance(packed, str)
    unpacked = alice.sdk.embeddings.create(**ask).data[0].embedding
    assert unpacked == pytest.approx(written, abs=1e-6)
    assert len({record.charge for record in alice.records}) == 1


def test_a_price_by_the_call(caller):
    alice = caller(MODEL, input="0", output="0", per_call=usd("0.003"))
    response = alice.post({"model": MODEL, "input": ["a", "b", "c"]}, path="/embeddings")
    assert bill(alice, response).charge == usd("0.003")


def test_a_model_goes_by_its_public_name(caller):
    alice = caller("house-embed", served=MODEL)
    response = alice.post({"model": "house-embed", "input": "Hello"}, path="/embeddings")
    assert response.json()["model"] == "house-embed"
    assert MODEL not in response.text


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "input"),
        *(({"input": value}, "input") for value in NO_INPUT),
        ({"input": "a", "encoding_format": 1}, "encoding_format"),
        ({"input": "a", "dimensions": "many"}, "dimensions"),
        ({"input": "a", "stream": True}, "stream"),
        ({"input": "a", "model": None}, "model"),
    ],
)
def test_malformed_requests_name_the_field(caller, fields, param):
    alice = caller(MODEL)
    refused(alice.post({"model": MODEL, **fields}, path="/embeddings"), param)
    assert alice.records == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        answer(data=None),
        answer(data=[]),
        answer(data="vectors"),
        answer(data=["vector"]),
        answer(data=[{}]),
        answer(data=[{"embedding": []}]),
        {"error": {"message": "no"}},
        {"error": "no", **answer()},
        Answer(b"<html>", headers={"Content-Type": "text/html"}),
        Answer(b'{"data":[{"embedding":[0.1', headers={"Content-Type": "application/json"}),
        Answer(b"", headers={"Content-Type": "application/json"}),
        Answer({"error": {"message": "broken"}}, status=500),
    ],
)
def test_what_is_no_answer_is_free(odd, body):
    with odd("embeddings", body) as ask:
        outcome = ask({"input": "Hello"})
    assert outcome.response.status_code == 502
    assert outcome.bill == FREE


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ({"prompt_tokens": 3, "total_tokens": 3}, ("reported", 3, 0, False)),
        ({"total_tokens": 4}, ("reported", 4, 0, False)),
        ({"prompt_tokens": 3, "completion_tokens": 10**6, "total_tokens": 10**6}, ("reported", 3, 0, False)),
        (None, ("delivered", 1, 0, False)),
        ({}, ("delivered", 1, 0, False)),
        ({"prompt_tokens": -3}, ("delivered", 1, 0, True)),
        ({"prompt_tokens": "3"}, ("delivered", 1, 0, True)),
        ({"prompt_tokens": 10**12}, ("delivered", 1, 0, True)),
        ("lots", ("delivered", 1, 0, True)),
        ({"prompt_tokens": 10**7}, ("reported", 10**7, 0, True)),  # and never more than was set aside
    ],
)
def test_usage_that_is_missing_or_lies(odd, usage, counts):
    with odd("embeddings", answer(usage)) as ask:
        outcome = ask({"input": "Hello"})
    assert outcome.response.status_code == 200
    assert outcome.counts == counts
    assert 0 < outcome.record.charge <= outcome.record.hold


def test_what_the_upstream_refuses_is_told_and_free(odd):
    with odd("embeddings", Answer({"error": {"message": "Too long.", "param": "input"}}, status=400)) as ask:
        outcome = ask({"input": "Hello"})
    assert "Too long." in refused(outcome.response, "input")
    assert outcome.bill == FREE


def test_bytes_pass_through_untouched(odd):
    raw = b'{ "data": [ {"embedding" : [1e-7, 0.10, -2], "index":0} ], "odd": "\\"embedding\\": [1]" }'
    with odd("embeddings", Answer(raw, headers={"Content-Type": "application/json"})) as ask:
        outcome = ask({"input": "Hello", "user": "u1", "unknown": [1]})
    assert outcome.response.content == raw
    ((_path, headers, body),) = outcome.upstream.asked
    assert body == {"model": "m", "input": "Hello", "user": "u1", "unknown": [1]}
    assert (headers["Content-Type"], headers["Accept"]) == ("application/json", "application/json")


def test_a_channel_without_the_endpoint_is_not_asked(caller):
    alice = caller(MODEL, channel={"speaks": ["chat"]})
    message = refused(alice.post({"model": MODEL, "input": "a"}, path="/embeddings"), "model", status=404)
    assert "/v1/embeddings" in message
    assert alice.records == []


def test_a_channel_that_is_off(caller):
    alice = caller(MODEL, channel={"status": Channel.Status.DISABLED})
    response = alice.post({"model": MODEL, "input": "a"}, path="/embeddings")
    assert "/v1/embeddings" in refused(response, None, status=503)


def test_an_embedding_model_asked_to_chat_is_refused_by_its_channel(caller):
    alice = caller(MODEL)
    assert alice.post(chat(MODEL)).status_code == 404
    assert bill(alice).charge == 0


def test_a_balance_that_does_not_cover_the_bound(caller):
    alice = caller(MODEL, balance="0.000001")
    assert alice.post({"model": MODEL, "input": "word " * 100}, path="/embeddings").status_code == 402
    assert alice.records == []


@given(st.lists(st.text(min_size=1), min_size=1, max_size=5))
def test_no_more_is_read_than_was_set_aside_for(texts):

    request = parse(orjson.dumps({"model": "m", "input": texts}))
    assert request.prompt_bound >= sum(map(tokens.count, texts))
    assert request.max_tokens == 0


def test_vectors_are_not_decoded():
    rows = b'{"embedding":[' + b",".join([b"0.125"] * 500_000) + b'],"index":0}'
    raw = b'{"data":[' + rows + b'],"usage":{"prompt_tokens":5,"total_tokens":5}}'
    assert len(skim(raw)) < 100

    told = read(orjson.loads(skim(raw)))
    assert told.problem is None
    assert told.usage == {"prompt_tokens": 5, "completion_tokens": 0}
