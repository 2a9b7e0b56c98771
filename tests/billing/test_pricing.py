"""The charge arithmetic against an oracle in exact fractions."""

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.pricing import Prices, Quote, Usage, charge, upper_bound
from config.kernel.money import usd

prices = st.integers(min_value=0, max_value=10**12)
counts = st.none() | st.integers(min_value=0, max_value=10**8)
quotes = st.builds(
    Quote,
    price_id=st.just(1),
    prices=st.builds(
        Prices, input=prices, output=prices, cache_read=prices, cache_write=prices, reasoning=prices, per_call=prices
    ),
    ratio_ppm=st.integers(min_value=1, max_value=10**9),
)
usages = st.builds(Usage, input=counts, cache_read=counts, cache_write=counts, output=counts, reasoning=counts)
FIELDS = ("input", "cache_read", "cache_write", "output", "reasoning")


def oracle(usage, quote):
    tokens = sum(Fraction((getattr(usage, name) or 0) * getattr(quote.prices, name), 10**6) for name in FIELDS)
    return ceil((tokens + quote.prices.per_call) * Fraction(quote.ratio_ppm, 10**6))


@given(usages, quotes)
def test_it_equals_the_oracle(usage, quote):
    assert charge(usage, quote).total == oracle(usage, quote)


@given(usages, quotes)
def test_its_lines_explain_the_total(usage, quote):
    result = charge(usage, quote)
    lines = sum(Fraction(line.count * line.unit_price, line.per) for line in result.lines)
    assert ceil(lines * Fraction(quote.ratio_ppm, 10**6)) == result.total


@given(usages, quotes, st.sampled_from(FIELDS), st.integers(min_value=0, max_value=10**6))
def test_more_tokens_never_cost_less(usage, quote, name, more):
    grown = Usage(**{field: getattr(usage, field) for field in FIELDS} | {name: (getattr(usage, name) or 0) + more})
    assert charge(grown, quote).total >= charge(usage, quote).total >= 0


@given(usages, quotes)
def test_the_upper_bound_covers_every_split_of_the_same_tokens(usage, quote):
    bound = upper_bound(prompt_tokens=usage.prompt_total, completion_tokens=usage.completion_total, quote=quote)
    assert charge(usage, quote).total <= bound


def test_the_example_of_the_price_page():
    quote = Quote(
        price_id=1,
        prices=Prices(
            input=usd("2.50"), output=usd("10"), cache_read=usd("1.25"), cache_write=usd("2.50"), reasoning=usd("10")
        ),
        ratio_ppm=280_000,
    )
    result = charge(Usage(input=900, cache_read=100, output=500), quote)
    assert [(line.kind, line.count) for line in result.lines] == [("input", 900), ("cache_read", 100), ("output", 500)]
    assert result.total == usd("0.002065")  # (900 × 2.5 + 100 × 1.25 + 500 × 10) / 10^6 × 0.28


def test_a_fraction_of_a_nano_dollar_is_rounded_up_once():
    prices = Prices(input=1, output=1, cache_read=1, cache_write=1, reasoning=1)
    result = charge(Usage(input=1, output=1), Quote(price_id=1, prices=prices, ratio_ppm=1_000_000))
    assert result.total == 1


@pytest.mark.parametrize("usage", [Usage(), Usage(input=0, output=0)])
def test_nothing_used_costs_the_call_only(usage):
    prices = Prices(input=5, output=5, cache_read=5, cache_write=5, reasoning=5, per_call=usd("0.01"))
    assert charge(usage, Quote(price_id=1, prices=prices, ratio_ppm=500_000)).total == usd("0.005")
