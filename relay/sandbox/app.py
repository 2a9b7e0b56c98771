"""The sandbox's ASGI application: ``uvicorn relay.sandbox.app:app``.

Routes: POST /v1/chat/completions and the paths of `services`, GET /v1/models (all want a bearer key: the one in
SANDBOX_KEY, or any when that is unset), GET /healthz, GET /stats. Everything else is a 404 in OpenAI's error shape.
"""

import hmac
import logging
import os
import time
from collections.abc import Awaitable, Callable

from .asgi import (
    Receive,
    Scope,
    Send,
    before_end,
    finishes_before_client_leaves,
    header,
    read_body,
    respond,
    respond_json,
)
from .behaviours import BEHAVIOURS, Behaviour
from .delivery import deliver
from .errors import Refusal
from .fields import Fields
from .forms import read_form
from .reply import write_reply
from .request import ChatRequest, json_object, parse
from .services import CREATED, FORMS, MODELS, SERVICES, Whole
from .stats import Stats

logger = logging.getLogger(__name__)
stats = Stats()


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        raise ValueError(f"The sandbox does not speak {scope['type']}.")
    route = ROUTES.get((scope["method"], scope["path"]), _nowhere)
    try:
        await route(scope, receive, send)
    except Refusal as refusal:
        await respond_json(send, refusal.status, refusal.body, refusal.headers)
    except Exception:
        logger.exception("The sandbox failed on %s", scope["path"])
        raise


async def _health(scope: Scope, receive: Receive, send: Send) -> None:
    await respond_json(send, 200, {"status": "ok"})


async def _stats(scope: Scope, receive: Receive, send: Send) -> None:
    await respond_json(send, 200, stats.snapshot())


async def _models(scope: Scope, receive: Receive, send: Send) -> None:
    _check_key(scope)
    summaries = {id: behaviour.summary for id, behaviour in BEHAVIOURS.items()} | MODELS
    models = [
        {"id": id, "object": "model", "created": CREATED, "owned_by": "sandbox", "description": summary}
        for id, summary in summaries.items()
    ]
    await respond_json(send, 200, {"object": "list", "data": models})


async def _chat(scope: Scope, receive: Receive, send: Send) -> None:
    with stats.request() as visit:
        body = await read_body(receive)
        _check_key(scope)
        request = parse(body)
        behaviour = _behaviour(request)
        visit.known(request.model, stream=request.stream)
        counting = before_end(send, lambda: visit.end("completed" if behaviour.completes else "failed"))
        if not await finishes_before_client_leaves(_answer(request, behaviour, counting), receive):
            visit.end("aborted")


async def _answer(request: ChatRequest, behaviour: Behaviour, send: Send) -> None:
    if behaviour.error is not None:
        return await respond_json(send, behaviour.error.status, behaviour.error.body, behaviour.error.headers)
    reply = write_reply(request, behaviour, number=stats.requests, created=int(time.time()))
    await deliver(reply, behaviour, send)


async def _service(scope: Scope, receive: Receive, send: Send) -> None:
    with stats.request() as visit:
        body = await read_body(receive)
        _check_key(scope)
        model, whole = _served(scope, body)
        visit.known(model, stream=False)
        counting = before_end(send, lambda: visit.end("completed"))
        await respond(counting, 200, whole.data, whole.content_type)


def _served(scope: Scope, body: bytes) -> tuple[str, Whole]:
    if scope["path"] in FORMS:
        form = read_form(body, header(scope, b"content-type"))
        model, make = FORMS[scope["path"]]
        _demand(form.texts.get("model", ""), model)
        return model, make(form)
    model, serve = SERVICES[scope["path"]]
    fields = Fields(json_object(body))
    _demand(fields.need("model", str), model)
    return model, serve(fields)


def _demand(asked: str, served: str) -> None:
    if asked != served:
        message = f"The sandbox has no model '{asked}' here. The one it has is {served}."
        raise Refusal(404, message, code="model_not_found", param="model")


async def _nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    message = f"The sandbox has no {scope['method']} {scope['path']}. Its base URL ends in /v1."
    raise Refusal(404, message, code="unknown_url")


def _behaviour(request: ChatRequest) -> Behaviour:
    behaviour = BEHAVIOURS.get(request.model)
    if behaviour is None:
        message = f"The sandbox has no model '{request.model}'. GET /v1/models lists those it has."
        raise Refusal(404, message, code="model_not_found", param="model")
    return behaviour


def _check_key(scope: Scope) -> None:
    scheme, _, key = header(scope, b"authorization").partition(" ")
    wanted = os.environ.get("SANDBOX_KEY")
    allowed = hmac.compare_digest(key.encode(), wanted.encode()) if wanted else bool(key.strip())
    if scheme.lower() != "bearer" or not allowed:
        message = "The sandbox wants an API key: send 'Authorization: Bearer <key>'."
        raise Refusal(401, message, type="authentication_error", code="invalid_api_key")


ROUTES: dict[tuple[str, str], Callable[[Scope, Receive, Send], Awaitable[None]]] = {
    ("GET", "/healthz"): _health,
    ("GET", "/stats"): _stats,
    ("GET", "/v1/models"): _models,
    ("POST", "/v1/chat/completions"): _chat,
    **{("POST", path): _service for path in (*SERVICES, *FORMS)},
}
