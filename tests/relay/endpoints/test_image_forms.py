"""`/v1/images/edits` and `variations`: forms with pictures, written anew and charged like any picture."""

import pytest

from config.kernel.money import usd
from relay.dialects.images import parse_edit
from tests.relay.endpoints.conftest import FREE, bill, refused
from tests.relay.endpoints.test_transcriptions import raw_form
from tests.relay.odd_upstream import Answer

pytestmark = pytest.mark.live

MODEL = "sandbox-image"
PICTURE = b"\x89PNG\r\n--form\r\n\xff" * 20
BY_CALL = {"input": "0", "output": "0", "per_call": usd("0.04")}
EDIT, VARIATION = "images/edits", "images/variations"
NAMED = ('Content-Disposition: form-data; name="model"', b"m")
PROMPT = ('Content-Disposition: form-data; name="prompt"', b"Sky")


def picture(name="image"):
    return f'Content-Disposition: form-data; name="{name}"; filename="a.png"', PICTURE


def form(model="m", *, files=("image",), **fields):
    return {
        "files": [(name, ("a.png", PICTURE, "image/png")) for name in files],
        "data": {"model": model, "prompt": "Sky", **fields},
    }


@pytest.mark.parametrize("number", [1, 2])
def test_an_edit_through_the_sdk(caller, number):
    alice = caller(MODEL)
    found = alice.sdk.images.edit(
        model=MODEL, image=[("a.png", PICTURE), ("b.png", PICTURE)], mask=("m.png", PICTURE), prompt="Blue", n=number
    )
    assert len(found.data) == number
    record = bill(alice)
    assert (record.endpoint, record.rule, record.output_tokens) == ("images", "reported", 100 * number)


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # says the SDK
def test_a_variation_through_the_sdk(caller):
    alice = caller(MODEL, **BY_CALL)
    found = alice.sdk.images.create_variation(model=MODEL, image=("a.png", PICTURE))
    assert len(found.data) == 1
    assert bill(alice).charge == usd("0.04")


def test_what_goes_up_is_written_anew(odd):
    with odd(EDIT, {"data": [{"b64_json": ""}]}, served="upstream-name") as ask:
        outcome = ask(**form(files=["image[]", "image[]", "mask"], n="2"))
    assert outcome.response.status_code == 200, outcome.response.text
    ((_path, sent, body),) = outcome.upstream.asked
    boundary = sent["Content-Type"].removeprefix("multipart/form-data; boundary=").encode()
    parts = [part.partition(b"\r\n\r\n") for part in body.split(b"--" + boundary + b"\r\n")[1:]]
    assert b"upstream-name\r\n" in [content for _, _, content in parts]
    assert b"2\r\n" in [content for _, _, content in parts]
    named = [head.split(b'name="')[1].split(b'"')[0] for head, _, _ in parts]
    assert (named.count(b"image[]"), named.count(b"mask"), body.count(PICTURE)) == (2, 1, 3)
    assert body.count(b'filename="file.png"') == 3


def test_pictures_are_set_aside_for():
    """By what a maker counts at most, whatever their bytes."""
    one, three = (parse_edit(raw_form(NAMED, PROMPT, *[picture("image[]")] * number)).prompt_bound for number in (1, 3))
    assert three - one == 2 * 16_384


def test_several_pictures_for_the_price_of_one_are_refused(caller):
    alice = caller(MODEL, **BY_CALL)
    message = refused(alice.post(path=f"/{EDIT}", **form(MODEL, n="2")), "n")
    assert "Leave n out" in message


@pytest.mark.parametrize(
    ("path", "raw", "param"),
    [
        (EDIT, raw_form(NAMED, PROMPT), "image"),
        (EDIT, raw_form(NAMED, picture()), "prompt"),
        (EDIT, raw_form(NAMED, PROMPT, picture(), picture()), "image"),
        (EDIT, raw_form(NAMED, PROMPT, picture("mask")), "image"),
        (EDIT, raw_form(NAMED, PROMPT, (picture()[0], b"")), "image"),
        (EDIT, raw_form(NAMED, PROMPT, picture(), picture("other")), "image"),
        (EDIT, raw_form(PROMPT, picture()), "model"),
        (EDIT, raw_form(NAMED, PROMPT, picture(), (NAMED[0].replace("model", "n"), b"17")), "n"),
        (EDIT, raw_form(NAMED, PROMPT, picture(), (NAMED[0].replace("model", "n"), b"two")), "n"),
        (EDIT, raw_form(NAMED, PROMPT, picture(), (NAMED[0].replace("model", "stream"), b"true")), "stream"),
        (EDIT, b'{"model":"m","prompt":"Sky"}', None),
        (VARIATION, raw_form(NAMED), "image"),
        (VARIATION, raw_form(NAMED, picture("image[]")), "image"),
    ],
)
def test_malformed_forms(caller, path, raw, param):
    alice = caller("m")
    refused(alice.post(path=f"/{path}", data=raw), param)
    assert alice.records == []


@pytest.mark.parametrize("body", [{}, {"data": []}, Answer({"error": {"message": "broken"}}, status=500)])
def test_what_is_no_picture_is_free(odd, body):
    with odd(VARIATION, body, **BY_CALL) as ask:
        outcome = ask(**form())
    assert (outcome.response.status_code, outcome.bill) == (502, FREE)
