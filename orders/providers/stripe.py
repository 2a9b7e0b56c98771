"""Stripe, by its payment page (Checkout): cards, Alipay and WeChat Pay.

The endpoint at Stripe has to send the events that `stripe_webhooks` knows, of `checkout.session`, `refund` and
`charge.dispute`; others do no harm.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from orders.providers import stripe_settings
from orders.providers.base import (
    Account,
    Capabilities,
    Charge,
    Checkout,
    Event,
    GatewayRefused,
    GatewayUnreachable,
    Money,
    PaymentState,
    PaymentStatus,
    RefundCall,
    RefundState,
    RefundStatus,
    RefundSupport,
    Reply,
    Webhook,
)
from orders.providers.calling import unclear
from orders.providers.stripe_calls import NotThere, OtherTerms, ask
from orders.providers.stripe_fields import (
    Json,
    Unreadable,
    flag,
    identifier,
    is_id,
    link,
    metadata,
    moment,
    money,
    our_reference,
    part,
    whole,
    word,
)
from orders.providers.stripe_webhooks import read_webhook

if TYPE_CHECKING:
    from stripe.params import RefundCreateParams, RefundListParams
    from stripe.params.checkout import SessionCreateParams, SessionCreateParamsLineItemPriceData

_LEAST_SECONDS, _MOST_SECONDS = 31 * 60, 24 * 3600 - 60  # Stripe's half hour and day, a minute inside
_LONGEST_TITLE, _LONGEST_REASON = 250, 500


class Stripe:
    """See the module."""

    name = "stripe"
    label = "Stripe"
    options = stripe_settings.OPTIONS

    def capabilities(self, account: Account) -> Capabilities:
        """`least_minor` is the least of all the account's currencies; `create` knows that of each."""
        currencies = stripe_settings.currencies(account)
        return Capabilities(
            currencies=currencies,
            least_minor=min((stripe_settings.LEAST_MINOR[code] for code in currencies), default=1),
            most_minor=stripe_settings.MOST_MINOR,
            refund=RefundSupport.PARTIAL,
            query=True,
            close=True,
            confirms=True,
        )

    def check_config(self, account: Account) -> list[str]:
        """As the protocol says."""
        return list(stripe_settings.problems(account))

    def create(self, account: Account, charge: Charge) -> Checkout:
        """Open a session. A repetition is given the same one, for a day."""
        _check_amount(account, charge.amount)
        session = _opened(account, charge, _deadlines(charge.expires_at, datetime.now(UTC)))
        try:
            return _checkout(account, charge, session)
        except Unreadable as error:
            raise GatewayRefused(_misfit(error)) from error

    def parse_webhook(self, account: Account, webhook: Webhook) -> Sequence[Event]:
        """One event, or none where the message is about something that we did not sell."""
        event = read_webhook(account, webhook)
        return [] if event is None else [event]

    def reply(self, account: Account, *, accepted: bool) -> Reply:
        """Stripe reads the status alone, and repeats for days what was not accepted."""
        return Reply(200, "ok") if accepted else Reply(400, "not accepted")

    def query(self, account: Account, *, reference: str, provider_ref: str) -> PaymentState:
        """By the session's number; without one, `create` has to be repeated to learn it."""
        if not is_id(provider_ref):
            return PaymentState(PaymentStatus.UNKNOWN)
        try:
            return _state(account, _session(account, reference, provider_ref))
        except NotThere:
            return PaymentState(PaymentStatus.UNKNOWN)
        except Unreadable as error:
            raise GatewayRefused(_misfit(error)) from error

    def refund(self, account: Account, call: RefundCall) -> RefundState:
        """All or a part; a repetition says how the same refund stands now."""
        if not is_id(call.txn_id) or not _is_part(call.amount, call.total):
            raise GatewayRefused("There is no such payment or not as much of it to give back.")
        try:
            return _refunded(account, call)
        except Unreadable as error:  # money may have moved: no refusal
            raise GatewayUnreachable(_misfit(error)) from error

    def close(self, account: Account, *, reference: str, provider_ref: str) -> None:
        """Expire the session. One that is over already, or that does not exist, is as good."""
        if not is_id(provider_ref):
            return
        try:
            ask(account, lambda api: api.checkout.sessions.expire(provider_ref))
        except NotThere:
            return
        except GatewayRefused:
            if not _is_over(account, provider_ref):
                raise


