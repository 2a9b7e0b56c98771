"""EPay (易支付): the protocol that most small Chinese gateways speak, in its two versions."""

from orders.providers.epay.provider import EPay

__all__ = ["EPay"]
