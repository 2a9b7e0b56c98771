"""The charge arithmetic against an oracle in exact fractions."""

from fractions import Fraction
from math import ceil
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.pricing import FALLBACKS, KINDS, Prices, Quote, Rates, Tier, Usage, affordable_output, charge, upper_bound
from config.kernel.money import usd

amounts = st.integers(min_value=0, max_value=10**12)
counts = st.none() | st.integers(min_value=0, max_value=10**8)
kinds_of_amounts = dict.fromkeys(KINDS, amounts)
tiers = st.lists(
    st.builds(Tier, st.integers(min_value=1, max_value=10**8), st.builds(Rates, **kinds_of_amounts)),
    max_size=3,
    unique_by=lambda tier: tier.above,
).map(lambda found: tuple(sorted(found, key=lambda tier: tier.above)))
prices = st.builds(Prices, **kinds_of_amounts, per_call=amounts, tiers=tiers)
ratios = st.integers(min_value=1, max_value=10**9)
quotes = st.builds(Quote, price_id=st.just(1), prices=prices, ratio_ppm=ratios)
usages = st.builds(Usage, **dict.fromkeys(KINDS, counts))


def oracle(usage, quote):
    """The charge by the book: the last tier whose threshold the prompt is above, fractions, one rounding."""
    said = {kind: getattr(usage, kind) or 0 for kind in KINDS}
    prompt = sum(said.values()) - said["output"] - said["reasoning"] - said["audio_output"]
    passed = [tier for tier in quote.prices.tiers if tier.above < prompt]
    rates = max(passed, key=lambda tier: tier.above).rates if passed else quote.prices
    tokens = sum(Fraction(count * getattr(rates, kind), 10**6) for kind, count in said.items())
    return ceil((tokens + quote.prices.per_call) * Fraction(quote.ratio_ppm, 10**6))


def case(noise):
    """One usage and its quote, near enough to each other that thresholds are met from both sides."""

    def rates():
        return {kind: noise.choice((0, 1, noise.randrange(10**11))) for kind in KINDS}

    thresholds = sorted(noise.sample(range(1, 2_000), noise.randrange(3)))
    listed = Prices(
        **rates(),
        per_call=noise.choice((0, noise.randrange(10**9))),
        tiers=tuple(Tier(above, Rates(**rates())) for above in thresholds),
    )
    usage = Usage(**{kind: noise.choice((None, 0, 1, noise.randrange(600))) for kind in KINDS})
    return usage, Quote(price_id=1, prices=listed, ratio_ppm=noise.choice((1, 280_000, 10**6, noise.randrange(10**8))))


@pytest.mark.parametrize("cases", [10_000, pytest.param(100_000, marks=pytest.mark.soak)])
def test_many_cases_equal_the_oracle_and_stay_within_their_hold(cases):
    noise = Random(20_260_318)
    for _ in range(cases):
        usage, quote = case(noise)
        total = charge(usage, quote).total
        assert total == oracle(usage, quote), (usage, quote)
        bound = upper_bound(prompt_tokens=usage.prompt_total, completion_tokens=usage.completion_total, quote=quote)
        assert 0 <= total <= bound, (usage, quote)


@given(usages, quotes)
def test_it_equals_the_oracle(usage, quote):
    assert charge(usage, quote).total == oracle(usage, quote)


@given(usages, quotes)
def test_its_lines_explain_the_total(usage, quote):
    result = charge(usage, quote)
    lines = sum(Fraction(line.count * line.unit_price, line.per) for line in result.lines)
    assert ceil(lines * Fraction(quote.ratio_ppm, 10**6)) == result.total


def dearer(listed, factors):
    """The same prices with tiers that multiply every one of them, each more than the last."""
    tiers, rates = [], {kind: getattr(listed, kind) for kind in KINDS}
    for above, factor in factors:
        rates = {kind: nano * factor for kind, nano in rates.items()}
        tiers.append(Tier(above, Rates(**rates)))
    return Prices(**{kind: getattr(listed, kind) for kind in KINDS}, per_call=listed.per_call, tiers=tuple(tiers))


@given(usages, prices, ratios, st.sampled_from(KINDS), st.integers(min_value=0, max_value=10**6))
def test_more_tokens_never_cost_less_where_tiers_are_dearer(usage, listed, ratio, kind, more):
    quote = Quote(price_id=1, prices=dearer(listed, [(1_000, 2), (10**6, 3)]), ratio_ppm=ratio)
    counted = {name: getattr(usage, name) for name in KINDS}
    grown = Usage(**counted | {kind: (counted[kind] or 0) + more})
    assert charge(grown, quote).total >= charge(usage, quote).total >= 0


@given(usages, quotes, st.integers(min_value=0, max_value=10**6), st.integers(min_value=0, max_value=10**6))
def test_the_upper_bound_covers_every_split_of_as_many_tokens_or_fewer(usage, quote, more_in, more_out):
    bound = upper_bound(
        prompt_tokens=usage.prompt_total + more_in,
        completion_tokens=usage.completion_total + more_out,
        quote=quote,
    )
    assert charge(usage, quote).total <= bound