def _check_amount(account: Account, amount: Money) -> None:
    if amount.currency not in stripe_settings.currencies(account):
        raise GatewayRefused(f"This account does not sell in {amount.currency}.")
    if not stripe_settings.LEAST_MINOR[amount.currency] <= amount.minor <= stripe_settings.MOST_MINOR:
        raise GatewayRefused(f"Stripe does not charge {amount.minor} minor units of {amount.currency}.")


def _deadlines(expires_at: datetime, now: datetime) -> list[int | None]:
    """What to send as the session's end: what suits now, then what an earlier try must have sent.

    A session lives between half an hour and a day, and a repetition has to have the very same parameters, so the end
    cannot depend on the time of the call: it is Stripe's own day, then the charge's end, then half an hour more.
    """
    wanted, left = int(expires_at.timestamp()), (expires_at - now).total_seconds()
    if left > _MOST_SECONDS:
        return [None]
    if left > _LEAST_SECONDS:
        return [wanted, None]
    return [wanted + _LEAST_SECONDS, wanted]


def _opened(account: Account, charge: Charge, deadlines: Sequence[int | None]) -> Json:
    deadline, *earlier = deadlines
    params = _session_params(account, charge, deadline)
    key = f"attempt:{charge.reference}:create"
    try:
        return ask(account, lambda api: api.checkout.sessions.create(params, {"idempotency_key": key}))
    except OtherTerms:
        if not earlier:
            raise
        return _opened(account, charge, earlier)


def _session_params(account: Account, charge: Charge, deadline: int | None) -> "SessionCreateParams":
    """One thing at our price: nothing that could make the sum another, or the currency."""
    ours = {"order_no": charge.order_no, "reference": charge.reference}
    methods = stripe_settings.methods(account)
    price: SessionCreateParamsLineItemPriceData = {
        "currency": charge.amount.currency.lower(),
        "unit_amount": charge.amount.minor,
        "product_data": {"name": charge.title[:_LONGEST_TITLE]},
    }
    params: SessionCreateParams = {
        "mode": "payment",
        "line_items": [{"quantity": 1, "price_data": price}],
        "client_reference_id": charge.reference,
        "metadata": ours,
        "payment_intent_data": {"metadata": ours},
        "allowed_payment_method_types": methods,
        "adaptive_pricing": {"enabled": False},
        "allow_promotion_codes": False,
        "success_url": charge.return_url,
        "cancel_url": charge.return_url,
    }
    if deadline is not None:
        params["expires_at"] = deadline
    if "wechat_pay" in methods:
        params["payment_method_options"] = {"wechat_pay": {"client": "web"}}
    return params


def _checkout(account: Account, charge: Charge, session: Json) -> Checkout:
    """The session, if it is the one that we asked for."""
    _check_ours(account, charge.reference, session)
    if money(session, "amount_total") != charge.amount:
        raise Unreadable("amount_total")
    url = word(session, "url")
    if not stripe_settings.is_pay_page(account, url):
        raise Unreadable("url")
    return Checkout(url, provider_ref=identifier(session), expires_at=moment(session, "expires_at"))


def _session(account: Account, reference: str, provider_ref: str) -> Json:
    session = ask(account, lambda api: api.checkout.sessions.retrieve(provider_ref))
    _check_ours(account, reference, session)
    if identifier(session) != provider_ref:
        raise Unreadable("id")
    return session


def _check_ours(account: Account, reference: str, session: Json) -> None:
    if our_reference(session) != reference:
        raise Unreadable("reference")
    if flag(session, "livemode") is not account.live:
        raise Unreadable("livemode")


