"""What the sandbox does besides chat: one model for each endpoint. The same request always gets the same answer.

sandbox-embed: a vector from a text's hash; one token of the text is one token.
sandbox-rerank: a document's score is the share of the query's tokens that it has; the query counts once per document.
sandbox-moderation: a text that says "unsafe" is flagged; no usage is reported.
sandbox-image: pictures of one colour, from a prompt or from a picture; 100 tokens each.
sandbox-speech: a tone, one period of it per character, as WAV; no usage can be reported.
sandbox-transcribe: says how long the file is; one token for every 800 bytes of it.
"""

import math
import struct
import zlib
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from . import tokens
from .errors import BadRequest
from .fields import Fields
from .forms import Form

PICTURE_TOKENS = 100
BYTES_PER_TOKEN = 800
SAMPLE_RATE = 8_000
SIDE = 8
CREATED = 1_767_225_600  # 2026-01-01, the birthday of every model and picture
UNSAFE = "unsafe"
CATEGORIES = ("harassment", "hate", "illicit", "self-harm", "sexual", "violence")


@dataclass(frozen=True, slots=True)
class Whole:
    """One complete answer."""

    data: bytes
    content_type: str = "application/json"


def embed(fields: Fields) -> Whole:
    """`input` is a text, a list of texts, a list of tokens or a list of such lists."""
    inputs = _inputs(fields.raw("input"))
    size = fields.between("dimensions", 1, 1024) or 16
    is_packed = fields.raw("encoding_format") == "base64"
    vectors = (_vector(repr(value), size) for value in inputs)
    data = [
        {"object": "embedding", "index": index, "embedding": _packed(vector) if is_packed else vector}
        for index, vector in enumerate(vectors)
    ]
    read = sum(tokens.count(value) if isinstance(value, str) else len(value) for value in inputs)
    usage = {"prompt_tokens": read, "total_tokens": read}
    return _json({"object": "list", "data": data, "model": fields.need("model", str), "usage": usage})


def _inputs(value: Any) -> list[Any]:
    several = value if isinstance(value, list) and value and not isinstance(value[0], int) else [value]
    if not all(isinstance(one, str | list) and one for one in several):
        raise BadRequest("'input' must be a text or tokens, or a list of them.", "input")
    return several


def _vector(text: str, size: int) -> list[float]:
    """Of length 1, as embeddings are."""
    numbers = [sha256(f"{place} {text}".encode()).digest()[0] - 127.5 for place in range(size)]
    length = math.hypot(*numbers)
    return [round(number / length, 6) for number in numbers]


def _packed(vector: list[float]) -> str:
    return b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def rerank(fields: Fields) -> Whole:
    """`documents` are texts; usage is told as Jina does and as Cohere does."""
    query, documents = fields.need("query", str), fields.need("documents", list)
    if not all(isinstance(document, str) for document in documents):
        raise BadRequest("'documents' must be texts.", "documents")
    words = _words(query)
    scored = [(round(len(words & _words(text)) / max(len(words), 1), 6), index) for index, text in enumerate(documents)]
    best = sorted(scored, key=lambda pair: (-pair[0], pair[1]))[: fields.get("top_n", int)]
    results = [{"index": index, "relevance_score": score} for score, index in best]
    read = sum(tokens.count(query) + tokens.count(text) for text in documents)
    return _json(
        {
            "id": "rerank-sandbox",
            "model": fields.need("model", str),
            "results": results,
            "usage": {"total_tokens": read},
            "meta": {"billed_units": {"search_units": 1}, "tokens": {"input_tokens": read, "output_tokens": 0}},
        }
    )


def _words(text: str) -> set[str]:
    return {word.strip().casefold() for word in tokens.split(text)}


def moderate(fields: Fields) -> Whole:
    """`input` is a text, or a list of texts and parts."""
    value = fields.raw("input")
    parts = value if isinstance(value, list) and value else [value]
    texts = [part.get("text", "") if isinstance(part, dict) else part for part in parts]
    if not all(isinstance(text, str) for text in texts):
        raise BadRequest("'input' must be a text, or a list of texts and parts.", "input")
    flags = [UNSAFE in text.casefold() for text in texts]
    results = [
        {
            "flagged": flag,
            "categories": dict.fromkeys(CATEGORIES, flag),
            "category_scores": dict.fromkeys(CATEGORIES, 0.99 if flag else 0.01),
        }
        for flag in flags
    ]
    return _json({"id": "modr-sandbox", "model": fields.need("model", str), "results": results})


