"""A customer's own price and ratio decide the quote; a channel's cost is noted beside the charge."""

import time

import pytest

from billing.models import PriceOverride
from billing.pricing import Prices
from config.kernel.money import usd
from relay.models import ChannelModel
from tests.relay.conftest import chat

pytestmark = pytest.mark.live
TRIES = 60


def call_until(caller, is_seen):
    """The first record that a serving process made after it had read the change."""
    for _ in range(TRIES):
        assert caller.post(chat()).status_code == 200
        record = caller.records[-1]
        if is_seen(record):
            return record
        time.sleep(0.1)
    raise AssertionError("the change never reached the relay")


def test_own_terms_are_quoted_and_charged(caller_of):
    alice = caller_of(models=("sandbox-mini",))
    PriceOverride.objects.create(user=alice.user, model="sandbox-mini", input=usd("0.5"), output=usd("0.75"))
    PriceOverride.objects.create(user=alice.user, group=alice.token.group, ratio_ppm=500_000)
    record = call_until(alice, lambda row: row.ratio_ppm == 500_000 and row.prices["input"] == usd("0.5"))
    assert record.quote.prices == Prices.of(input=usd("0.5"), output=usd("0.75"))
    per_token = usd("0.00000025") * record.input_tokens + usd("0.000000375") * record.output_tokens
    assert record.charge == per_token


def test_what_the_channel_takes_is_noted(caller_of):
    alice = caller_of(models=("sandbox-mini",))
    row = ChannelModel.objects.get(model="sandbox-mini")
    row.cost_input, row.cost_output = usd("0.5"), usd("1")
    row.save()
    record = call_until(alice, lambda row: row.cost is not None)
    assert record.cost == usd("0.0000005") * record.input_tokens + usd("0.000001") * record.output_tokens
    assert 2 * record.cost == record.charge


def test_an_unknown_cost_stays_unknown(caller_of):
    alice = caller_of(models=("sandbox-mini",))
    assert alice.post(chat()).status_code == 200
    assert alice.records[0].cost is None
