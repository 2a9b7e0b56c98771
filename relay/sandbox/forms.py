"""Reads a form with a file, as far as the sandbox needs it."""

import re
from dataclasses import dataclass

from .errors import BadRequest

_FILES = ("file", "image", "image[]")
_NAME = re.compile(rb'[; ]name="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Form:
    """The content of `file` or `image`, and the fields that are text."""

    file: bytes
    texts: dict[str, str]


def read_form(body: bytes, content_type: str) -> Form:
    """Raises BadRequest."""
    boundary = content_type.partition("boundary=")[2].strip('"').encode()
    if not content_type.startswith("multipart/form-data") or not boundary:
        raise BadRequest("The body must be multipart/form-data.", code="invalid_form")
    values: dict[str, bytes] = {}
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary)[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        if name := _NAME.search(head):
            values[name[1].decode()] = content
    file = next((values.pop(name) for name in _FILES if values.get(name)), b"")
    if not file:
        raise BadRequest("A file is required.", "file")
    return Form(file, {name: content.decode(errors="replace") for name, content in values.items()})
