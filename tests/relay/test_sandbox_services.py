"""What the sandbox does besides chat: the same request gets the same answer, and its counts can be checked by hand."""

import struct
from base64 import b64decode

import openai
import pytest
import requests

from tests.relay.sandbox_server import running_sandbox


@pytest.fixture(scope="module")
def server():
    with running_sandbox() as running:
        yield running


@pytest.fixture
def client(server):
    with openai.OpenAI(base_url=server.base_url, api_key="any", max_retries=0) as client:
        yield client


def post(server, path, body):
    return requests.post(f"{server.base_url}{path}", json=body, headers={"Authorization": "Bearer any"}, timeout=10)


def test_vectors_are_of_length_one_and_stay_the_same(client):
    first, again, other = (
        client.embeddings.create(model="sandbox-embed", input=text, dimensions=8).data[0].embedding
        for text in ("Hello", "Hello", "World")
    )
    assert first == again != other
    assert sum(number**2 for number in first) == pytest.approx(1, abs=1e-4)


def test_documents_come_in_the_order_of_what_they_share_with_the_query(server):
    body = {"model": "sandbox-rerank", "query": "blue sky", "documents": ["red", "sky", "a blue sky"]}
    answer = post(server, "/rerank", body).json()
    assert [(row["index"], row["relevance_score"]) for row in answer["results"]] == [(2, 1), (1, 0.5), (0, 0)]
    assert answer["usage"]["total_tokens"] == answer["meta"]["tokens"]["input_tokens"] == 3 * 2 + 1 + 1 + 3


def test_a_text_that_says_so_is_flagged(client):
    found = client.moderations.create(model="sandbox-moderation", input=["fine", "This is Unsafe."])
    assert [result.flagged for result in found.results] == [False, True]


def test_pictures_are_png(client):
    found = client.images.generate(model="sandbox-image", prompt="Sky", n=2)
    one, two = (b64decode(picture.b64_json) for picture in found.data)
    assert one != two
    assert (one[:8], struct.unpack(">II", one[16:24])) == (b"\x89PNG\r\n\x1a\n", (8, 8))
    assert (found.usage.input_tokens, found.usage.output_tokens) == (1, 200)


def test_sound_is_wav_and_can_be_written_down(client):
    sound = client.audio.speech.create(model="sandbox-speech", voice="alloy", input="Hi").content
    assert (sound[:4], sound[8:12], struct.unpack("<I", sound[4:8])[0]) == (b"RIFF", b"WAVE", len(sound) - 8)
    heard = client.audio.transcriptions.create(model="sandbox-transcribe", file=("a.wav", sound))
    assert heard.text == f"This recording has {len(sound)} bytes."


@pytest.mark.parametrize(
    ("path", "body", "status", "param"),
    [
        ("/embeddings", {"model": "sandbox-mini", "input": "a"}, 404, "model"),
        ("/embeddings", {"model": "sandbox-embed"}, 400, "input"),
        ("/embeddings", {"model": "sandbox-embed", "input": "a", "dimensions": 0}, 400, "dimensions"),
        ("/rerank", {"model": "sandbox-rerank", "query": "a", "documents": [1]}, 400, "documents"),
        ("/moderations", {"model": "sandbox-moderation", "input": 7}, 400, "input"),
        ("/images/generations", {"model": "sandbox-image", "prompt": "a", "n": 11}, 400, "n"),
        ("/audio/speech", {"model": "sandbox-speech", "input": "a"}, 400, "voice"),
        ("/audio/transcriptions", {"model": "sandbox-transcribe"}, 400, None),
        ("/chat/completions", {"model": "sandbox-embed", "messages": [{"role": "user", "content": "a"}]}, 404, "model"),
    ],
)
def test_what_it_refuses(server, path, body, status, param):
    response = post(server, path, body)
    assert (response.status_code, response.json()["error"]["param"]) == (status, param)


def test_every_request_is_counted():
    with running_sandbox() as server:
        post(server, "/embeddings", {"model": "sandbox-embed", "input": "a"})
        post(server, "/embeddings", {"model": "sandbox-embed"})
        stats = server.stats()
    assert (stats["requests"], stats["completed"], stats["failed"], stats["open"]) == (2, 1, 1, 0)
    assert stats["models"] == {"sandbox-embed": 1}
