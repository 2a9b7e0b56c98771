"""Numbers of orders and attempts: `BUY202604060930K7QF`, and `…X2` for the second gateway tried."""

import secrets
from datetime import datetime

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # without letters and digits that look alike
RANDOM_LENGTH = 4


def order_number(kind: str, now: datetime) -> str:
    """Kind, minute in UTC, four random characters. May be taken: whoever writes it tries again."""
    return f"{kind}{now:%Y%m%d%H%M}" + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))


def attempt_number(order_no: str, nth: int) -> str:
    """The order's number for the first attempt, with `X2`, `X3`, … for later ones. Letters and digits, at most 32."""
    return order_no if nth == 1 else f"{order_no}X{nth}"
