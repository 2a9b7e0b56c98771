"""A Stripe on this machine for the calls that we make, over real sockets; it refuses what Stripe would refuse."""

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

from tests.live import serving
from tests.orders.providers.stripe import oracle

KEY = "sk_test_51RvP0wQz8Lk3Jm2Nb7Yc"


class Asked(NamedTuple):
    """A request as it arrived: names of headers in lower case, parameters as values."""

    method: str
    path: str
    headers: dict[str, str]
    params: dict[str, Any]


@dataclass
class Raw:
    """An answer that no Stripe would give, after doing what was asked or instead of it, to the next such request."""

    body: bytes
    status: int = 200
    headers: tuple[tuple[bytes, bytes], ...] = ((b"content-type", b"application/json"),)
    instead: bool = False
    method: str = ""  # any


class Refused(Exception):
    """An error of Stripe's."""

    def __init__(self, status, message, **error):
        super().__init__(message)
        self.status, self.body = status, {"error": {"type": "invalid_request_error", "message": message, **error}}


class Standin:
    """See the module: an ASGI application. `next_answer` is given once instead of a proper one."""

    def __init__(self):
        self.base_url, self.asked, self.next_answer = "", [], None
        self.sessions, self.intents, self.refunds, self.replays = {}, {}, {}, {}
        self.refund_status = "succeeded"
        self._numbers = count(1)

    async def __call__(self, scope, receive, send):
        raw, more = b"", True
        while more:
            message = await receive()
            raw, more = raw + message.get("body", b""), message.get("more_body", False)
        form = (raw or scope["query_string"]).decode()
        planned = self.next_answer if self.next_answer and self.next_answer.method in ("", scope["method"]) else None
        self.next_answer = None if planned else self.next_answer
        answer = planned if planned and planned.instead else self._answer(scope, form)
        answer = planned or answer
        await send({"type": "http.response.start", "status": answer.status, "headers": list(answer.headers)})
        await send({"type": "http.response.body", "body": answer.body})

    def _answer(self, scope, form):
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        params, wrong = oracle.read(scope["method"], scope["path"], form)
        asked = Asked(scope["method"], scope["path"], headers, params)
        self.asked.append(asked)
        try:
            if headers.get("authorization") != f"Bearer {KEY}":
                raise Refused(401, f"Invalid API Key provided: {headers.get('authorization')}")
            if wrong:
                raise Refused(400, "; ".join(wrong))
            return _json(self._replayed(asked))
        except Refused as refusal:
            return _json(refusal.body, refusal.status)

    def _replayed(self, asked):
        key = asked.headers.get("idempotency-key")
        if asked.method == "POST" and key in self.replays:
            then, answer = self.replays[key]
            if then != (asked.path, asked.params):
                raise Refused(400, f"Keys for idempotent requests: {key} was used before", type="idempotency_error")
            return answer
        answer = json.loads(json.dumps(self._done(asked)))
        if asked.method == "POST":
            self.replays[key] = (asked.path, asked.params), answer
        return answer

    def _done(self, asked):
        match asked.method, *asked.path.removeprefix("/v1/").split("/"):
            case "POST", "checkout", "sessions":
                return self.open(asked.params)
            case "GET", "checkout", "sessions", number:
                return _found(self.sessions, number)
            case "POST", "checkout", "sessions", number, "expire":
                return self._expired(_found(self.sessions, number))
            case "GET", "payment_intents", number:
                intent = dict(_found(self.intents, number))
                if "latest_charge" not in asked.params.get("expand", []):
                    intent["latest_charge"] = intent["latest_charge"] and intent["latest_charge"]["id"]
                return intent
            case "POST", "refunds":
                return self.give_back(asked.params)
            case "GET", "refunds":
                wanted = asked.params["payment_intent"]
                made = [refund for refund in self.refunds.values() if refund["payment_intent"] == wanted]
                return {"object": "list", "url": asked.path, "has_more": False, "data": made}

    def open(self, params):
        """A new session."""
        (line,) = params["line_items"]
        number = f"cs_test_a{next(self._numbers)}"
        now = int(time.time())
        expires_at = params.get("expires_at", now + 24 * 3600)
        if not now + 30 * 60 <= expires_at <= now + 24 * 3600:
            raise Refused(400, "The `expires_at` timestamp must be between 30 minutes and 24 hours from now.")
        self.sessions[number] = {
            "id": number,
            "object": "checkout.session",
            "livemode": False,
            "mode": params["mode"],
            "status": "open",
            "payment_status": "unpaid",
            "payment_intent": None,
            "amount_total": line["price_data"]["unit_amount"] * line["quantity"],
            "currency": line["price_data"]["currency"],
            "client_reference_id": params.get("client_reference_id"),
            "metadata": params.get("metadata", {}),
            "payment_method_types": params["allowed_payment_method_types"],
            "url": f"{self.base_url}/c/pay/{number}#fidkdWxOYHwnPyd1",
            "created": now,
            "expires_at": expires_at,
        }
        return self.sessions[number]

    def began(self, key, params):
        """What a call did of which the caller never heard; when it was made, the end that it asked for was right."""
        session = dict(self.open({name: value for name, value in params.items() if name != "expires_at"}))
        self.replays[key] = ("/v1/checkout/sessions", params), session
        return session

    def complete(self, number, *, status="succeeded"):
        """The customer has done his part; the money is there when the payment intent succeeded."""
        session, paid = self.sessions[number], status == "succeeded"
        intent, charge = f"pi_3Q{next(self._numbers)}", f"ch_3Q{next(self._numbers)}"
        shared = {"livemode": False, "currency": session["currency"], "metadata": session["metadata"]}
        self.intents[intent] = {
            **shared,
            "id": intent,
            "object": "payment_intent",
            "status": status,
            "amount": session["amount_total"],
            "amount_received": session["amount_total"] if paid else 0,
            "latest_charge": {**shared, "id": charge, "object": "charge", "amount_refunded": 0, "created": 1763700000},
        }
        session |= {"status": "complete", "payment_status": "paid" if paid else "unpaid", "payment_intent": intent}
        return session

    def _expired(self, session):
        if session["status"] != "open":
            raise Refused(400, "Only Checkout Sessions with a status in [`open`] can be expired.")
        session["status"] = "expired"
        return session

    def give_back(self, params):
        """A new refund."""
        intent, number = _found(self.intents, params["payment_intent"]), f"re_3Q{next(self._numbers)}"
        charge = intent["latest_charge"]
        if charge["amount_refunded"] + params["amount"] > intent["amount_received"]:
            raise Refused(400, "Refund amount is greater than unrefunded amount on charge", code="amount_too_large")
        charge["amount_refunded"] += params["amount"]
        self.refunds[number] = {
            "id": number,
            "object": "refund",
            "amount": params["amount"],
            "currency": intent["currency"],
            "payment_intent": intent["id"],
            "charge": charge["id"],
            "metadata": params.get("metadata", {}),
            "status": self.refund_status,
        }
        return self.refunds[number]


def _found(objects, number):
    if number not in objects:
        raise Refused(404, f"No such object: '{number}'", code="resource_missing")
    return objects[number]


def _json(values, status=200):
    return Raw(json.dumps(values).encode(), status)


@contextmanager
def standing_in():
    """A served stand-in."""
    standin = Standin()
    with serving(standin, lifespan="off") as standin.base_url:
        yield standin