def test_the_example_of_the_price_page():
    quote = Quote(
        price_id=1,
        prices=Prices.of(input=usd("2.50"), output=usd("10"), cache_read=usd("1.25")),
        ratio_ppm=280_000,
    )
    result = charge(Usage(input=900, cache_read=100, output=500), quote)
    assert [(line.kind, line.count) for line in result.lines] == [("input", 900), ("cache_read", 100), ("output", 500)]
    assert result.total == usd("0.002065")  # (900 × 2.5 + 100 × 1.25 + 500 × 10) / 10^6 × 0.28


@pytest.mark.parametrize(("prompt", "total"), [(200_000, "0.25"), (200_001, "0.5000025")])
def test_a_prompt_above_the_threshold_is_priced_wholly_at_its_tier(prompt, total):
    long = Tier(200_000, Rates.of(input=usd("2.50"), output=usd("15")))
    quote = Quote(1, Prices.of(input=usd("1.25"), output=usd("10"), tiers=(long,)), 1_000_000)
    assert charge(Usage(input=prompt - 1_000, cache_read=1_000), quote).total == usd(total)


def test_a_tier_out_of_reach_does_not_raise_the_hold():
    long = Tier(1_000, Rates.of(input=usd("5"), output=usd("5")))
    quote = Quote(1, Prices.of(input=usd("1"), output=usd("1"), tiers=(long,)), 1_000_000)
    assert upper_bound(prompt_tokens=1_000, completion_tokens=0, quote=quote) == usd("0.001")
    assert upper_bound(prompt_tokens=1_001, completion_tokens=0, quote=quote) == usd("0.005005")


def test_a_fraction_of_a_nano_dollar_is_rounded_up_once():
    result = charge(Usage(input=1, output=1), Quote(price_id=1, prices=Prices.of(input=1, output=1), ratio_ppm=10**6))
    assert result.total == 1


@pytest.mark.parametrize("usage", [Usage(), Usage(input=0, output=0)])
def test_nothing_used_costs_the_call_only(usage):
    listed = Prices.of(input=5, output=5, per_call=usd("0.01"))
    result = charge(usage, Quote(price_id=1, prices=listed, ratio_ppm=500_000))
    assert result.total == usd("0.005")
    assert [(line.kind, line.count, line.unit_price) for line in result.lines] == [("call", 1, usd("0.01"))]


def test_what_nobody_said_adds_nothing():
    assert (Usage().prompt_total, Usage().completion_total) == (0, 0)
    assert all(getattr(Usage(), kind) is None for kind in KINDS)


@given(prices)
def test_stored_prices_are_read_back_as_they_were(listed):
    assert Prices.from_dict(listed.as_dict()) == listed


def test_a_row_of_before_there_were_as_many_kinds_is_read():
    stored = {"input": 10, "output": 20, "cache_read": 1, "cache_write": 12, "reasoning": 25, "per_call": 3}
    listed = Prices.from_dict(stored)
    assert (listed.cache_write_1h, listed.audio_input, listed.image_input, listed.audio_output) == (12, 10, 10, 20)
    assert (listed.per_call, listed.tiers) == (3, ())
    assert listed.as_dict() == stored


def test_frozen_prices_name_what_everybody_asks_for_and_of_the_rest_what_differs():
    common = {"input": 5, "output": 7, "cache_read": 5, "cache_write": 5, "reasoning": 7}
    long = Tier(100, Rates.of(input=6, output=8, audio_input=9))
    listed = Prices.of(input=5, output=7, image_input=5, cache_write_1h=11, tiers=(long,))
    assert Prices.of(input=5, output=7).as_dict() == {**common, "per_call": 0}
    assert listed.as_dict() == {
        **common,
        "cache_write_1h": 11,
        "per_call": 0,
        "tiers": [
            {"above": 100, "input": 6, "output": 8, "cache_read": 6, "cache_write": 6, "reasoning": 8, "audio_input": 9}
        ],
    }


def test_every_kind_has_a_price_of_its_own_or_a_fallback():
    assert set(KINDS) == {"input", "output", *FALLBACKS}


def test_prices_times_a_ratio_are_rounded_up():
    long = Tier(100, Rates.of(input=5, output=7))
    shown = Prices.of(input=1, output=3, per_call=5, tiers=(long,)).times(500_000)
    assert (shown.input, shown.output, shown.per_call, shown.tiers[0].rates.output) == (1, 2, 3, 4)


@given(
    quotes,
    st.integers(min_value=0, max_value=10**12),
    st.integers(min_value=1, max_value=10**6),
    st.integers(min_value=1, max_value=8),
    st.integers(min_value=0, max_value=10**6),
)
def test_the_longest_affordable_answer_is_covered_and_no_longer_one_is(quote, amount, most, choices, prompt):
    def bound(tokens):
        return upper_bound(prompt_tokens=prompt, completion_tokens=tokens * choices, quote=quote)

    tokens = affordable_output(amount=amount, most=most, choices=choices, prompt_tokens=prompt, quote=quote)
    assert 0 <= tokens <= most
    assert tokens == 0 or bound(tokens) <= amount
    assert tokens == most or bound(tokens + 1) > amount


@pytest.mark.parametrize(("choices", "longest"), [(1, 10), (2, 5), (3, 3), (11, 0)])
def test_an_amount_is_shared_by_the_choices_of_an_answer(choices, longest):
    quote = Quote(1, Prices.of(input=0, output=usd("1")), 1_000_000)
    amount = usd("0.00001")  # ten tokens
    assert affordable_output(amount=amount, most=100, choices=choices, prompt_tokens=0, quote=quote) == longest
