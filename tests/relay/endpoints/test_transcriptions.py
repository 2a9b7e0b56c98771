"""`/v1/audio/transcriptions`: the form is read strictly and written anew; text is charged by reported tokens."""

import json

import pytest
import requests

from config.kernel.money import usd
from relay.dialects import transcriptions
from relay.dialects.transcriptions import parse
from tests.relay.endpoints.conftest import FREE, bill, refused
from tests.relay.odd_upstream import Answer

pytestmark = pytest.mark.live

MODEL = "sandbox-transcribe"
SOUND = b"RIFF\x00\r\n--form\r\n\xff" * 100
HEARD = "This recording has 1600 bytes."
PATH = "audio/transcriptions"


def form(model=MODEL, *, file=("talk.wav", SOUND, "audio/wav"), **fields):
    return {"files": {"file": file}, "data": {"model": model, **fields}}


def raw_form(*parts, boundary="b", end="--b--\r\n"):
    """A form as bytes; a part is its header lines and its content."""
    written = [
        f"--{boundary}\r\n".encode() + head.encode() + b"\r\n\r\n" + content + b"\r\n" for head, content in parts
    ]
    return b"".join(written) + end.encode()


FILE = ('Content-Disposition: form-data; name="file"; filename="a.wav"', b"abc")
NAMED = ('Content-Disposition: form-data; name="model"', b"m")


def test_reported_tokens_through_the_sdk(caller):
    alice = caller(MODEL, audio_input=usd("6"))
    answer = alice.sdk.audio.transcriptions.create(model=MODEL, file=("talk.wav", SOUND))
    assert answer.text == HEARD
    record = bill(alice)
    assert (record.endpoint, record.rule) == ("audio.transcriptions", "reported")
    assert (record.audio_input_tokens, record.output_tokens) == (3, 6)
    assert record.charge == 3 * usd("0.000006") + 6 * usd("0.000002")


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # says the SDK
def test_a_translation_through_the_sdk(caller):
    alice = caller(MODEL, audio_input=usd("6"))
    answer = alice.sdk.audio.translations.create(model=MODEL, file=("talk.wav", SOUND))
    assert answer.text == HEARD
    record = bill(alice)
    assert (record.endpoint, record.rule) == ("audio.transcriptions", "reported")
    assert (record.audio_input_tokens, record.output_tokens) == (3, 6)


@pytest.mark.parametrize(
    ("name", "kind", "begins"),
    [
        ("text", "text/plain; charset=utf-8", "This"),
        ("srt", "text/plain; charset=utf-8", "1\n00:00:00,000"),
        ("vtt", "text/vtt; charset=utf-8", "WEBVTT"),
    ],
)
def test_answers_that_are_text(caller, name, kind, begins):
    """They report nothing, so the text is counted here."""
    alice = caller(MODEL)
    answer = alice.sdk.audio.transcriptions.with_raw_response.create(
        model=MODEL, file=("talk.wav", SOUND), response_format=name
    )
    assert (answer.headers["Content-Type"], answer.text[: len(begins)]) == (kind, begins)
    record = bill(alice)
    assert (record.rule, record.input_tokens) == ("delivered", 0)
    assert record.charge == record.output_tokens * usd("0.000002") > 0


def test_verbose_json_and_a_list_of_values(odd):
    alice_asks = form("m", response_format="verbose_json", **{"timestamp_granularities[]": ["word", "segment"]})
    with odd(PATH, {"text": HEARD, "segments": [], "usage": {"type": "duration", "seconds": 3}}) as ask:
        outcome = ask(**alice_asks)
    assert outcome.response.json()["segments"] == []
    assert outcome.counts[0] == "delivered"
    assert not outcome.record.is_suspect
    ((_path, _headers, sent),) = outcome.upstream.asked
    assert sent.count(b'name="timestamp_granularities[]"') == 2


def test_a_price_by_the_call_and_silence(odd):
    with odd(PATH, {"text": ""}, input="0", output="0", per_call=usd("0.006")) as ask:
        outcome = ask(**form("m"))
    assert outcome.response.json() == {"text": ""}
    assert outcome.bill == ("settled", "delivered", usd("0.006"))


def test_what_goes_up_is_written_anew(odd):
    headers = (
        "Content-Type: audio/wav\r\nX-Canary: canary\r\n"
        'Content-Disposition: form-data; name="file"; filename="../canary\\".mp3"'
    )
    raw = raw_form(NAMED, (headers, SOUND), ('Content-Disposition: form-data; name="prompt"', "世界".encode()))
    with odd(PATH, {"text": "ok"}, served="upstream-name") as ask:
        outcome = ask(data=raw, headers=None)
    assert outcome.response.status_code == 200, outcome.response.text
    ((_path, sent, body),) = outcome.upstream.asked
    boundary = sent["Content-Type"].removeprefix("multipart/form-data; boundary=")
    assert (
        body
        == (
            f'--{boundary}\r\nContent-Disposition: form-data; name="model"\r\n\r\nupstream-name\r\n'
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="file.mp3"\r\n'
            "Content-Type: audio/wav\r\n\r\n"
        ).encode()
        + SOUND
        + (
            f'\r\n--{boundary}\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n世界\r\n--{boundary}--\r\n'
        ).encode()
    )
    assert b"canary" not in json.dumps(sent).encode()


