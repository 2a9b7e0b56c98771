"""The sandbox's ASGI application: ``uvicorn relay.sandbox.app:app``.

Routes: POST /v1/chat/completions, GET /v1/models (both want a bearer key: the one in SANDBOX_KEY, or any when that is
unset), GET /healthz, GET /stats. Everything else is a 404 in OpenAI's error shape.
"""

import hmac
import logging
import os
import time
from collections.abc import Awaitable, Callable

from .asgi import Receive, Scope, Send, before_end, finishes_before_client_leaves, header, read_body, respond_json
from .behaviours import BEHAVIOURS, Behaviour
from .delivery import deliver
from .errors import Refusal
from .reply import write_reply
from .request import ChatRequest, parse
from .stats import Stats

CREATED = 1_767_225_600  # 2026-01-01, the birthday of every model in the list

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
    models = [
        {"id": id, "object": "model", "created": CREATED, "owned_by": "sandbox", "description": behaviour.summary}
        for id, behaviour in BEHAVIOURS.items()
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
}