def draw(fields: Fields) -> Whole:
    """`response_format` url gives data URLs: the sandbox keeps no files."""
    prompt = fields.need("prompt", str)
    number = fields.between("n", 1, 10) or 1
    is_url = fields.raw("response_format") == "url"
    pictures = [b64encode(_picture(f"{index} {prompt}")).decode() for index in range(number)]
    data = [{"url": f"data:image/png;base64,{one}"} if is_url else {"b64_json": one} for one in pictures]
    read, made = tokens.count(prompt), PICTURE_TOKENS * number
    usage = {
        "input_tokens": read,
        "output_tokens": made,
        "total_tokens": read + made,
        "input_tokens_details": {"text_tokens": read, "image_tokens": 0},
    }
    return _json({"created": CREATED, "data": data, "usage": usage})


def redraw(form: Form) -> Whole:
    """The prompt and the size of the given picture decide what comes."""
    fields: dict[str, Any] = {
        "model": form.texts["model"],
        "prompt": f"{form.texts.get('prompt', '')} {len(form.file)}",
    }
    return draw(Fields(fields | ({"n": int(form.texts["n"])} if form.texts.get("n", "").isdecimal() else {})))


def _picture(text: str) -> bytes:
    """A square PNG of the one colour that the text stands for."""
    pixel = sha256(text.encode()).digest()[:3]
    rows = (b"\0" + pixel * SIDE) * SIDE
    head = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def speak(fields: Fields) -> Whole:
    """`response_format` pcm leaves the header out; any other format is WAV all the same."""
    text = fields.need("input", str)
    fields.need("voice", str)
    sound = b"".join(_period(character) for character in text)
    if fields.raw("response_format") == "pcm":
        return Whole(sound, "audio/pcm")
    form = struct.pack("<IHHIIHH", 16, 1, 1, SAMPLE_RATE, SAMPLE_RATE, 1, 8)
    body = b"WAVEfmt " + form + b"data" + struct.pack("<I", len(sound)) + sound
    return Whole(b"RIFF" + struct.pack("<I", len(body)) + body, "audio/wav")


def _period(character: str) -> bytes:
    """A square wave of 20 to 83 samples."""
    half = 10 + ord(character) % 32
    return b"\x60" * half + b"\xa0" * half


def transcribe(form: Form) -> Whole:
    """`response_format` is json, verbose_json, text, srt or vtt."""
    text = f"This recording has {len(form.file)} bytes."
    heard, written = 1 + len(form.file) // BYTES_PER_TOKEN, tokens.count(text)
    usage = {
        "type": "tokens",
        "input_tokens": heard,
        "input_token_details": {"text_tokens": 0, "audio_tokens": heard},
        "output_tokens": written,
        "total_tokens": heard + written,
    }
    match form.texts.get("response_format", "json"):
        case "text":
            return Whole(f"{text}\n".encode(), "text/plain; charset=utf-8")
        case "srt":
            return Whole(f"1\n00:00:00,000 --> 00:00:01,000\n{text}\n\n".encode(), "text/plain; charset=utf-8")
        case "vtt":
            return Whole(f"WEBVTT\n\n00:00.000 --> 00:01.000\n{text}\n".encode(), "text/vtt; charset=utf-8")
        case "verbose_json":
            segments = [{"id": 0, "start": 0.0, "end": 1.0, "text": text}]
            told = {"task": "transcribe", "language": "english", "duration": 1.0, "segments": segments}
            return _json({**told, "text": text, "usage": usage})
    return _json({"text": text, "usage": usage})


def _json(value: dict[str, Any]) -> Whole:
    return Whole(orjson.dumps(value))


SERVICES: dict[str, tuple[str, Callable[[Fields], Whole]]] = {
    "/v1/embeddings": ("sandbox-embed", embed),
    "/v1/rerank": ("sandbox-rerank", rerank),
    "/v1/moderations": ("sandbox-moderation", moderate),
    "/v1/images/generations": ("sandbox-image", draw),
    "/v1/audio/speech": ("sandbox-speech", speak),
}
TRANSCRIBER = "sandbox-transcribe"
TRANSCRIPTIONS = "/v1/audio/transcriptions"
FORMS: dict[str, tuple[str, Callable[[Form], Whole]]] = {
    TRANSCRIPTIONS: (TRANSCRIBER, transcribe),
    "/v1/audio/translations": (TRANSCRIBER, transcribe),
    "/v1/images/edits": ("sandbox-image", redraw),
    "/v1/images/variations": ("sandbox-image", redraw),
}
MODELS = {
    **{model: f"Answers at {path}." for path, (model, _) in SERVICES.items()},
    TRANSCRIBER: f"Answers at {TRANSCRIPTIONS}.",
}
