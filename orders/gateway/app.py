"""The gateway as an ASGI application: which handler answers what, and the faults that concern every call."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from . import control, epay, epay_v2, pages, stripe, xunhupay
from .dialect import Dialect
from .faults import NONE
from .merchants import EPAY, EPAY_V2, STRIPE, XUNHUPAY
from .till import FOREIGN, Call, Gateway
from .web import (
    HTML,
    TEXT,
    ClientLeft,
    Receive,
    Refused,
    Request,
    Response,
    Scope,
    Send,
    pattern,
    read,
    redirect,
    until_client_leaves,
    write,
)

Handler = Callable[[Gateway, Call], Awaitable[Response]]

logger = logging.getLogger(__name__)

DIALECTS: Mapping[str, Dialect] = {XUNHUPAY: xunhupay, EPAY: epay, EPAY_V2: epay_v2, STRIPE: stripe}
PAGE, CONTROL = "page", "control"
REFUSALS = {PAGE: pages.refusal, CONTROL: control.refusal, **{name: each.refusal for name, each in DIALECTS.items()}}

# Method, path, handler, whose words a refusal is in, and which faults concern it.
TABLE: tuple[tuple[str, str, Handler, str, str], ...] = (
    ("GET", "/", pages.home, PAGE, ""),
    ("GET", "/style.css", pages.style, PAGE, ""),
    ("GET", "/pay/{id}", pages.show, PAGE, ""),
    ("POST", "/pay/{id}", pages.choose, PAGE, ""),
    ("GET", "/qr/{id}", pages.picture, PAGE, ""),
    ("POST", "/payment/do.html", xunhupay.create, XUNHUPAY, "create"),
    ("GET", "/payment/query.html", xunhupay.query, XUNHUPAY, "query"),
    ("POST", "/payment/query.html", xunhupay.query, XUNHUPAY, "query"),
    ("POST", "/payment/refund.html", xunhupay.refund, XUNHUPAY, "refund"),
    ("POST", "/mapi.php", epay.create, EPAY, "create"),
    ("GET", "/submit.php", epay.submit, EPAY, ""),
    ("POST", "/submit.php", epay.submit, EPAY, ""),
    ("GET", "/api.php", epay.query, EPAY, "query"),
    ("POST", "/api.php", epay.refund, EPAY, "refund"),
    ("POST", "/api/pay/create", epay_v2.create, EPAY_V2, "create"),
    ("POST", "/api/pay/query", epay_v2.query, EPAY_V2, "query"),
    ("POST", "/api/pay/refund", epay_v2.refund, EPAY_V2, "refund"),
    ("POST", "/api/pay/refundquery", epay_v2.refund_query, EPAY_V2, "query"),
    ("POST", "/api/pay/close", epay_v2.close, EPAY_V2, "close"),
    ("POST", "/v1/checkout/sessions", stripe.create_session, STRIPE, "create"),
    ("GET", "/v1/checkout/sessions", stripe.list_sessions, STRIPE, "query"),
    ("GET", "/v1/checkout/sessions/{id}", stripe.read_session, STRIPE, "query"),
    ("POST", "/v1/checkout/sessions/{id}/expire", stripe.expire_session, STRIPE, "close"),
    ("POST", "/v1/refunds", stripe.create_refund, STRIPE, "refund"),
    ("GET", "/v1/refunds", stripe.list_refunds, STRIPE, "query"),
    ("GET", "/v1/refunds/{id}", stripe.read_refund, STRIPE, "query"),
    ("GET", "/v1/payment_intents/{id}", stripe.read_intent, STRIPE, "query"),
    ("GET", "/v1/charges/{id}", stripe.read_charge, STRIPE, "query"),
    ("GET", "/control/merchants", control.merchants, CONTROL, ""),
    ("POST", "/control/merchants/{id}", control.set_webhook, CONTROL, ""),
    ("GET", "/control/payments", control.payments, CONTROL, ""),
    ("GET", "/control/payments/{id}", control.payment, CONTROL, ""),
    ("POST", "/control/payments/{id}/pay", control.pay, CONTROL, ""),
    ("POST", "/control/payments/{id}/settle", control.settle, CONTROL, ""),
    ("POST", "/control/payments/{id}/expire", control.expire, CONTROL, ""),
    ("POST", "/control/payments/{id}/refund", control.refund, CONTROL, ""),
    ("POST", "/control/payments/{id}/dispute", control.dispute, CONTROL, ""),
    ("POST", "/control/payments/{id}/dispute/close", control.close_dispute, CONTROL, ""),
    ("POST", "/control/payments/{id}/notify", control.notify, CONTROL, ""),
    ("POST", "/control/payments/{id}/tell", control.tell, CONTROL, ""),
    ("POST", "/control/refunds/{id}/finish", control.finish_refund, CONTROL, ""),
    ("GET", "/control/messages", control.messages, CONTROL, ""),
    ("POST", "/control/messages/{id}/send", control.send, CONTROL, ""),
    ("POST", "/control/release", control.release, CONTROL, ""),
    ("GET", "/control/faults", control.faults, CONTROL, ""),
    ("POST", "/control/faults", control.order_fault, CONTROL, ""),
    ("DELETE", "/control/faults", control.forget_faults, CONTROL, ""),
    ("GET", "/control/statement", control.statement, CONTROL, ""),
    ("POST", "/control/reset", control.reset, CONTROL, ""),
)

BROKEN = {
    "error": Response(b"Internal Server Error", 500, TEXT),
    "down": Response(b"Service Unavailable", 503, TEXT),
    "html": Response(b"<!doctype html><title>Gateway</title><h1>Under maintenance</h1>", 200, HTML),
    "redirect": redirect(FOREIGN),
}


@dataclass(frozen=True, slots=True)
class Route:
    """One line of the table."""

    method: str
    path: re.Pattern[str]
    handler: Handler
    voice: str
    faults: str


ROUTES = tuple(Route(method, pattern(path), handler, voice, on) for method, path, handler, voice, on in TABLE)


class App:
    """The application. Its lifespan has to be on: it sends in the background and stops doing so at the end."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._live(receive, send)
        try:
            response = await self._answer(await read(scope, receive), receive)
        except ClientLeft:
            return
        except Refused as refused:
            response = REFUSALS[_voice(scope["path"])](refused)
        if response is not None:
            await write(response, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            stage = (await receive())["type"]
            if stage == "lifespan.shutdown":
                await self._gateway.notifier.close()
            await send({"type": f"{stage}.complete"})
            if stage == "lifespan.shutdown":
                return

    async def _answer(self, request: Request, receive: Receive) -> Response | None:
        """The answer; None when the client gets none, and has left."""
        route, params = _route(request)
        fault = self._gateway.faults.take(route.faults, route.voice) if route.faults else NONE
        if fault.kind in BROKEN:
            return BROKEN[fault.kind]
        if fault.kind == "hang":
            await until_client_leaves(receive)
            return None
        try:
            response = await self._handle(route, Call(request, params, fault))
        except Refused as refused:
            return REFUSALS[route.voice](refused)
        except Exception:
            logger.exception("The gateway failed on %s", request.path)
            raise
        if fault.kind == "timeout":
            await until_client_leaves(receive)
            return None
        return response

    async def _handle(self, route: Route, call: Call) -> Response:
        if call.fault.kind == "refuse":
            raise Refused("The gateway refuses this, as ordered.")
        if call.fault.kind == "slow":
            await asyncio.sleep(call.fault.seconds)
        if route.voice == CONTROL:
            control.check(self._gateway, call)
        response = await route.handler(self._gateway, call)
        if call.fault.kind == "pay-first":
            await self._gateway.pay_and_wait(next(reversed(self._gateway.state.payments.values())))
        return response


def _voice(path: str) -> str:
    """Whose words to say no in where no handler was found."""
    return STRIPE if path.startswith("/v1/") else CONTROL if path.startswith("/control/") else PAGE


def _route(request: Request) -> tuple[Route, dict[str, str]]:
    for route in ROUTES:
        found = route.path.fullmatch(request.path)
        if found and route.method == request.method:
            return route, found.groupdict()
    raise Refused(f"There is no {request.method} {request.path} here.", status=404)
