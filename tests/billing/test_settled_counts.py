"""Every count and the cost of a settlement reach the row, and the row alone explains its charge."""

import pytest
from django.urls import reverse

from billing.holds import Settlement, cost_of
from billing.lots import place_hold, settle
from billing.models import UsageRecord
from billing.pricing import KINDS, Prices, Usage, charge
from billing.receipt import Verdict, receipt_of
from config.kernel.money import usd
from tests.factories import make_hold, make_price, make_token, make_user

pytestmark = [pytest.mark.money, pytest.mark.django_db(transaction=True)]

USAGE = Usage(**{kind: 100 + number for number, kind in enumerate(KINDS)})
LONG = {"above": 500, "input": usd("3"), "output": usd("4"), "audio_input": usd("40")}


@pytest.fixture
def alice():
    return make_user("alice@example.com", balance="1")


def settled(user, usage, **fields):
    price = make_price(cache_write_1h=usd("1.6"), audio_output=usd("80"), tiers=[LONG])
    hold = make_hold(make_token(user), price=price, amount="0.50")
    place_hold(hold)
    assert settle(
        Settlement(
            id=hold.id,
            status=UsageRecord.Status.SETTLED,
            end_reason=UsageRecord.EndReason.COMPLETED,
            rule=UsageRecord.Rule.REPORTED,
            usage=usage,
            charge=charge(usage, hold.quote).total,
            **fields,
        )
    )
    return UsageRecord.objects.get(pk=hold.id)


def test_every_kind_of_tokens_has_its_column(alice):
    record = settled(alice, USAGE, cost=usd("0.0001"))
    assert record.usage == USAGE
    assert record.cost == usd("0.0001")


def test_what_nobody_said_stays_unsaid(alice):
    record = settled(alice, Usage(input=5, output=0))
    assert record.usage == Usage(input=5, output=0)
    assert record.cost is None


def test_the_row_alone_explains_its_charge(alice):
    record = settled(alice, USAGE)
    receipt = receipt_of(alice, record.pk)
    assert receipt.verdict == Verdict.EQUAL
    assert [str(line.name) for line in receipt.lines][3:6] == ["Cache write for 1 h", "Audio input", "Image input"]
    assert receipt.lines[4].unit_price == usd("40")
    assert charge(record.usage, record.quote).total == record.charge


def test_how_a_request_ended_reaches_the_row(alice):
    story = {
        "channel_id": 7,
        "channel_name": "second",
        "attempts": ({"channel": "first", "error": "upstream_timeout"},),
        "http_status": 502,
        "error_code": "upstream_error",
        "first_byte_ms": 120,
        "total_ms": 4_500,
        "is_suspect": True,
    }
    record = settled(alice, Usage(), **story)
    assert {name: getattr(record, name) for name in story} == {**story, "attempts": list(story["attempts"])}


def test_what_a_settlement_leaves_out_stays_empty(alice):
    record = settled(alice, Usage())
    assert (record.channel_id, record.http_status, record.first_byte_ms, record.total_ms) == (None,) * 4
    assert (record.channel_name, record.error_code, record.attempts, record.is_suspect) == ("", "", [], False)


def test_a_cost_is_priced_like_a_charge():
    assert cost_of(USAGE, None) is None
    assert cost_of(Usage(input=10, cache_read=5), Prices.of(input=usd("1"), output=0)) == usd("0.000015")


def test_staff_see_the_cost_and_the_rarer_counts_where_there_are_any(alice, client_of, carol):
    def page(record):
        return client_of(carol).get(reverse("admin:billing_usagerecord_change", args=[record.pk])).content.decode()

    rich = page(settled(alice, USAGE, cost=usd("0.004321")))
    assert "$0.004321" in rich
    assert "Audio input tokens" in rich
    plain = page(settled(alice, Usage(input=5, output=1)))
    assert "Audio input tokens" not in plain
