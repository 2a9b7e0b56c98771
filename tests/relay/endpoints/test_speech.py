"""`/v1/audio/speech`: sound comes back with nothing but its type; each character of the input is an input token."""

import pytest

from config.kernel.money import usd
from tests.relay.endpoints.conftest import FREE, bill, refused
from tests.relay.odd_upstream import Answer
from tests.relay.test_upstream_headers import UPSTREAMS, WHOLE

pytestmark = pytest.mark.live

MODEL = "sandbox-speech"
SOUND = b'RIFF\x00\xff"model":"upstream-name"\x80' * 50


def sound(raw=SOUND, kind="audio/mpeg", **headers):
    return Answer(raw, headers={"Content-Type": kind, **headers})


@pytest.mark.parametrize(("text", "characters"), [("Hello there", 11), ("世界 ok", 5), ("🎉" * 3, 3)])
def test_characters_are_charged_through_the_sdk(caller, text, characters):
    alice = caller(MODEL, input="15", output="0")
    answer = alice.sdk.audio.speech.create(model=MODEL, voice="alloy", input=text)
    assert answer.content.startswith(b"RIFF")
    assert answer.response.headers["Content-Type"] == "audio/wav"
    record = bill(alice)
    assert (record.endpoint, record.rule) == ("audio.speech", "delivered")
    assert (record.input_tokens, record.output_tokens) == (characters, 0)
    assert record.hold >= record.charge == usd("0.000015") * characters


def test_a_price_by_the_call(caller):
    alice = caller(MODEL, input="0", output="0", per_call=usd("0.02"))
    ask = {"model": MODEL, "voice": "alloy", "input": "Hi", "response_format": "pcm"}
    response = alice.post(ask, path="/audio/speech")
    assert response.headers["Content-Type"] == "audio/pcm"
    assert bill(alice, response).charge == usd("0.02")


def test_nothing_but_the_sound_and_its_type_comes_back(odd):
    with odd("audio/speech", sound(kind="Audio/MPEG; rate=8000", **UPSTREAMS), served="upstream-name") as ask:
        outcome = ask({"input": "Hello"})
    assert outcome.response.content == SOUND
    assert outcome.response.headers["Content-Type"] == "audio/mpeg"
    assert {name.lower() for name in outcome.response.headers} == WHOLE
    ((_path, headers, body),) = outcome.upstream.asked
    assert (headers["Accept"], body) == ("*/*", {"model": "upstream-name", "input": "Hello"})


@pytest.mark.parametrize(
    "answer",
    [
        sound(kind="text/html"),
        sound(kind="image/svg+xml"),
        sound(kind="application/json"),
        sound(b""),
        Answer({"error": {"message": "no"}}),
        Answer({"audio": "UklGRg=="}),
        sound(b'{"error":"no"}'),
        Answer({"error": {"message": "broken"}}, status=500),
    ],
)
def test_what_is_no_sound_is_free(odd, answer):
    with odd("audio/speech", answer, per_call=usd("0.02")) as ask:
        outcome = ask({"input": "Hello"})
    assert outcome.response.status_code == 502
    assert outcome.response.headers["Content-Type"] == "application/json"
    assert outcome.bill == FREE


def test_an_answer_that_breaks_off_is_free(odd):
    with odd("audio/speech", sound(**{"Content-Length": str(len(SOUND) + 9)})) as ask:
        outcome = ask({"input": "Hello"})
    assert outcome.response.status_code == 502
    assert outcome.bill == FREE


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        *(({"input": value}, "input") for value in (None, "", 7, ["Hello"])),
        ({"response_format": 7}, "response_format"),
        ({"stream_format": "sse"}, "stream_format"),
        ({"stream": True}, "stream"),
    ],
)
def test_malformed_requests_name_the_field(caller, fields, param):
    alice = caller(MODEL)
    refused(alice.post({"model": MODEL, "input": "Hi", "voice": "alloy", **fields}, path="/audio/speech"), param)
    assert alice.records == []
