"""Forms with a file (`multipart/form-data`), read strictly and written anew: nothing hidden in one goes any further.

Pure but for the boundary, which is drawn by lot.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from secrets import token_hex
from typing import Any, NamedTuple

import orjson

from config.kernel.errors import InvalidInput, TooLarge

MAX_PARTS = 64
MAX_HEAD_BYTES = 2_048
MAX_TEXT_BYTES = 64 * 1024
_OPENING = re.compile(rb"--([0-9A-Za-z'()+_,./:=?-]{1,70})\r\n")
_DISPOSITION = re.compile(r"form-data((?:\s*;\s*[\w*]+=(?:\"[^\"\\]*(?:\\.[^\"\\]*)*\"|[^\s;\"]+))+)\s*", re.IGNORECASE)
_PARAMETER = re.compile(r";\s*([\w*]+)=(?:\"([^\"\\]*(?:\\.[^\"\\]*)*)\"|([^\s;\"]+))")
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}(\[\])?")
_MEDIA_TYPE = re.compile(r"[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,60}")
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,8}\Z")


class Upload(NamedTuple):
    """A file in a form. Of its name only the ending is kept: it says what kind of file it is."""

    ending: str
    media_type: str
    content: bytes


def new_boundary() -> str:
    """One that is in no file that was sent before it was drawn."""
    return f"form-{token_hex(16)}"


def content_type_of(boundary: str) -> str:
    return f"multipart/form-data; boundary={boundary}"


def read_form(raw: bytes, *, files: Sequence[str], max_file_bytes: int) -> dict[str, Any]:
    """Its fields by name: texts, Uploads under the names of `files`, lists of either under names that end in `[]`.

    The first of `files` must be there, alone or as a list. The boundary is taken from the first line. Raises
    InvalidInput and TooLarge.
    """
    fields: dict[str, Any] = {}
    file = files[0]
    for name, value in _parts(raw):
        if isinstance(value, Upload) != (name in files):
            raise InvalidInput(f"Send files in this form as {' or '.join(files)}.", param=file)
        if name.endswith("[]"):
            fields.setdefault(name, []).append(value)
        elif name in fields:
            raise InvalidInput(f"{name} is in this form twice.", param=name)
        else:
            fields[name] = value
    if not (file in fields or f"{file}[]" in fields) or not all(upload.content for upload in uploads_in(fields)):
        raise InvalidInput(f"You must provide {file}: a file that is not empty.", param=file)
    if any(len(upload.content) > max_file_bytes for upload in uploads_in(fields)):
        raise TooLarge(f"The file is larger than {max_file_bytes} bytes.")
    return fields


def uploads_in(fields: Mapping[str, Any]) -> list[Upload]:
    """All files of a form."""
    several = (value if isinstance(value, list) else [value] for value in fields.values())
    return [one for values in several for one in values if isinstance(one, Upload)]


def write_form(fields: Mapping[str, Any], boundary: str) -> bytes:
    """The same as a body; values that are neither text nor file are written as JSON."""
    pieces = []
    for name, value in fields.items():
        for one in value if isinstance(value, list) else [value]:
            pieces += [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"'.encode(), *_written(one)]
    return b"".join([*pieces, f"--{boundary}--\r\n".encode()])


def _written(value: Any) -> list[bytes]:
    if isinstance(value, Upload):
        head = f'; filename="file{value.ending}"\r\nContent-Type: {value.media_type}\r\n\r\n'
        return [head.encode(), value.content, b"\r\n"]
    text = value.encode() if isinstance(value, str) else orjson.dumps(value)
    return [b"\r\n\r\n", text, b"\r\n"]


def _parts(raw: bytes) -> Iterator[tuple[str, str | Upload]]:
    opening = _OPENING.match(raw)
    if opening is None:
        raise InvalidInput("Send this as multipart/form-data.", code="invalid_form")
    mark, start = b"\r\n--" + opening[1], opening.end()
    for _ in range(MAX_PARTS):
        end = raw.find(mark, start)
        if end < 0:
            raise _broken()
        yield _part(raw, start, end)
        start = end + len(mark) + 2
        match raw[start - 2 : start]:
            case b"--" if not raw[start:].strip():
                return
            case b"\r\n":
                continue
            case _:
                raise _broken()
    raise InvalidInput(f"A form has at most {MAX_PARTS} parts.", code="invalid_form")


def _part(raw: bytes, start: int, end: int) -> tuple[str, str | Upload]:
    middle = raw.find(b"\r\n\r\n", start, min(end, start + MAX_HEAD_BYTES))
    if middle < 0:
        raise _broken()
    headers = _headers(raw[start:middle])
    named = _disposition(headers.get("content-disposition", ""))
    name = named.get("name", "")
    if not _NAME.fullmatch(name) or headers.get("content-transfer-encoding", "binary").lower() not in _AS_IT_IS:
        raise _broken()
    content = raw[middle + 4 : end]
    if "filename" not in named and "filename*" not in named:
        return name, _text(name, content)
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    ending = _ENDING.search(named.get("filename") or named.get("filename*") or "")
    is_known = _MEDIA_TYPE.fullmatch(media_type)
    return name, Upload(ending[0] if ending else "", media_type if is_known else "application/octet-stream", content)


_AS_IT_IS = ("binary", "8bit", "7bit")


def _headers(head: bytes) -> dict[str, str]:
    """By lower-case name. Raises InvalidInput for lines that are none, and for one that is there twice."""
    headers: dict[str, str] = {}
    for line in _decoded(head).split("\r\n"):
        name, colon, value = line.partition(":")
        if not colon or not name.isascii() or name != name.strip() or name.lower() in headers:
            raise _broken()
        headers[name.lower()] = value.strip()
    return headers


def _disposition(value: str) -> dict[str, str]:
    found = _DISPOSITION.fullmatch(value)
    pairs = _PARAMETER.findall(found[1]) if found else []
    if len({name.lower() for name, _, _ in pairs}) != len(pairs):
        raise _broken()
    return {name.lower(): quoted or plain for name, quoted, plain in pairs}


def _text(name: str, content: bytes) -> str:
    if len(content) > MAX_TEXT_BYTES:
        raise InvalidInput(f"{name} is longer than {MAX_TEXT_BYTES} bytes.", param=name)
    return _decoded(content)


def _decoded(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise _broken() from None


def _broken() -> InvalidInput:
    return InvalidInput("The form cannot be read: it is no proper multipart/form-data.", code="invalid_form")
