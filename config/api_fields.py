"""Fields of JSON bodies that take one type and coerce nothing: `5` is no text, `"5"` no number, `true` neither."""

import re
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")  # half a surrogate pair can arrive in JSON, and no database takes it


@extend_schema_field(OpenApiTypes.STR)
class Text(serializers.Field[str, Any, str, Any]):
    """A string, as it was sent."""

    default_error_messages = {
        "invalid": _("This has to be a string."),
        "characters": _("This has characters that can't be stored."),
        "too_long": _("This has more than {max} characters."),
    }

    def __init__(self, *, max_length: int = 1000, **options: Any) -> None:
        super().__init__(**options)
        self.max_length = max_length

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        if len(data) > self.max_length:
            self.fail("too_long", max=self.max_length)
        if _NOT_STORABLE.search(data):
            self.fail("characters")
        return data


@extend_schema_field(OpenApiTypes.INT64)
class WholeNumber(serializers.Field[int, Any, int, Any]):
    """An integer of any size."""

    default_error_messages = {"invalid": _("This has to be a whole number.")}

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return data


@extend_schema_field(OpenApiTypes.BOOL)
class Flag(serializers.Field[bool, Any, bool, Any]):
    """True or false."""

    default_error_messages = {"invalid": _("This has to be true or false.")}

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid")
        return data


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class TextList(serializers.Field[list[str], Any, list[str], Any]):
    """A list of strings."""

    default_error_messages = {"invalid": _("This has to be a list of strings.")}

    def to_internal_value(self, data: Any) -> list[str]:
        if not isinstance(data, list) or not all(isinstance(item, str) for item in data):
            self.fail("invalid")
        return data