def _is_over(account: Account, provider_ref: str) -> bool:
    session = ask(account, lambda api: api.checkout.sessions.retrieve(provider_ref))
    return session.get("status") in ("complete", "expired")


def _state(account: Account, session: Json) -> PaymentState:
    status, paid, provider_ref = word(session, "status"), word(session, "payment_status"), identifier(session)
    if status == "expired":
        return PaymentState(PaymentStatus.CLOSED, provider_ref=provider_ref)
    if status != "complete":
        return PaymentState(PaymentStatus.WAITING, provider_ref=provider_ref)
    if paid == "no_payment_required":
        return PaymentState(PaymentStatus.PAID, money(session, "amount_total"), provider_ref, provider_ref)
    txn_id = identifier(session, "payment_intent")
    intent = ask(account, lambda api: api.payment_intents.retrieve(txn_id, {"expand": ["latest_charge"]}))
    if paid == "paid":
        return _paid(intent, txn_id, provider_ref)
    failed = word(intent, "status") in ("canceled", "requires_payment_method")  # nobody can pay in this session again
    return PaymentState(
        PaymentStatus.CLOSED if failed else PaymentStatus.WAITING, txn_id=txn_id, provider_ref=provider_ref
    )


def _paid(intent: Json, txn_id: str, provider_ref: str) -> PaymentState:
    """What has arrived, by the payment itself: the session tells only what was asked for."""
    charge, amount = part(intent, "latest_charge"), money(intent, "amount_received")
    refunded = whole(charge, "amount_refunded")
    return PaymentState(
        PaymentStatus.REFUNDED if refunded >= amount.minor else PaymentStatus.PAID,
        amount=amount,
        txn_id=txn_id,
        provider_ref=provider_ref,
        paid_at=moment(charge, "created"),
        refunded_minor=refunded,
    )


def _refunded(account: Account, call: RefundCall) -> RefundState:
    """Made once: Stripe forgets idempotency keys after a day, so what an earlier try made is looked for first."""
    refund = _refund_made(account, call) or _refund_new(account, call)
    if link(refund, "payment_intent") != call.txn_id or money(refund, "amount") != call.amount:
        raise Unreadable("amount")
    detail = word(refund, "failure_reason") or word(refund, "status")
    return RefundState(_refund_status(refund), identifier(refund), detail)


def _refund_made(account: Account, call: RefundCall) -> Json | None:
    wanted: RefundListParams = {"payment_intent": call.txn_id, "limit": 100}
    with unclear():
        made = ask(account, lambda api: api.refunds.list(wanted)).get("data")
    if not isinstance(made, list) or not all(isinstance(refund, dict) for refund in made):
        raise Unreadable("data")
    return next((refund for refund in made if _marks(call).items() <= metadata(refund).items()), None)


def _refund_new(account: Account, call: RefundCall) -> Json:
    params: RefundCreateParams = {
        "payment_intent": call.txn_id,
        "amount": call.amount.minor,
        "metadata": {**_marks(call), "reason": call.reason[:_LONGEST_REASON]},
    }
    return ask(account, lambda api: api.refunds.create(params, {"idempotency_key": call.idempotency_key}))


def _marks(call: RefundCall) -> dict[str, str]:
    return {"reference": call.reference, "refund": call.idempotency_key}


def _refund_status(refund: Json) -> RefundStatus:
    return _REFUND_STATUS.get(word(refund, "status"), RefundStatus.PENDING)


def _is_part(amount: Money, total: Money) -> bool:
    return amount.currency == total.currency and 0 < amount.minor <= total.minor


def _misfit(error: Unreadable) -> str:
    return f"Stripe's answer does not fit what was asked: {error}."


_REFUND_STATUS: Final = {
    "succeeded": RefundStatus.SUCCEEDED,
    "failed": RefundStatus.FAILED,
    "canceled": RefundStatus.FAILED,
}
