"""How the money that people pay with is written."""

import pytest

from orders.fiat import format_fiat


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (990, "CNY", "¥9.90"),
        (123_456, "USD", "$1,234.56"),
        (1_500, "JPY", "JPY 1,500"),
        (-150, "USD", "−$1.50"),
        (-5, "EUR", "−€0.05"),
        (-1_500, "JPY", "−JPY 1,500"),
    ],
)
def test_every_minor_unit_is_shown_and_a_minus_is_one(minor, currency, shown):
    assert format_fiat(minor, currency) == shown
