"""What a coupon takes off a price. Pure."""

BPS = 10_000


def percentage_off(price_minor: int, off_bps: int) -> int:
    """The discount in minor units, rounded down: 10 % of ¥0.99 is ¥0.09."""
    return price_minor * off_bps // BPS


def amount_off(price_minor: int, off_minor: int) -> int:
    """The discount in minor units: never more than the price."""
    return min(price_minor, off_minor)


def credit_of_refund(*, granted: int, paid_minor: int, refunded_minor: int, amount_minor: int) -> int:
    """The credit in nano-dollars that giving back `amount_minor` takes, after `refunded_minor` was given back before.

    The parts of several refunds add up to exactly what was granted once all is given back.
    """
    before = granted * refunded_minor // paid_minor
    return granted * (refunded_minor + amount_minor) // paid_minor - before
