"""`/v1/audio/speech`: a text read aloud.

Speech models are priced by the character, and an answer of sound reports no usage. So each character of `input` counts
as one input token: a model's input price is dollars per million characters.
"""

from collections.abc import Mapping
from typing import Any

from config.kernel.errors import InvalidInput
from relay.dialects.base import Dialect, NativeAnswer, RelayRequest
from relay.dialects.fields import json_object
from relay.dialects.metered import Reading, no_answer, optional_text, required_text, whole_request
from relay.endpoints import Endpoint

MAX_ANSWER_BYTES = 64 * 1024 * 1024
AUDIO_TYPES = frozenset(
    {
        "audio/aac",
        "audio/basic",
        "audio/flac",
        "audio/l16",
        "audio/mp3",
        "audio/mp4",
        "audio/mpeg",
        "audio/ogg",
        "audio/opus",
        "audio/pcm",
        "audio/wav",
        "audio/wave",
        "audio/webm",
        "audio/x-flac",
        "audio/x-wav",
        "application/octet-stream",
    }
)


def parse(raw: bytes) -> RelayRequest:
    """Raises InvalidInput naming the field and what to do."""
    payload = json_object(raw)
    characters = len(required_text(payload, "input"))
    optional_text(payload, "response_format")
    if optional_text(payload, "stream_format") == "sse":
        raise InvalidInput("This endpoint sends no events. Leave stream_format out.", param="stream_format")
    return whole_request(payload, max_tokens=0, input=Reading(tokens=characters))


def read(answer: Mapping[str, Any]) -> NativeAnswer:
    """JSON is no sound."""
    return no_answer(answer, "sound")


def read_other(raw: bytes, media_type: str) -> NativeAnswer:
    """Sound of a known type; the type is all that the caller is told of it."""
    if not raw or media_type not in AUDIO_TYPES:
        return no_answer({}, "sound")
    return NativeAnswer(None, [], None, media_type)


SPEECH = Dialect(
    name="audio.speech",
    endpoint=Endpoint.SPEECH,
    parse=parse,
    read=read,
    read_other=read_other,
    is_text=False,
    max_answer_bytes=MAX_ANSWER_BYTES,
)
