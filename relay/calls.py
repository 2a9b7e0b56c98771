"""How one target is asked: in the caller's own dialect where it can be, else through a chat completion. Pure."""

import re
from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, Protocol

import orjson

from config.kernel.errors import InvalidInput
from config.kernel.money import NanoUSD
from relay.dialects.base import JSON, Conversion, Dialect, RelayRequest, StreamMeter
from relay.dialects.chat import CHAT
from relay.dialects.converting import ConvertingMeter
from relay.dialects.cost import with_cost
from relay.dialects.private import public, tells_private
from relay.overrides import merge
from relay.routing import Target

LIMITS = ("max_completion_tokens", "max_tokens")
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_COMPLETION_LIMIT = re.compile(r"(.*/)?(o\d|gpt-[5-9])")  # models that refuse max_tokens, whoever serves them


class Call(Protocol):
    """One request as one upstream gets it, and its answer as the caller does."""

    @property
    def spoken(self) -> Dialect:
        """The dialect in which the upstream is asked."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The caller's own that go with it."""

    @property
    def content_type(self) -> str:
        """Of the body."""

    def body(self, target: Target, *, max_tokens: int | None) -> bytes:
        """What to send. `max_tokens` is given where the balance affords less than the model's longest answer."""

    def meter(self) -> StreamMeter:
        """Watches the stream that answers."""

    def whole(self, raw: bytes, answer: Mapping[str, Any], charge: NanoUSD) -> bytes:
        """A whole answer for the caller."""


class Calls:
    """How the targets of one request are asked."""

    def __init__(
        self, dialect: Dialect, request: RelayRequest, *, request_id: str, headers: Mapping[str, str] = _NO_HEADERS
    ) -> None:
        self._dialect = dialect
        self._native = Native(dialect, request, headers)
        self._converted = Converted(dialect, request, request_id)

    def of(self, target: Target) -> Call:
        return self._native if self._is_native(target) else self._converted

    def possible(self, targets: tuple[Target, ...]) -> tuple[Target, ...]:
        """The targets that can be asked this at all. Raises InvalidInput when none is left."""
        if all(map(self._is_native, targets)):
            return targets
        try:
            self._converted.prepare()
        except InvalidInput:
            targets = tuple(filter(self._is_native, targets))
            if not targets:
                raise
        return targets

    def _is_native(self, target: Target) -> bool:
        return self._dialect.is_native and self._dialect.endpoint in target.speaks


class Native:
    """Passes through: the fields the caller sent, but for what must be said otherwise; the answer as it comes."""

    def __init__(self, dialect: Dialect, request: RelayRequest, headers: Mapping[str, str]) -> None:
        self.spoken = dialect
        self.headers = dialect.headers(headers) if dialect.headers else _NO_HEADERS
        self.content_type = request.content_type
        self._request = request

    def body(self, target: Target, *, max_tokens: int | None) -> bytes:
        return body_of(self.spoken, self._request, target, max_tokens=max_tokens)

    def meter(self) -> StreamMeter:
        assert self.spoken.new_meter is not None, "this dialect is never streamed"
        return self.spoken.new_meter(self._request)

    def whole(self, raw: bytes, answer: Mapping[str, Any], charge: NanoUSD) -> bytes:
        if self._request.wants_cost:
            return orjson.dumps(with_cost(public(answer), charge))
        return orjson.dumps(public(answer)) if tells_private(answer) else raw


class Converted:
    """Asks for a chat completion and tells its answer in the caller's dialect."""

    spoken = CHAT
    headers = _NO_HEADERS
    content_type = JSON

    def __init__(self, dialect: Dialect, request: RelayRequest, request_id: str) -> None:
        self._dialect = dialect
        self._request = request
        self._terms: dict[str, Any] = {
            "payload": request.payload,
            "model": request.model,
            "request_id": request_id,
        }

    @property
    def _conversion(self) -> Conversion:
        assert self._dialect.conversion is not None, "routing found a channel that cannot serve this"
        return self._dialect.conversion

    def prepare(self) -> None:
        """Raises InvalidInput for what cannot be said in a chat completion."""
        self._chat  # noqa: B018 - kept for the body

    @cached_property
    def _chat(self) -> RelayRequest:
        raw = dumped({**self._conversion.chat_payload(self._request.payload), "model": self._request.model})
        return CHAT.parse(raw)

    def body(self, target: Target, *, max_tokens: int | None) -> bytes:
        return body_of(CHAT, self._chat, target, max_tokens=max_tokens)

    def meter(self) -> StreamMeter:
        return ConvertingMeter(self._conversion.stream(**self._terms), shows_cost=self._request.wants_cost)

    def whole(self, raw: bytes, answer: Mapping[str, Any], charge: NanoUSD) -> bytes:
        told = self._conversion.answer(answer, **self._terms)
        return orjson.dumps(with_cost(told, charge) if self._request.wants_cost else told)


def body_of(spoken: Dialect, request: RelayRequest, target: Target, *, max_tokens: int | None) -> bytes:
    """The body in the dialect that the upstream speaks: written anew, never the caller's bytes.

    Where those name a field twice, an upstream could read another one than was checked here, and priced.
    """
    changes = {} if target.upstream_model == request.model else {"model": target.upstream_model}
    changes |= _limit(spoken, request, target, max_tokens)
    changes |= spoken.adjust(request) if spoken.adjust else {}
    body = {name: value for name, value in (request.payload | changes).items() if changes.get(name, "") is not None}
    body = merge(body, target.body_overrides) if target.body_overrides else body
    return dumped(body) if spoken.write is None else spoken.write(request, body)


def dumped(body: dict[str, Any]) -> bytes:
    """JSON; orjson reads more levels of nesting than it writes. Raises InvalidInput."""
    try:
        return orjson.dumps(body)
    except TypeError:
        raise InvalidInput("The request is nested too deep.", code="invalid_json") from None


def _limit(spoken: Dialect, request: RelayRequest, target: Target, max_tokens: int | None) -> dict[str, Any]:
    """The longest answer by the name it has at the upstream: one that is not understood there limits nothing."""
    if spoken.limit_field:
        return {} if max_tokens is None else {spoken.limit_field: max_tokens}
    if spoken is not CHAT:
        return {}
    refuses_older = _COMPLETION_LIMIT.match(target.upstream_model)
    field = "max_completion_tokens" if refuses_older else target.limit_field
    if max_tokens is None and field == "max_completion_tokens" and not refuses_older:
        return {}  # both are understood
    (other,) = (name for name in LIMITS if name != field)
    asked = request.payload.get(other) if max_tokens is None else max_tokens
    if asked is None or (max_tokens is None and request.payload.get(field) is not None):
        return {}
    return {field: asked, other: None}
