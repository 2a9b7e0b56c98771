"""The OpenAPI document of the site API: what `documented` says of each operation, in the envelope they share."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, TypeVar

from django.utils.functional import Promise
from django.utils.translation import override
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers

F = TypeVar("F", bound=Callable[..., Any])
Shape = serializers.BaseSerializer[Any] | type[serializers.BaseSerializer[Any]] | serializers.Field[Any, Any, Any, Any]


class Problem(serializers.Serializer[Any]):
    """What went wrong: a stable code, a sentence for the buyer, and complaints by field where there are any."""

    code = serializers.CharField()
    message = serializers.CharField()
    details = serializers.DictField(child=serializers.ListField(child=serializers.CharField()), required=False)


class Failure(serializers.Serializer[Any]):
    """The envelope of every failure."""

    ok = serializers.BooleanField()
    error = Problem()


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call] # registers itself
    """The console's session."""

    target_class = "config.api.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "The cookie of somebody signed in. What writes needs the CSRF token as `X-CSRFToken` too.",
        }


def documented(
    *,
    name: str,
    tag: str | Promise,
    summary: str | Promise,
    answer: Mapping[str, Shape],
    request: Any = None,
    status: int = 200,
    failures: Iterable[tuple[int, str]] = (),
) -> Callable[[F], F]:
    """Describe a method of a view. `answer` are the fields beside `ok`; `failures` are statuses with their codes.

    `tag` and `summary` are lazy translations: they are what a reader sees first.
    """
    fields: dict[str, Any] = {"ok": serializers.BooleanField(), **answer}
    responses: dict[int, Any] = {status: inline_serializer(_component(name), fields)}
    for code_status, codes in _by_status(failures, has_body=request is not None).items():
        responses[code_status] = OpenApiResponse(Failure, description=", ".join(f"`{code}`" for code in codes))
    tags: list[Any] = [tag]  # the generator makes text of what is lazy
    return extend_schema(operation_id=name, tags=tags, summary=summary, request=request, responses=responses)


class Schema(AutoSchema):
    """The document's operations. The docstring of a view speaks to who reads the code, not of one of its methods."""

    def get_description(self) -> str:  # type: ignore[override]
        return ""


@cache
def document(language: str = "en") -> dict[str, Any]:
    """The whole document with its headings in a language; the same for everybody and as long as the process lives."""
    with override(language):
        generator = SchemaGenerator(urlconf="config.api_urls")  # type: ignore[no-untyped-call]
        made: dict[str, Any] = generator.get_schema(public=True)  # type: ignore[no-untyped-call]
    return made


def _component(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_")) + "Answer"


def _by_status(failures: Iterable[tuple[int, str]], *, has_body: bool) -> dict[int, list[str]]:
    of_bodies = [(400, "invalid_payload"), (413, "request_too_large")] if has_body else []
    found: dict[int, list[str]] = {}
    for status, code in [*failures, *of_bodies, (429, "RATE_LIMIT"), (500, "SERVER_ERROR")]:
        found.setdefault(status, []).append(code)
    return dict(sorted(found.items()))
