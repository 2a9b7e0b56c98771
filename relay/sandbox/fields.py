"""Typed reading of a JSON request; whatever has the wrong type is refused by its path."""

from typing import Any, TypeVar

from .errors import BadRequest

T = TypeVar("T")

_NAMES = {str: "a string", int: "an integer", bool: "a boolean", list: "an array", dict: "an object"}


class Fields:
    """The members of one JSON object. A missing member and a null one are the same."""

    def __init__(self, values: dict[str, Any], path: str = "") -> None:
        self._values = values
        self._path = path

    def path(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def raw(self, name: str) -> Any:
        return self._values.get(name)

    def get(self, name: str, kind: type[T]) -> T | None:
        """The member, or None. The type must match exactly: true is no integer."""
        value = self._values.get(name)
        if value is None:
            return None
        if type(value) is not kind:
            raise BadRequest(f"'{self.path(name)}' must be {_NAMES[kind]}.", self.path(name))
        return value

    def need(self, name: str, kind: type[T]) -> T:
        value = self.get(name, kind)
        if value is None:
            raise BadRequest(f"'{self.path(name)}' is required.", self.path(name))
        return value

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        value = self.need(name, str)
        if value not in allowed:
            raise BadRequest(f"'{self.path(name)}' must be one of {', '.join(allowed)}.", self.path(name))
        return value

    def between(self, name: str, low: int, high: int) -> int | None:
        value = self.get(name, int)
        if value is not None and not low <= value <= high:
            raise BadRequest(f"'{self.path(name)}' must lie between {low} and {high}.", self.path(name))
        return value

    def object(self, name: str) -> "Fields | None":
        values = self.get(name, dict)
        return None if values is None else Fields(values, self.path(name))

    def need_object(self, name: str) -> "Fields":
        return Fields(self.need(name, dict), self.path(name))

    def objects(self, name: str) -> list["Fields"]:
        """The members of an array of objects; none when the array is missing."""
        fields = []
        for position, item in enumerate(self.get(name, list) or []):
            path = f"{self.path(name)}[{position}]"
            if type(item) is not dict:
                raise BadRequest(f"'{path}' must be an object.", path)
            fields.append(Fields(item, path))
        return fields