def test_parameters_of_the_channel(odd):
    overrides = {"temperature": 0.5, "prompt": None, "language": "en", "vad": True}
    with odd(PATH, {"text": "ok"}, channel_fields={"body_overrides": overrides}) as ask:
        outcome = ask(**form("m", prompt="canary"))
    ((_path, _headers, body),) = outcome.upstream.asked
    for name, value in (("temperature", "0.5"), ("language", "en"), ("vad", "true")):
        assert f'name="{name}"\r\n\r\n{value}\r\n'.encode() in body
    assert b"canary" not in body


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ({"type": "tokens", "input_tokens": 5, "output_tokens": 2}, ("reported", 5, 2, False)),
        ({"prompt_tokens": 5, "completion_tokens": 2}, ("reported", 5, 2, False)),
        ({"type": "tokens", "input_tokens": -5, "output_tokens": 2}, ("delivered", 0, 1, True)),
        ({"type": "tokens", "input_tokens": 10**7, "output_tokens": 2}, ("reported", 10**7, 2, True)),
        ([], ("delivered", 0, 1, True)),
    ],
)
def test_usage_that_is_odd(odd, usage, counts):
    with odd(PATH, {"text": "ok", "usage": usage}) as ask:
        outcome = ask(**form("m"))
    assert outcome.response.status_code == 200
    assert outcome.counts == counts
    assert outcome.record.charge <= outcome.record.hold


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"text": None},
        {"text": "ok", "error": "no"},
        Answer(b"<html>", headers={"Content-Type": "text/html"}),
        Answer(b"\xff\xfe", headers={"Content-Type": "text/plain"}),
        Answer({"error": {"message": "broken"}}, status=500),
    ],
)
def test_what_is_no_transcript_is_free(odd, answer):
    with odd(PATH, answer, per_call=usd("0.1")) as ask:
        outcome = ask(**form("m"))
    assert outcome.response.status_code == 502
    assert outcome.bill == FREE


@pytest.mark.parametrize(
    ("raw", "param"),
    [
        (b"", None),
        (b'{"model":"m"}', None),
        (b"--b\r\n", None),
        (raw_form(NAMED), "file"),
        (raw_form(FILE), "model"),
        (raw_form(NAMED, FILE, end=""), None),
        (raw_form(NAMED, FILE, end="--b--\r\nmore"), None),
        (raw_form(NAMED, FILE, end="--bb--\r\n"), None),
        (raw_form(NAMED, NAMED, FILE), "model"),
        (raw_form(NAMED, FILE, FILE), "file"),
        (raw_form(NAMED, (FILE[0], b"")), "file"),
        (raw_form(NAMED, FILE, (FILE[0].replace('"file"', '"more"'), b"x")), "file"),
        (raw_form(NAMED, FILE, (NAMED[0].replace("model", "file"), b"x")), "file"),
        (raw_form(FILE, (NAMED[0], b"\xff")), None),
        (raw_form(FILE, (NAMED[0], b"m" * 70_000)), "model"),
        (raw_form(NAMED, FILE, (NAMED[0].replace("model", 'x"; name="y'), b"x")), None),
        (raw_form(NAMED, FILE, (NAMED[0].replace("model", "a b"), b"x")), None),
        (raw_form(NAMED, FILE, (NAMED[0] + "\r\n" + NAMED[0], b"x")), None),
        (raw_form(NAMED, FILE, ("X-Header: " + "x" * 3_000 + "\r\n" + NAMED[0], b"x")), None),
        (raw_form(NAMED, (FILE[0] + "\r\nContent-Transfer-Encoding: base64", b"YWJj")), None),
        (raw_form(NAMED, FILE, (NAMED[0].replace("model", "stream"), b"true")), "stream"),
        (raw_form(*[(NAMED[0].replace("model", f"f{n}"), b"x") for n in range(70)], FILE), None),
    ],
)
def test_malformed_forms(caller, raw, param):
    alice = caller("m")
    refused(alice.post(path=f"/{PATH}", data=raw), param)
    assert alice.records == []


def test_a_file_beyond_the_limit(caller, monkeypatch):
    monkeypatch.setattr(transcriptions, "MAX_FILE_BYTES", 1_000)
    refused(caller(MODEL).post(path=f"/{PATH}", **form()), None, status=413)


@pytest.mark.parametrize("size", [1, 30_000, 3_000_000])
def test_the_sound_is_set_aside_for(size):
    """By the most frugal recording, and the most tokens that a model makes of a second."""
    request = parse(raw_form(NAMED, (FILE[0], b"x" * size)))
    assert request.prompt_bound >= min(size // 750 * 32, 65_536)
    assert request.prompt_estimate == 0


def test_another_client_of_forms_is_understood(caller):
    """Boundaries, orders and quoting differ; `requests` and the SDK agree on none of them with curl."""
    alice = caller(MODEL)
    boundary = "-" * 24 + "5f2a"
    head = 'Content-Disposition: form-data; name="file"; filename="talk.wav"\r\nContent-Type: audio/x-wav'
    raw = raw_form((head, SOUND), (NAMED[0], MODEL.encode()), boundary=boundary, end=f"--{boundary}--\r\n")
    headers = {
        "Authorization": f"Bearer {alice.key}",
        "Content-Type": f"multipart/form-data; boundary={boundary}",
    }
    answer = requests.post(f"{alice.base_url}/{PATH}", data=raw, headers=headers, timeout=20)
    assert answer.json()["text"] == HEARD
    bill(alice, answer)
