"""The catalogue of public list prices: what is in it, and that loading it changes no price."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from billing.catalogue import CATALOGUE_FILE, load_catalogue, read_catalogue
from billing.models import ModelPrice
from billing.pricing import Quote as Terms
from billing.pricing import Usage, charge
from config.kernel.money import usd
from relay.providers import PROVIDERS
from tests.factories import make_price

pytestmark = pytest.mark.django_db


def load(*arguments):
    out = StringIO()
    call_command("load_prices", *arguments, stdout=out)
    return out.getvalue()


def listed(model):
    return next(entry for entry in read_catalogue() if entry.price.model == model)


def test_it_has_about_sixty_models_of_many_providers_each_once():
    models = [entry.price.model for entry in read_catalogue()]
    assert len(models) == len(set(models)) >= 60
    providers = {entry.price.provider for entry in read_catalogue()}
    assert len(providers) >= 13
    assert providers - {"anthropic"} <= set(PROVIDERS)


def test_every_price_has_a_page_a_day_and_makes_sense():
    for entry in read_catalogue():
        price = entry.price
        assert entry.source.startswith("https://")
        assert entry.date[:2] == "20"
        assert 0 < price.input <= price.output
        assert price.cache_read is None or 0 < price.cache_read < price.input
        assert all(tier["input"] >= price.input and tier["output"] >= price.output for tier in price.tiers)
        quote = Terms(price_id=1, prices=price.prices, ratio_ppm=1_000_000)
        assert charge(Usage(input=1, output=1), quote).total > 0


def test_it_says_that_prices_must_be_checked():
    assert "CHECK BEFORE SELLING" in CATALOGUE_FILE.read_text(encoding="utf-8")


def test_yuan_are_converted_at_the_stated_rate_and_rounded_up():
    price = listed("qwen3.8-max").price
    assert (price.input, price.display_currency) == (1_666_666_667, "CNY")  # 12 / 7.20


def test_dollars_are_taken_exactly():
    price = listed("gemini-2.5-pro").price
    assert (price.input, price.tiers[0]["above"], price.tiers[0]["output"]) == (usd("1.25"), 200_000, usd("15"))


def test_only_models_without_a_price_get_one():
    mine = make_price("gpt-5", input="9", output="9")
    output = load()
    assert ModelPrice.objects.get(model="gpt-5").input == mine.input
    assert ModelPrice.objects.count() == len(read_catalogue())
    assert "gpt-5: has a price already" in output
    assert "Check before selling" in output
    before = list(ModelPrice.objects.order_by("pk").values())
    load()
    assert list(ModelPrice.objects.order_by("pk").values()) == before


def test_a_dry_run_says_what_it_would_do_and_does_nothing():
    assert "gpt-5: $1.25 in, $10.00 out" in load("--dry-run")
    assert not ModelPrice.objects.exists()


def test_only_some_models():
    output = load("--only", "gpt-5", "doubao-seed-1.8")
    assert set(ModelPrice.objects.values_list("model", flat=True)) == {"gpt-5", "doubao-seed-1.8"}
    assert "NOT VERIFIED" in output


def test_a_name_it_does_not_know_is_named():
    with pytest.raises(CommandError, match="no-such-model"):
        load("--only", "gpt-5", "no-such-model")
    assert ModelPrice.objects.get().model == "gpt-5"
    assert load_catalogue(only=["gpt-5"]).added == []
