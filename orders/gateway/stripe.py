"""The part of Stripe that a shop with Checkout uses. Requests are checked strictly: an unknown parameter is refused."""

import json
from collections.abc import Awaitable, Callable
from itertools import accumulate
from typing import Any

from . import signing, stripe_objects
from .dialect import Post, Tweak
from .merchants import StripeMerchant
from .state import Happening, Ids, Kind, Message, Payment, now
from .stripe_forms import listing, mapping, nested, only, text, whole
from .till import Call, Gateway
from .web import Refused, Response, as_json

Handler = Callable[[Gateway, Call], Awaitable[Response]]

SHORTEST_S, LONGEST_S = 30 * 60, 24 * 3600
MARGIN_S = 60  # a merchant's clock need not be ours
METHODS = ("card", "alipay", "wechat_pay", "link")
REASONS = ("", "duplicate", "fraudulent", "requested_by_customer")
SESSION_PARAMETERS = (
    "adaptive_pricing",
    "allow_promotion_codes",
    "allowed_payment_method_types",
    "cancel_url",
    "client_reference_id",
    "customer_email",
    "expand",
    "expires_at",
    "line_items",
    "locale",
    "metadata",
    "mode",
    "payment_intent_data",
    "payment_method_options",
    "submit_type",
    "success_url",
    "ui_mode",
)
EVENTS = {
    Kind.PAID: ("checkout.session.completed",),
    Kind.WAITING: ("checkout.session.completed",),
    Kind.SETTLED: ("checkout.session.async_payment_succeeded",),
    Kind.FAILED: ("checkout.session.async_payment_failed",),
    Kind.EXPIRED: ("checkout.session.expired",),
    Kind.REFUND_PENDING: ("refund.created",),
    Kind.REFUNDED: ("refund.created", "charge.refunded"),
    Kind.REFUND_SETTLED: ("refund.updated", "charge.refunded"),
    Kind.REFUND_FAILED: ("refund.updated", "refund.failed"),
    Kind.DISPUTE_OPENED: ("charge.dispute.created",),
    Kind.DISPUTE_CLOSED: ("charge.dispute.closed",),
}


def once(handler: Handler) -> Handler:
    """Honour Idempotency-Key: the same parameters get the first answer again, others an error."""

    async def wrapped(gateway: Gateway, call: Call) -> Response:
        key = call.request.headers.get("idempotency-key", "")
        if not key:
            return await handler(gateway, call)
        place = (_merchant(gateway, call).key, key)
        asked = signing.md5(f"{call.request.path}\n{sorted(call.request.pairs())}")
        if place not in gateway.state.replies:
            response = await handler(gateway, call)
            gateway.state.replies[place] = (asked, response.body)
            return response
        known, body = gateway.state.replies[place]
        if known != asked:
            raise Refused(
                "Keys for idempotent requests can only be used with the same parameters.", type="idempotency_error"
            )
        return Response(body, headers={"Idempotent-Replayed": "true"})

    return wrapped


@once
async def create_session(gateway: Gateway, call: Call) -> Response:
    """POST /v1/checkout/sessions"""
    merchant, values = _merchant(gateway, call), nested(call.request.pairs())
    only(values, SESSION_PARAMETERS)
    if text(values, "mode") != "payment":
        raise Refused("The local gateway knows only mode=payment.")
    payment = _payment(gateway.ids, merchant, values)
    gateway.state.payments[payment.id] = payment
    return _session(gateway, call, payment, values)


async def read_session(gateway: Gateway, call: Call) -> Response:
    """GET /v1/checkout/sessions/{id}"""
    payment = gateway.refresh(_find(gateway, call))
    return _session(gateway, call, call.seen(payment), nested(call.request.pairs()))


async def list_sessions(gateway: Gateway, call: Call) -> Response:
    """GET /v1/checkout/sessions?payment_intent="""
    merchant, values = _merchant(gateway, call), nested(call.request.pairs())
    wanted = text(values, "payment_intent")
    found = [payment for payment in _payments(gateway, merchant) if stripe_objects.intent_id(payment) == wanted]
    sessions = [stripe_objects.session(payment, gateway.page_url(payment, call)) for payment in found]
    return as_json(stripe_objects.listed(sessions, call.request.path))


@once
async def expire_session(gateway: Gateway, call: Call) -> Response:
    """POST /v1/checkout/sessions/{id}/expire"""
    payment = _find(gateway, call)
    if gateway.refresh(payment).status != "open":
        raise Refused('Only Checkout Sessions with a status in ["open"] can be expired.')
    gateway.close(payment, expired=True)
    return _session(gateway, call, payment, {})


