"""`/v1/images/generations`: by tokens where they are reported, else by the call, which makes one picture."""

from base64 import b64decode

import openai
import pytest

from config.kernel.money import usd
from relay.dialects.images import MAX_PICTURES
from tests.relay.endpoints.conftest import FREE, bill, refused
from tests.relay.odd_upstream import Answer

pytestmark = pytest.mark.live

MODEL = "sandbox-image"
DATA = [{"url": "https://example.com/a.png"}]
BY_CALL = {"input": "0", "output": "0", "per_call": usd("0.04")}


@pytest.mark.parametrize("number", [1, 3])
def test_pictures_by_tokens_through_the_sdk(caller, number):
    alice = caller(MODEL)
    found = alice.sdk.images.generate(model=MODEL, prompt="A blue sky", n=number)
    assert len(found.data) == number
    assert b64decode(found.data[0].b64_json).startswith(b"\x89PNG")
    record = bill(alice)
    assert (record.endpoint, record.rule) == ("images", "reported")
    assert (record.input_tokens, record.output_tokens) == (3, 100 * number)
    assert record.charge == usd("0.000003") + usd("0.0002") * number


def test_a_picture_by_the_call(caller):
    alice = caller(MODEL, **BY_CALL)
    response = alice.post({"model": MODEL, "prompt": "Sky", "n": 1}, path="/images/generations")
    assert bill(alice, response).charge == usd("0.04")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 2}, "n"),
        ({"batch_size": 4}, "batch_size"),
        ({"num_images": 2, "n": 1}, "num_images"),
        ({"sequential_image_generation": "auto"}, "sequential_image_generation"),
    ],
)
def test_several_pictures_for_the_price_of_one_are_refused(caller, fields, param):
    alice = caller(MODEL, **BY_CALL)
    with pytest.raises(openai.BadRequestError) as caught:
        alice.sdk.images.generate(model=MODEL, prompt="Sky", extra_body=fields)
    assert (caught.value.param, alice.records) == (param, [])
    assert f"Leave {param} out" in str(caught.value)


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ({"input_tokens": 5, "output_tokens": 70}, ("reported", 5, 70, False)),
        ({"prompt_tokens": 5, "completion_tokens": 70}, ("reported", 5, 70, False)),
        ({"generated_images": 1, "output_tokens": 70, "total_tokens": 70}, ("reported", 0, 70, False)),
        ({"generated_images": 1}, ("delivered", 1, 0, False)),
        (None, ("delivered", 1, 0, False)),
        ({"input_tokens": 5, "output_tokens": -1}, ("delivered", 1, 0, True)),
        ({"input_tokens": 5, "output_tokens": 10**7}, ("reported", 5, 10**7, True)),
        ("lots", ("delivered", 1, 0, True)),
    ],
)
def test_usage_in_its_shapes(odd, usage, counts):
    with odd("images/generations", {"data": DATA, "usage": usage}) as ask:
        outcome = ask({"prompt": "Sky"})
    assert outcome.response.status_code == 200
    assert outcome.counts == counts
    assert outcome.record.charge <= outcome.record.hold


def test_every_picture_is_set_aside_for_and_none_can_be_shortened(caller):
    """8192 tokens a picture at $2 a million: a dollar is enough for 61."""
    alice = caller(MODEL, output="30")
    response = alice.post({"model": MODEL, "prompt": "Sky", "n": 5}, path="/images/generations")
    assert response.status_code == 402
    assert alice.post({"model": MODEL, "prompt": "Sky", "n": 4}, path="/images/generations").status_code == 200
    assert "X-Tollbooth-Max-Tokens" not in response.headers
    assert bill(alice).hold >= usd("0.98304")


@pytest.mark.parametrize(
    "body",
    [{}, {"data": []}, {"data": "pictures"}, {"data": [1]}, {"data": DATA, "error": "no"}, Answer(b"\x89PNG")],
)
def test_what_is_no_answer_is_free(odd, body):
    with odd("images/generations", body, **BY_CALL) as ask:
        outcome = ask({"prompt": "Sky"})
    assert outcome.response.status_code == 502
    assert outcome.bill == FREE


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        *(({"prompt": value}, "prompt") for value in (None, "", 7, ["sky"])),
        *(({"n": value}, "n") for value in (0, -1, "2", 1.5, True, MAX_PICTURES + 1)),
        ({"batch_size": "x"}, "batch_size"),
        ({"stream": True}, "stream"),
    ],
)
def test_malformed_requests_name_the_field(caller, fields, param):
    alice = caller(MODEL)
    refused(alice.post({"model": MODEL, "prompt": "Sky", **fields}, path="/images/generations"), param)
    assert alice.records == []
