"""The OpenAI-compatible API: DRF views with a short asynchronous dispatch of their own."""

import logging
from typing import Any

import orjson
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from rest_framework.views import APIView

from config.kernel.errors import DomainError, NotFound
from config.kernel.money import decimal_usd
from relay.asgi import EventStream
from relay.authentication import KeyAuthentication
from relay.dialects.base import JSON, Dialect
from relay.dialects.chat import CHAT
from relay.dialects.messages import MESSAGES, parse_count
from relay.endpoints import Endpoint
from relay.errors import InternalError, error_object, error_response
from relay.exchange import Exchange
from relay.limits import Gate
from relay.openapi import document
from relay.runtime import current
from tokens import sites
from tokens.selectors import TokenSnapshot

logger = logging.getLogger("tollbooth.relay")

_PATHS = sorted(
    (
        *(endpoint.path for endpoint in Endpoint),
        *("/messages/count_tokens", "/models", "/dashboard/billing/subscription", "/dashboard/billing/usage"),
    ),
    key=len,
    reverse=True,
)


class MethodNotAllowed(DomainError):
    status = 405
    default_code = "method_not_allowed"


class RelayView(APIView):
    """Authenticate, call the handler, turn any exception into OpenAI's error shape.

    DRF's stock dispatch negotiates content types and finalises responses: 406 for an SDK that accepts event streams,
    and more CPU than the rest of the request. Neither is wanted here.
    """

    authentication_classes = (KeyAuthentication,)
    http_method_names = ("get", "head", "post")
    gate: Gate | None = None  # the caller's, once there is one
    view_is_async = True  # Django looks for handlers, and an unknown path has none

    async def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        try:
            response: HttpResponseBase = await self.handle(request, *args, **kwargs)
        except Exception as error:
            response = self.handle_exception(error)
        if self.gate is not None:
            for name, value in (await self.gate.headers()).items():
                response.headers[name] = value
        return response

    async def handle(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Identify the caller and call the method's handler."""
        handler = self.handler_of(request)
        caller = await self.identify(request)
        self.gate = Gate(current().limiter, caller, id=str(request.id))  # type: ignore[attr-defined]
        return await handler(request, caller, *args, **kwargs)  # type: ignore[no-any-return]

    def handler_of(self, request: HttpRequest) -> Any:
        """What answers the request's method. Raises MethodNotAllowed."""
        if request.method not in self.allowed_methods:
            raise MethodNotAllowed(f"{request.method} is not allowed here. Use {' or '.join(self.allowed_methods)}.")
        return getattr(self, request.method.lower())

    async def identify(self, request: HttpRequest) -> TokenSnapshot:
        """The caller's token, by the view's one authentication class."""
        return await self.authentication_classes[0]().identify(request)

    def handle_exception(self, error: Exception) -> HttpResponse:  # type: ignore[override]
        """The answer of a failure; an unforeseen one is logged and told without its text."""
        if not isinstance(error, DomainError):
            logger.error("unhandled error in the relay", exc_info=error)
            error = InternalError("Something went wrong on our side. Please retry.")
        if error.page:
            error.message += f" {sites.brand_of_call(self.request).site_url}{error.page}"
        response = error_response(error, body=self.error_body(error))
        if isinstance(error, MethodNotAllowed):
            response.headers["Allow"] = ", ".join(self.allowed_methods)
        return response

    def error_body(self, error: DomainError) -> dict[str, Any]:
        """The error in the shape of the endpoint's dialect."""
        return error_object(error)


class Generation(RelayView):
    """Asks a model, in the dialect that `as_view` is given; also pinned to one provider's channels."""

    dialect: Dialect = CHAT

    async def post(self, request: HttpRequest, caller: TokenSnapshot, provider: str | None = None) -> HttpResponseBase:
        assert self.gate is not None
        if provider is not None:
            check_provider(provider)
        exchange = Exchange(
            id=request.id,  # type: ignore[attr-defined]
            runtime=current(),
            caller=caller,
            dialect=self.dialect,
            request=self.dialect.parse(request.body),
            gate=self.gate,
            headers=request.headers if self.dialect.headers else {},
            provider=provider,
        )
        await exchange.begin()
        response = await (_streamed(exchange) if exchange.is_stream else _whole(exchange))
        if exchange.max_tokens is not None:
            response.headers["X-Tollbooth-Max-Tokens"] = str(exchange.max_tokens)
        return response

    def error_body(self, error: DomainError) -> dict[str, Any]:
        return self.dialect.error_body(error)


class CountTokens(RelayView):
    """`POST /v1/messages/count_tokens`: our own count; free, and asks no upstream."""

    async def post(self, request: HttpRequest, caller: TokenSnapshot) -> HttpResponse:
        return _json({"input_tokens": parse_count(request.body).prompt_estimate})

    def error_body(self, error: DomainError) -> dict[str, Any]:
        return MESSAGES.error_body(error)


async def _streamed(exchange: Exchange) -> EventStream:
    return EventStream(await exchange.stream(), on_close=exchange.abandon)


async def _whole(exchange: Exchange) -> HttpResponse:
    answer = await exchange.whole()
    response = HttpResponse(answer.body, content_type=answer.content_type)
    response.headers["X-Tollbooth-Cost"] = decimal_usd(answer.charge)
    return response


class ModelList(RelayView):
    """`GET /v1/models`: what this key may call, of all providers or of one."""

    async def get(self, request: HttpRequest, caller: TokenSnapshot, provider: str | None = None) -> HttpResponse:
        if provider is not None:
            check_provider(provider)
        names = callable_models(caller, provider=provider)
        return _json({"object": "list", "data": [_model_object(name) for name in names]})


class ModelDetail(RelayView):
    """`GET /v1/models/{id}`."""

    async def get(
        self, request: HttpRequest, caller: TokenSnapshot, model: str, provider: str | None = None
    ) -> HttpResponse:
        if model not in callable_models(caller, provider=provider):
            raise NotFound(
                f"The model {model} does not exist or is not offered to this key.",
                code="model_not_found",
                param="model",
            )
        return _json(_model_object(model))


class OpenApi(RelayView):
    """`GET /v1/openapi.json`: the document of this API, for anybody."""

    async def handle(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return await self.handler_of(request)(request)  # type: ignore[no-any-return]

    async def get(self, request: HttpRequest) -> HttpResponse:
        brand = sites.brand_of_call(request)
        return _json(document(title=brand.name, url=brand.api_base_url))


class UnknownPath(RelayView):
    """Everything else under the relay's prefix: say which address was probably meant."""

    async def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        meant = next((path for path in _PATHS if request.path.rstrip("/").endswith(path)), None)
        base_url = sites.brand_of_call(request).api_base_url
        hint = f"Use {base_url}{meant}" if meant else f"The base URL of this API is {base_url}"
        return error_response(
            NotFound(f"There is nothing at {request.method} {request.path[:200]}. {hint}", code="unknown_url")
        )


def callable_models(caller: TokenSnapshot, *, provider: str | None = None) -> list[str]:
    """Models with a price and an enabled channel in the key's groups, within the key's own list."""
    runtime, now = current(), timezone.now()
    offered = runtime.routing.value.models_of(caller.groups, provider=provider)
    if caller.models_allowed:
        offered &= caller.models_allowed
    return sorted(model for model in offered if runtime.prices.value.price_of(model, at=now))


def check_provider(provider: str) -> None:
    """Raises NotFound naming the providers there are."""
    known = current().routing.value.providers
    if provider not in known:
        names = ", ".join(sorted(known))
        raise NotFound(f"There is no provider {provider[:80]} here. Providers: {names}.", code="provider_not_found")


def _model_object(model: str) -> dict[str, Any]:
    return {"id": model, "object": "model", "created": 0, "owned_by": settings.SITE_NAME.lower()}


def _json(value: Any) -> HttpResponse:
    return HttpResponse(orjson.dumps(value), content_type=JSON)
