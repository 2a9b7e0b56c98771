"""Fields of JSON bodies that take one type and coerce nothing: `5` is no text, `"5"` no number, `true` neither."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers


class Text(serializers.Field[str, Any, str, Any]):
    """A string, as it was sent."""

    default_error_messages = {"invalid": _("This has to be a string.")}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return data


class WholeNumber(serializers.Field[int, Any, int, Any]):
    """An integer of any size."""

    default_error_messages = {"invalid": _("This has to be a whole number.")}

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return data


class TextList(serializers.Field[list[str], Any, list[str], Any]):
    """A list of strings."""

    default_error_messages = {"invalid": _("This has to be a list of strings.")}

    def to_internal_value(self, data: Any) -> list[str]:
        if not isinstance(data, list) or not all(isinstance(item, str) for item in data):
            self.fail("invalid")
        return data
