"""Nano-dollars in, text out, and back without losing a unit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.kernel import money


@pytest.mark.parametrize(
    ("text", "nano"),
    [("1", 1_000_000_000), ("0.000000001", 1), ("-2.5", -2_500_000_000), ("0", 0), ("1e-6", 1_000)],
)
def test_dollars_become_nano_dollars_exactly(text, nano):
    assert money.usd(text) == nano


@pytest.mark.parametrize("text", ["0.0000000001", "abc", "NaN", "Infinity", "1e30", ""])
def test_what_is_no_exact_amount_is_refused(text):
    with pytest.raises(ValueError, match="is not an amount of dollars"):
        money.usd(text)


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (0, "$0.00"),
        (1, "$0.000000001"),
        (42_000, "$0.000042"),
        (1_000_000_000, "$1.00"),
        (1_234_567_890_000_000, "$1,234,567.89"),
        (-3_500_000_000, "−$3.50"),
    ],
)
def test_exact_amounts_show_every_digit(nano, text):
    assert money.format_usd(nano) == text


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (0, "$0.00"),
        (1, "$0.000000001"),
        (4_212_345, "$0.004212"),
        (999_999_999, "$1.00"),
        (1_005_000_000, "$1.01"),
        (123_456_789_012, "$123.46"),
        (-4_212_345, "−$0.004212"),
    ],
)
def test_short_amounts_never_show_a_charge_as_nothing(nano, text):
    assert money.format_usd_short(nano) == text


@given(st.integers(min_value=-money.MAX_NANO, max_value=money.MAX_NANO))
def test_machine_form_reads_back(nano):
    assert money.decimal_usd(nano).isascii()
    assert money.usd(money.decimal_usd(nano)) == nano


def test_one_dollar_is_half_a_million_quota():
    assert money.nano_to_quota(1_000_000_000, quota_per_usd=500_000) == 500_000
    assert money.quota_to_nano(1, quota_per_usd=500_000) == 2_000
    with pytest.raises(ValueError, match="whole number"):
        money.quota_to_nano(1, quota_per_usd=300_000_000_007)


@pytest.mark.parametrize(
    ("ppm", "text"),
    [(280_000, "0.28x"), (1_000_000, "1x"), (10_000_000, "10x"), (1, "0.000001x"), (1_250_000, "1.25x")],
)
def test_ratios_are_written_exactly(ppm, text):
    assert money.format_ratio(ppm) == text
