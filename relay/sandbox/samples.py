"""A JSON value that fits a JSON schema, the same one every time."""

import math
from collections.abc import Callable
from typing import Any

# A schema may refer to itself, or ask for a billion items: past these the sample stays as small as the schema allows.
SHALLOW = 4
DEEPEST = 12
MOST_NODES = 500
MOST_ITEMS = 16
LONGEST_STRING = 1_000
LARGEST_NUMBER = 2**53
SMALLEST_STEP = 1e-9

_FORMATS = {
    "date": "2026-01-31",
    "time": "09:30:00Z",
    "date-time": "2026-01-31T09:30:00Z",
    "duration": "PT15M",
    "email": "ada@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def sample(schema: dict[str, Any]) -> Any:
    """A value for the schema: const, enum, $ref, anyOf, oneOf, allOf, types, bounds, lengths and formats are honoured.

    Patterns, uniqueness and conditions (`not`, `if`) are not. Strings without a format say the name of their property.
    """
    return _Sampler(schema).value(schema, "value", 0)


class _Sampler:
    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._nodes = 0
        self._makers: dict[str, Callable[[dict[str, Any], str, int], Any]] = {
            "object": self._object,
            "array": self._array,
            "string": lambda schema, name, depth: _string(schema, name),
            "integer": lambda schema, name, depth: _integer(schema),
            "number": lambda schema, name, depth: _number(schema),
            "boolean": lambda schema, name, depth: True,
        }

    def value(self, schema: Any, name: str, depth: int) -> Any:
        self._nodes += 1
        if depth > DEEPEST or self._nodes > MOST_NODES:
            return None
        plain = self._resolve(schema)
        if "const" in plain:
            return plain["const"]
        if options := _list(plain, "enum"):
            return options[0]
        if branches := _list(plain, "anyOf") or _list(plain, "oneOf"):
            return self.value(_branch(branches, depth), name, depth + 1)
        maker = self._makers.get(_kind(plain))
        return maker(plain, name, depth) if maker else None

    def _resolve(self, schema: Any) -> dict[str, Any]:
        """The schema without $ref and allOf; a boolean schema accepts anything."""
        for _ in range(DEEPEST):
            if not isinstance(schema, dict) or not isinstance(schema.get("$ref"), str):
                break
            schema = self._pointed_at(schema["$ref"])
        if not isinstance(schema, dict):
            return {}
        return self._merged(schema, _list(schema, "allOf"))

    def _merged(self, schema: dict[str, Any], parts: list[Any]) -> dict[str, Any]:
        merged = dict(schema)
        for part in parts:
            referred = part.get("$ref") if isinstance(part, dict) else None
            extra = self._pointed_at(referred) if isinstance(referred, str) else part
            if isinstance(extra, dict):
                properties = {**_dict(merged, "properties"), **_dict(extra, "properties")}
                required = [*_list(merged, "required"), *_list(extra, "required")]
                merged = {**extra, **merged, "properties": properties, "required": required}
        return merged

    def _pointed_at(self, pointer: str) -> Any:
        node: Any = self._root
        for step in pointer.removeprefix("#").split("/")[1:]:
            node = node.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(node, dict) else None
        return node

    def _object(self, schema: dict[str, Any], name: str, depth: int) -> dict[str, Any]:
        properties = _dict(schema, "properties")
        if depth > SHALLOW:
            required = _list(schema, "required")
            properties = {key: value for key, value in properties.items() if key in required}
        return {key: self.value(value, key, depth + 1) for key, value in properties.items()}

    def _array(self, schema: dict[str, Any], name: str, depth: int) -> list[Any]:
        first = _list(schema, "prefixItems")
        least = min(int(_bound(schema, "minItems", 0)), MOST_ITEMS)
        wanted = max(least, len(first)) if depth > SHALLOW else max(least, len(first), 1)
        length = max(min(wanted, int(_bound(schema, "maxItems", wanted))), 0)
        forms = [*first, *[schema.get("items")] * length][:length]
        return [self.value(form, name, depth + 1) for form in forms]


def _branch(branches: list[Any], depth: int) -> Any:
    """The first branch; far down the one that ends there, if one does."""
    if depth > SHALLOW:
        for branch in branches:
            if isinstance(branch, dict) and branch.get("type") == "null":
                return branch
    return branches[0]


def _kind(schema: dict[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((item for item in kind if item != "null"), "null")
    if isinstance(kind, str):
        return kind
    if "properties" in schema:
        return "object"
    return "array" if "items" in schema else "string"


def _string(schema: dict[str, Any], name: str) -> str:
    known = schema.get("format")
    if isinstance(known, str) and known in _FORMATS:
        return _FORMATS[known]
    text = f"sample {name.replace('_', ' ')}"
    least = min(int(_bound(schema, "minLength", 0)), LONGEST_STRING)
    return text.ljust(least, ".")[: max(int(_bound(schema, "maxLength", LONGEST_STRING)), 0)]


def _integer(schema: dict[str, Any]) -> int:
    low = math.ceil(_bound(schema, "minimum", -LARGEST_NUMBER))
    low = max(low, math.floor(_bound(schema, "exclusiveMinimum", -LARGEST_NUMBER)) + 1)
    high = math.floor(_bound(schema, "maximum", LARGEST_NUMBER))
    high = min(high, math.ceil(_bound(schema, "exclusiveMaximum", LARGEST_NUMBER)) - 1)
    step = max(int(_bound(schema, "multipleOf", 1)), 1)
    near = max(low, min(1, high))
    upwards = math.ceil(near / step) * step
    return upwards if upwards <= high else high // step * step


def _number(schema: dict[str, Any]) -> float:
    low = max(_bound(schema, "minimum", -LARGEST_NUMBER), _bound(schema, "exclusiveMinimum", -LARGEST_NUMBER))
    high = min(_bound(schema, "maximum", LARGEST_NUMBER), _bound(schema, "exclusiveMaximum", LARGEST_NUMBER))
    inner = _inside(low, high)
    step = _bound(schema, "multipleOf", 0)
    if step < SMALLEST_STEP:
        return inner
    upwards = math.ceil(inner / step) * step
    return upwards if upwards <= high else math.floor(inner / step) * step


def _inside(low: float, high: float) -> float:
    """A number between the two, neither of them unless they are one; 1.5 if possible, else close to the nearer one."""
    if low < 1.5 < high:
        return 1.5
    middle = (low + high) / 2
    return min(low + 1, middle) if low >= 1.5 else max(high - 1, middle)


def _bound(schema: dict[str, Any], key: str, otherwise: float) -> float:
    value = schema.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return otherwise
    return max(-LARGEST_NUMBER, min(value, LARGEST_NUMBER))


def _list(schema: dict[str, Any], key: str) -> list[Any]:
    value = schema.get(key)
    return value if isinstance(value, list) else []


def _dict(schema: dict[str, Any], key: str) -> dict[str, Any]:
    value = schema.get(key)
    return value if isinstance(value, dict) else {}
