"""`/v1/audio/transcriptions` and `translations`: a recording written down, in its own language or in English. Pure but
for the boundary of the form that goes up.

Charged are the tokens that the upstream reports. One that reports none, or only how long the recording is, leaves the
text that was written, counted here; such a model is priced by the call.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from relay.dialects.base import Dialect, NativeAnswer, RelayRequest
from relay.dialects.forms import content_type_of, new_boundary, read_form
from relay.dialects.metered import SPECIAL_TOKENS, Reading, form_body, no_answer, whole_request
from relay.endpoints import Endpoint

MAX_FILE_BYTES = 25 * 1024 * 1024
BYTES_PER_TOKEN = 16  # of the most frugal recording, and the most tokens that a model makes of a second
MAX_AUDIO_TOKENS = 65_536  # half an hour and more, with any model on sale
TEXT_TYPES = frozenset({"text/plain", "text/vtt", "text/srt", "application/x-subrip", "application/octet-stream"})


def parse(raw: bytes) -> RelayRequest:
    """Raises InvalidInput naming the field and what to do, and TooLarge."""
    fields = read_form(raw, files=["file"], max_file_bytes=MAX_FILE_BYTES)
    audio = min(len(fields["file"].content) // BYTES_PER_TOKEN, MAX_AUDIO_TOKENS)
    prompt = Reading([fields.get("prompt", "")], margin=audio + SPECIAL_TOKENS)
    return whole_request(fields, max_tokens=None, input=prompt, content_type=content_type_of(new_boundary()))


def read(answer: Mapping[str, Any]) -> NativeAnswer:
    """`json` and `verbose_json`; a recording of silence has an empty text."""
    text = answer.get("text")
    if answer.get("error") or not isinstance(text, str):
        return no_answer(answer, "text")
    return NativeAnswer(_usage(answer.get("usage")), [text], None)


def _usage(usage: Any) -> Any:
    """Tokens, with their details under the name that they have elsewhere; a duration is no count of tokens."""
    if not isinstance(usage, Mapping):
        return usage
    if usage.get("type") == "duration":
        return None
    details = usage.get("input_token_details")
    return usage if details is None else {**usage, "input_tokens_details": details}


def read_other(raw: bytes, media_type: str) -> NativeAnswer:
    """`text`, `srt` and `vtt`."""
    if media_type not in TEXT_TYPES:
        return no_answer({}, "text")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return no_answer({}, "text")
    kind = "text/plain" if media_type == "application/octet-stream" else media_type
    return NativeAnswer(None, [text], None, f"{kind}; charset=utf-8")


TRANSCRIPTIONS = Dialect(
    name="audio.transcriptions",
    endpoint=Endpoint.TRANSCRIPTIONS,
    parse=parse,
    read=read,
    read_other=read_other,
    write=form_body,
    is_text=False,
)
TRANSLATIONS = replace(TRANSCRIPTIONS, endpoint=Endpoint.TRANSLATIONS)  # the Task log calls both a transcription
