"""What Stripe accepts: the request schemas of the calls that we make, out of its own OpenAPI description.

`requests.json` is from `spec3.json` of https://github.com/stripe/openapi, version 2026-08-26.dahlia, without its prose;
the licence is beside it. One name is changed, as version 2026-09-30.endive changed it: what a new session calls
`allowed_payment_method_types` was `payment_method_types`.
"""

import json
import re
from pathlib import Path
from urllib.parse import parse_qsl

from jsonschema import Draft202012Validator

SCHEMAS = json.loads((Path(__file__).parent / "requests.json").read_text(encoding="utf-8"))


def read(method, path, form):
    """The parameters of a form or a query, and what Stripe would find wrong with them."""
    schema = _schema(method, path)
    if schema is None:
        return {}, [f"{method} {path} is no call of ours"]
    values = _coerced(_nested(form), schema)
    errors = Draft202012Validator(schema).iter_errors(values)
    return values, [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in errors]


def _schema(method, path):
    for call, schema in SCHEMAS.items():
        called, template = call.split(" ")
        if called == method and re.fullmatch(re.sub(r"\\?\{\w+\\?\}", "[^/]+", template), path):
            return _closed(schema)
    return None


def _closed(schema):
    """Stripe refuses a name that it does not know at any depth; its description says so at the first one only."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(value) for name, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed


def _nested(form):
    """`a[b][0]=c` as {"a": {"b": ["c"]}}."""
    values = {}
    for name, value in parse_qsl(form, keep_blank_values=True, strict_parsing=bool(form)):
        *parents, last = re.findall(r"[^\[\]]+", name)
        place = values
        for parent in parents:
            place = place.setdefault(parent, {})
        assert last not in place, f"{name} is given twice"
        place[last] = value
    return _listed(values)


def _listed(value):
    if not isinstance(value, dict):
        return value
    if value and all(name.isdigit() for name in value):
        return [_listed(value[name]) for name in sorted(value, key=int)]
    return {name: _listed(item) for name, item in value.items()}


def _coerced(value, schema):
    """Text of a form as the type that the schema wants, where it can be read so."""
    if isinstance(value, dict):
        properties, rest = schema.get("properties", {}), schema.get("additionalProperties")
        rest = rest if isinstance(rest, dict) else {}
        return {name: _coerced(item, properties.get(name, rest)) for name, item in value.items()}
    if isinstance(value, list):
        return [_coerced(item, schema.get("items", {})) for item in value]
    if schema.get("type") == "integer" and re.fullmatch(r"-?\d+", value):
        return int(value)
    if schema.get("type") == "boolean" and value in ("true", "false"):
        return value == "true"
    return value
