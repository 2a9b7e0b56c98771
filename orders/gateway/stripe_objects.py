"""Payments as Stripe's objects: each is computed from what the gateway knows, none is kept."""

from typing import Any

from .state import Dispute, Payment, Refund, Status

API_VERSION = "2026-10-28.endive"
SESSION_STATES = {Status.OPEN: "open", Status.EXPIRED: "expired", Status.CLOSED: "expired"}


def session(payment: Payment, url: str, expand: frozenset[str] = frozenset()) -> dict[str, Any]:
    """A Checkout Session; its `payment_intent` is an object when `expand` says so."""
    state = SESSION_STATES.get(payment.status, "complete")
    receipt, details = payment.receipt, payment.details
    intent: Any = intent_id(payment) if state == "complete" else None
    if intent is not None and "payment_intent" in expand:
        intent = payment_intent(payment, _below(expand, "payment_intent"))
    return {
        "id": payment.id,
        "object": "checkout.session",
        "adaptive_pricing": {"enabled": details["adaptive_pricing"]},
        "amount_subtotal": payment.amount,
        "amount_total": receipt.amount if receipt else payment.amount,
        "cancel_url": payment.cancel_url or None,
        "client_reference_id": details["client_reference_id"],
        "created": payment.created,
        "currency": receipt.currency if receipt else payment.currency,
        "customer": None,
        "customer_details": None,
        "customer_email": details["customer_email"],
        "expires_at": payment.expires_at,
        "livemode": False,
        "metadata": details["metadata"],
        "mode": "payment",
        "payment_intent": intent,
        "payment_method_types": details["payment_method_types"],
        "payment_status": "paid" if receipt else "unpaid",
        "status": state,
        "success_url": payment.return_url,
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": url if state == "open" else None,
    }


def intent_id(payment: Payment) -> str:
    """The number of its PaymentIntent: what the money came by, or what it will come by."""
    intent: str = payment.receipt.txn_id if payment.receipt else payment.details["intent"]
    return intent


def charge_id(payment: Payment) -> str:
    return "ch_" + intent_id(payment).removeprefix("pi_")


def payment_intent(payment: Payment, expand: frozenset[str] = frozenset()) -> dict[str, Any]:
    """A PaymentIntent; its `latest_charge` is an object when `expand` says so."""
    receipt = payment.receipt
    charged: Any = None
    if receipt:
        charged = charge(payment) if "latest_charge" in expand else charge_id(payment)
    return {
        "id": intent_id(payment),
        "object": "payment_intent",
        "amount": receipt.amount if receipt else payment.amount,
        "amount_received": receipt.amount if receipt else 0,
        "created": payment.created,
        "currency": receipt.currency if receipt else payment.currency,
        "description": payment.details["description"],
        "latest_charge": charged,
        "livemode": False,
        "metadata": payment.details["intent_metadata"],
        "payment_method_types": payment.details["payment_method_types"],
        "status": _intent_status(payment),
    }


def charge(payment: Payment) -> dict[str, Any]:
    """The charge of a paid payment."""
    receipt = payment.receipt
    assert receipt is not None
    return {
        "id": charge_id(payment),
        "object": "charge",
        "amount": receipt.amount,
        "amount_captured": receipt.amount,
        "amount_refunded": payment.refunded,
        "captured": True,
        "created": receipt.paid_at,
        "currency": receipt.currency,
        "disputed": bool(payment.disputes),
        "livemode": False,
        "metadata": payment.details["intent_metadata"],
        "paid": True,
        "payment_intent": intent_id(payment),
        "refunded": payment.is_refunded,
        "status": "succeeded",
    }


def refund(payment: Payment, made: Refund) -> dict[str, Any]:
    """A Refund."""
    value = {
        "id": made.id,
        "object": "refund",
        "amount": made.amount,
        "charge": charge_id(payment),
        "created": made.created,
        "currency": payment.receipt.currency if payment.receipt else payment.currency,
        "metadata": made.details,
        "payment_intent": intent_id(payment),
        "reason": made.reason or None,
        "status": made.status.value,
    }
    return value | ({"failure_reason": "declined"} if made.status == "failed" else {})


def dispute(payment: Payment, raised: Dispute) -> dict[str, Any]:
    """A Dispute."""
    return {
        "id": raised.id,
        "object": "dispute",
        "amount": raised.amount,
        "charge": charge_id(payment),
        "created": raised.created,
        "currency": payment.currency,
        "livemode": False,
        "metadata": {},
        "payment_intent": intent_id(payment),
        "reason": "fraudulent",
        "status": raised.status,
    }


def listed(values: list[dict[str, Any]], url: str) -> dict[str, Any]:
    """One page that has them all."""
    return {"object": "list", "data": values, "has_more": False, "url": url}


def _below(expand: frozenset[str], name: str) -> frozenset[str]:
    return frozenset(path.removeprefix(f"{name}.") for path in expand if path.startswith(f"{name}."))


def _intent_status(payment: Payment) -> str:
    if payment.receipt:
        return "succeeded"
    return "processing" if payment.status == Status.WAITING else "requires_payment_method"