@once
async def create_refund(gateway: Gateway, call: Call) -> Response:
    """POST /v1/refunds"""
    merchant, values = _merchant(gateway, call), nested(call.request.pairs())
    only(values, ("amount", "charge", "expand", "metadata", "payment_intent", "reason"))
    payment, reason = _paid_by(gateway, merchant, values), text(values, "reason", "")
    if reason not in REASONS:
        raise Refused("Invalid reason.")
    made = gateway.refund(
        payment,
        whole(values, "amount", max(1, payment.paid - payment.refunded)),
        pending=call.fault.kind == "pending",
        reason=reason,
        details=mapping(values, "metadata"),
    )
    return as_json(stripe_objects.refund(payment, made))


async def read_refund(gateway: Gateway, call: Call) -> Response:
    """GET /v1/refunds/{id}"""
    merchant = _merchant(gateway, call)
    payment, made = gateway.state.refund(call.params["id"])
    if payment.merchant != merchant:
        raise _missing("refund", made.id)
    return as_json(stripe_objects.refund(payment, made))


async def list_refunds(gateway: Gateway, call: Call) -> Response:
    """GET /v1/refunds?payment_intent= or ?charge="""
    merchant, values = _merchant(gateway, call), nested(call.request.pairs())
    payment = _paid_by(gateway, merchant, values)
    refunds = [stripe_objects.refund(payment, made) for made in reversed(payment.refunds)]
    return as_json(stripe_objects.listed(refunds, call.request.path))


async def read_intent(gateway: Gateway, call: Call) -> Response:
    """GET /v1/payment_intents/{id}"""
    values = nested(call.request.pairs())
    payment = _paid_by(gateway, _merchant(gateway, call), {"payment_intent": call.params["id"]})
    return as_json(stripe_objects.payment_intent(call.seen(payment), _expand(values)))


async def read_charge(gateway: Gateway, call: Call) -> Response:
    """GET /v1/charges/{id}"""
    payment = _paid_by(gateway, _merchant(gateway, call), {"charge": call.params["id"]})
    return as_json(stripe_objects.charge(payment))


def contents(ids: Ids, payment: Payment, happening: Happening) -> list[dict[str, Any]]:
    return [_event(ids, name, _object(name, payment, happening)) for name in EVENTS[happening.kind]]


def amount_fields(amount: int) -> dict[str, Any]:
    return {"data.object.amount_total": amount}


def post(message: Message, content: dict[str, Any], tweak: Tweak) -> Post:
    merchant = message.payment.merchant
    assert isinstance(merchant, StripeMerchant)
    body, stamp = json.dumps(content, indent=2).encode(), now() - tweak.age
    right = signing.hmac_sha256(merchant.webhook_secret, f"{stamp}.".encode() + body)
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Stripe/1.0"}
    if signature := tweak.signature_for(message, right):
        headers["Stripe-Signature"] = f"t={stamp},v1={signature}"
    return Post("POST", message.url, body, headers)


def acknowledges(status: int, body: bytes) -> bool:
    return 200 <= status < 300


def return_url(payment: Payment) -> str:
    return payment.return_url.replace("{CHECKOUT_SESSION_ID}", payment.id)


def refusal(refused: Refused) -> Response:
    error = {"type": refused.type, "message": refused.message}
    return as_json({"error": error | ({"code": refused.code} if refused.code else {})}, refused.status)


def _merchant(gateway: Gateway, call: Call) -> StripeMerchant:
    scheme, _, key = call.request.headers.get("authorization", "").partition(" ")
    for merchant in gateway.merchants:
        if isinstance(merchant, StripeMerchant) and scheme.lower() == "bearer" and signing.same(key, merchant.key):
            return merchant
    raise Refused("Invalid API Key provided.", status=401)


def _payments(gateway: Gateway, merchant: StripeMerchant) -> list[Payment]:
    return [payment for payment in gateway.state.payments.values() if payment.merchant == merchant]


def _find(gateway: Gateway, call: Call) -> Payment:
    payment = gateway.state.payments.get(call.params["id"])
    if payment is None or payment.merchant != _merchant(gateway, call):
        raise _missing("checkout.session", call.params["id"])
    return payment


