"""What is sold, to whom, and how it was paid. Money is minor units beside a currency; credit is nano-dollars."""

from orders.models.catalogue import Coupon, Package
from orders.models.codes import CodeBatch, RedemptionCode
from orders.models.payments import Payment, PaymentAttempt, ProviderAccount, Refund, Statement, WebhookEvent
from orders.models.sales import CouponUse, Delivery, Order, OrderEvent

__all__ = [
    "CodeBatch",
    "Coupon",
    "CouponUse",
    "Delivery",
    "Order",
    "OrderEvent",
    "Package",
    "Payment",
    "PaymentAttempt",
    "ProviderAccount",
    "RedemptionCode",
    "Refund",
    "Statement",
    "WebhookEvent",
]
