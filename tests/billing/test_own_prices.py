"""Customers' own prices and ratios reach the price list that requests are quoted by."""

import pytest
from django.utils import timezone

from billing.models import PriceOverride
from billing.prices import load_price_list
from billing.pricing import Prices
from config.kernel.money import usd
from tests.factories import make_group, make_price
from tokens.config_version import current_versions

pytestmark = [pytest.mark.django_db, pytest.mark.money]


def test_a_price_of_ones_own_replaces_the_lists_wholly(alice, bob):
    make_price("m", input="1", output="2", cache_read=usd("0.1"), tiers=[{"above": 9, "input": 7, "output": 7}])
    PriceOverride.objects.create(user=alice, model="m", input=usd("0.5"), output=usd("0.6"))
    listed = load_price_list()
    entry = listed.price_of("m", at=timezone.now())
    assert listed.prices_for(alice.pk, "m", entry) == Prices.of(input=usd("0.5"), output=usd("0.6"))
    assert listed.prices_for(bob.pk, "m", entry) == entry.prices
    assert listed.prices_for(alice.pk, "other", entry) == entry.prices


def test_a_ratio_of_ones_own_is_known_by_the_groups_code(alice, bob):
    PriceOverride.objects.create(user=alice, group=make_group("28%", ratio_ppm=280_000), ratio_ppm=200_000)
    listed = load_price_list()
    assert dict(listed.ratios_for(alice.pk)) == {"28%": 200_000}
    assert not listed.ratios_for(bob.pk)


def test_serving_processes_are_told(alice):
    before = current_versions().get("prices", 0)
    override = PriceOverride.objects.create(user=alice, group=make_group(), ratio_ppm=5)
    added = current_versions()["prices"]
    override.delete()
    assert before < added < current_versions()["prices"]
