"""Impossible prices are refused wherever they could come in, with the field named."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.urls import reverse

from billing.models import OPTIONAL_PRICES, ModelPrice, PriceOverride
from billing.price_versions import next_version, set_price
from billing.pricing import Tier
from billing.tiers import MAX_PRICE, clean_tiers, format_tiers, parse_tiers
from config.kernel.errors import InvalidInput
from config.kernel.money import NANO_PER_USD, usd
from tests.factories import make_group, make_price

pytestmark = [pytest.mark.django_db, pytest.mark.money]

LONG = {"above": 200_000, "input": 2, "output": 3}
PRICES = ("input", "output", "per_call", *OPTIONAL_PRICES)
BAD_TIERS = [
    ([{**LONG, "input": -1}], "tier 1: input"),
    ([{**LONG, "output": MAX_PRICE + 1}], "tier 1: output"),
    ([{**LONG, "cache_read": 1.5}], "tier 1: cache_read"),
    ([{**LONG, "cache_read": None}], "tier 1: cache_read"),
    ([{**LONG, "input": True}], "tier 1: input"),
    ([{**LONG, "above": 0}], "tier 1: above"),
    ([LONG, LONG], "tier 2: above"),
    ([LONG, {**LONG, "above": 100}], "tier 2: above"),
    ([{**LONG, "above": 100_000_001}], "tier 1: above must be from 1 to 100000000"),
    ([{**LONG, "output": 1_000_000 * NANO_PER_USD + 1}], "tier 1: output must be from 0 to 1000000000000000"),
    ([{"above": 5, "input": 1}], "output is missing"),
    ([{}], "tier 1: above is missing"),
    ([{**LONG, "per_call": 1}], "no price named per_call"),
    ([LONG, {**LONG, "zebra": 1, "aardvark": 1}], "tier 2: there is no price named aardvark"),
    ([7], "tier 1"),
    ({"above": 1}, "a list"),
    ("200000", "a list"),
    ([{**LONG, "above": n} for n in range(1, 10)], "at most 8"),
]
GOOD_TIERS = [
    [],
    [{**LONG, "above": 1, "input": 0, "output": 1_000_000 * NANO_PER_USD}],
    [{**LONG, "above": 99_999_999}, {**LONG, "above": 100_000_000}],
    [{**LONG, "above": n} for n in range(1, 9)],
]


def price(**fields):
    return ModelPrice(model="m", **{"input": 1, "output": 1, **fields})


@pytest.mark.parametrize("name", PRICES)
@pytest.mark.parametrize("amount", [-1, MAX_PRICE + 1])
def test_a_price_out_of_range_names_its_field(name, amount):
    with pytest.raises(ValidationError) as refused:
        price(**{name: amount}).full_clean()
    assert name in refused.value.message_dict


@pytest.mark.parametrize("name", PRICES)
def test_the_limits_themselves_are_prices(name):
    price(**{name: 0}).full_clean()
    price(**{name: MAX_PRICE}).full_clean()


@pytest.mark.parametrize("name", PRICES)
def test_the_database_takes_no_negative_price(name):
    with pytest.raises(IntegrityError), transaction.atomic():
        price(**{name: -1}).save()


@pytest.mark.parametrize("code", ["XXX", "usd", "", "$", "BTC"])
def test_an_unknown_currency_is_refused(code):
    with pytest.raises(ValidationError) as refused:
        price(display_currency=code).full_clean()
    assert "display_currency" in refused.value.message_dict


def test_known_currencies_are_taken():
    for code in ("USD", "CNY", "EUR"):
        price(display_currency=code).full_clean()


@pytest.mark.parametrize(("tiers", "words"), BAD_TIERS)
def test_impossible_tiers_are_refused(tiers, words):
    with pytest.raises(ValueError, match=words):
        clean_tiers(tiers)
    with pytest.raises(ValidationError) as refused:
        price(tiers=tiers).full_clean()
    assert words in refused.value.message_dict["tiers"][0]


@pytest.mark.parametrize("tiers", GOOD_TIERS)
def test_tiers_are_taken_up_to_their_limits(tiers):
    assert clean_tiers(tiers) == tiers


def test_a_row_with_tiers_prices_by_them():
    row = price(tiers=[LONG])
    row.full_clean()
    (tier,) = row.prices.tiers
    assert isinstance(tier, Tier)
    assert (tier.above, tier.rates.input, tier.rates.cache_read, tier.rates.reasoning) == (200_000, 2, 2, 3)


def test_set_price_says_which_field_is_wrong():
    with pytest.raises(InvalidInput, match="output: "):
        set_price(model="m", provider="", input=usd("1"), output=usd("1000001"))
    assert not ModelPrice.objects.exists()


def test_a_new_version_carries_everything_on():
    old = make_price(
        "m", cache_write_1h=9, audio_input=8, audio_output=7, image_input=6, tiers=[LONG], display_currency="CNY"
    )
    assert set_price(model="m", provider="", input=usd("3"), output=usd("4"))
    new = ModelPrice.objects.latest("effective_from")
    assert (new.pk != old.pk, new.input, new.display_currency, new.tiers) == (True, usd("3"), "CNY", [LONG])
    assert next_version(new).prices == new.prices
    assert (new.cache_write_1h, new.audio_input, new.audio_output, new.image_input) == (9, 8, 7, 6)


def test_tiers_are_typed_in_dollars():
    typed = "200000: input=2.5, output=15, cache_read=0.25\n1000000: input=5, output=30"
    tiers = parse_tiers(typed.replace("\n", "\n\n  "))
    assert tiers[0] == {"above": 200_000, "input": usd("2.5"), "output": usd("15"), "cache_read": usd("0.25")}
    assert parse_tiers(format_tiers(tiers)) == tiers
    assert parse_tiers(" \n") == []


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("200000", "'200000': begin with the number of tokens and a colon"),
        (" long: input=1, output=2", "'long: input=1, output=2': begin with"),
        ("-9: input=1, output=2", "begin with"),
        ("9: input=1", "tier 1: output is missing"),
        ("9: input=1, output=2\n10: input=1", "tier 2: output is missing"),
        ("9: input=one, output=2", "'one' is not an amount"),
        ("9: =1", "tier 1: input is missing"),
    ],
)
def test_what_is_no_tier_is_refused(typed, words):
    with pytest.raises(ValueError, match=words):
        parse_tiers(typed)


def test_the_form_refuses_them_and_keeps_good_ones(carol, client_of):
    staff = client_of(carol)
    form = {"model": "m", "input": "1", "output": "2", "per_call": "0", "max_output_tokens": "10"}
    form |= {"display_currency": "USD", "effective_from_0": "2026-03-18", "effective_from_1": "10:00:00"}
    add = reverse("admin:billing_modelprice_add")
    for wrong in ({"tiers": "9: input=1"}, {"display_currency": "XXX"}, {"audio_input": "-1"}, {"cache_write_1h": "x"}):
        answer = staff.post(add, {**form, **wrong})
        assert list(answer.context["adminform"].form.errors) == list(wrong)
    assert staff.post(add, {**form, "tiers": "9: input=1, output=2", "audio_input": "3"}).status_code == 302
    (row,) = ModelPrice.objects.all()
    assert row.tiers == [{"above": 9, "input": usd("1"), "output": usd("2")}]
    assert row.audio_input == usd("3")


@pytest.mark.parametrize(
    ("fields", "is_right"),
    [
        ({"model": "m", "input": 1, "output": 2}, True),
        ({"group": True, "ratio_ppm": 250_000}, True),
        ({"model": "m", "input": 1}, False),
        ({"model": "m", "input": 1, "output": -2}, False),
        ({"model": "m", "input": 1, "output": 2, "group": True, "ratio_ppm": 1}, False),
        ({"group": True}, False),
        ({"group": True, "ratio_ppm": 0}, False),
        ({"ratio_ppm": 5}, False),
        ({}, False),
    ],
)
def test_an_override_is_a_price_or_a_ratio(alice, fields, is_right):
    if fields.get("group"):
        fields = {**fields, "group": make_group()}
    override = PriceOverride(user=alice, **fields)
    if is_right:
        override.full_clean()
        override.save()
        return
    with pytest.raises(ValidationError):
        override.full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        override.save()


@pytest.mark.parametrize("kind", ["model", "group"])
def test_a_customer_has_one_override_for_a_thing(alice, bob, kind):
    fields = {"model": "m", "input": 1, "output": 2} if kind == "model" else {"group": make_group(), "ratio_ppm": 5}
    PriceOverride.objects.create(user=alice, **fields)
    PriceOverride.objects.create(user=bob, **fields)
    with pytest.raises(IntegrityError), transaction.atomic():
        PriceOverride.objects.create(user=alice, **fields)
