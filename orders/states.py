"""How an order may move. Pure: `orders.history.move` asks here and lets one conditional UPDATE decide."""

from collections.abc import Mapping
from typing import Final

from orders.models import Order

_S = Order.Status

MOVES: Final[Mapping[Order.Status, frozenset[Order.Status]]] = {
    _S.PENDING: frozenset({_S.PAID, _S.CANCELLED, _S.EXPIRED, _S.REVIEW}),
    _S.PAID: frozenset({_S.DELIVERED, _S.CREDITED, _S.REFUND_PENDING, _S.REFUNDED, _S.PARTIALLY_REFUNDED}),
    _S.DELIVERED: frozenset({_S.REFUND_PENDING, _S.REFUNDED, _S.PARTIALLY_REFUNDED}),
    _S.CREDITED: frozenset({_S.REFUND_PENDING, _S.REFUNDED, _S.PARTIALLY_REFUNDED}),
    _S.EXPIRED: frozenset({_S.PAID, _S.REVIEW}),  # a payment that came late
    _S.CANCELLED: frozenset({_S.REVIEW}),
    _S.REVIEW: frozenset({_S.PAID, _S.CANCELLED, _S.REFUND_PENDING, _S.REFUNDED}),
    _S.REFUND_PENDING: frozenset(
        {_S.REFUNDED, _S.PARTIALLY_REFUNDED, _S.PAID, _S.DELIVERED, _S.CREDITED, _S.REVIEW}  # the latter: it failed
    ),
    _S.PARTIALLY_REFUNDED: frozenset(
        {_S.REFUND_PENDING, _S.REFUNDED, _S.PARTIALLY_REFUNDED, _S.PAID, _S.DELIVERED, _S.CREDITED}
    ),
    _S.REFUNDED: frozenset({_S.PARTIALLY_REFUNDED, _S.PAID, _S.DELIVERED, _S.CREDITED, _S.REVIEW}),  # failed late
}
PAYABLE: Final = frozenset({_S.PENDING})
HONOURED: Final = frozenset({_S.PAID, _S.DELIVERED, _S.CREDITED})  # paid, nothing given back
GRANTED: Final = HONOURED | {_S.REFUND_PENDING, _S.PARTIALLY_REFUNDED}  # its credit was posted
REFUNDABLE: Final = frozenset({_S.PAID, _S.DELIVERED, _S.CREDITED, _S.PARTIALLY_REFUNDED, _S.REVIEW})
FINAL_UNPAID: Final = frozenset({_S.CANCELLED, _S.EXPIRED})


def may_move(start: str, end: str) -> bool:
    """Whether the table has this edge."""
    return _S(end) in MOVES[_S(start)]