def _paid_by(gateway: Gateway, merchant: StripeMerchant, values: dict[str, Any]) -> Payment:
    """The payment of a PaymentIntent or a charge."""
    wanted = text(values, "payment_intent", "") or text(values, "charge")
    for payment in _payments(gateway, merchant):
        is_charge = payment.receipt is not None and wanted == stripe_objects.charge_id(payment)
        if is_charge or wanted == stripe_objects.intent_id(payment):
            return payment
    raise _missing("payment_intent", wanted)


def _missing(what: str, id: str) -> Refused:
    return Refused(f"No such {what}: '{id}'", status=404, code="resource_missing")


def _session(gateway: Gateway, call: Call, payment: Payment, values: dict[str, Any]) -> Response:
    return as_json(stripe_objects.session(payment, gateway.page_url(payment, call), _expand(values)))


def _expand(values: dict[str, Any]) -> frozenset[str]:
    """What to expand; `a.b` expands `a` as well."""
    paths = [str(path).split(".") for path in listing(values, "expand")]
    return frozenset(longer for path in paths for longer in accumulate(path, "{}.{}".format))


def _payment(ids: Ids, merchant: StripeMerchant, values: dict[str, Any]) -> Payment:
    name, amount, currency = _goods(listing(values, "line_items"))
    intent = mapping(values, "payment_intent_data")
    only(intent, ("description", "metadata", "receipt_email", "statement_descriptor"), "payment_intent_data")
    payment = Payment(
        id=ids.name("cs_test_", 40),
        merchant=merchant,
        reference=text(values, "client_reference_id", ""),
        title=name,
        amount=amount,
        currency=currency,
        notify_url="",
        return_url=text(values, "success_url"),
        cancel_url=text(values, "cancel_url", ""),
        expires_at=_expiry(values),
    )
    payment.details = {
        "intent": ids.name("pi_"),
        "adaptive_pricing": text(mapping(values, "adaptive_pricing"), "enabled", "true") == "true",
        "client_reference_id": values.get("client_reference_id"),
        "customer_email": values.get("customer_email"),
        "description": intent.get("description"),
        "intent_metadata": mapping(intent, "metadata"),
        "metadata": mapping(values, "metadata"),
        "payment_method_types": _methods(values),
    }
    return payment


def _goods(items: list[Any]) -> tuple[str, int, str]:
    """Name, total and currency of what is sold."""
    if not items or not all(isinstance(item, dict) for item in items):
        raise Refused("Missing required param: line_items.", code="parameter_missing")
    name, total, currencies = "", 0, set()
    for item in items:
        only(item, ("price_data", "quantity"), "line_items")
        price = mapping(item, "price_data")
        only(price, ("currency", "product_data", "unit_amount"), "line_items[price_data]")
        name = name or text(mapping(price, "product_data"), "name")
        total += whole(price, "unit_amount") * whole(item, "quantity")
        currencies.add(text(price, "currency").lower())
    if len(currencies) != 1 or not all(len(currency) == 3 and currency.isalpha() for currency in currencies):
        raise Refused("Invalid currency.")
    return name, total, currencies.pop()


def _expiry(values: dict[str, Any]) -> int:
    at = whole(values, "expires_at", now() + LONGEST_S)
    if not SHORTEST_S - MARGIN_S <= at - now() <= LONGEST_S + MARGIN_S:
        raise Refused(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation."
        )
    return at


def _methods(values: dict[str, Any]) -> list[str]:
    methods = listing(values, "allowed_payment_method_types") or ["card"]
    if unknown := [method for method in methods if method not in METHODS]:
        raise Refused(f"Invalid allowed_payment_method_types: {unknown}")
    client = mapping(mapping(values, "payment_method_options"), "wechat_pay").get("client")
    if "wechat_pay" in methods and client != "web":
        raise Refused("wechat_pay needs payment_method_options[wechat_pay][client]=web.")
    return methods


def _object(event: str, payment: Payment, happening: Happening) -> dict[str, Any]:
    if event.startswith("checkout."):
        return stripe_objects.session(payment, "")
    if happening.dispute is not None:
        return stripe_objects.dispute(payment, happening.dispute)
    if event == "charge.refunded":
        return stripe_objects.charge(payment)
    assert happening.refund is not None
    return stripe_objects.refund(payment, happening.refund)


def _event(ids: Ids, name: str, subject: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": ids.name("evt_"),
        "object": "event",
        "api_version": stripe_objects.API_VERSION,
        "created": now(),
        "data": {"object": subject},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": name,
    }
