"""Finished usage records at any moment, written as the relay would have left them."""

from datetime import UTC, datetime, timedelta
from random import Random

from billing.models import ModelPrice, UsageRecord
from billing.pricing import KINDS, Quote, Usage, charge
from billing.totals import Totals
from config.kernel.ids import uuid7_at
from tests.factories import make_price

NOW = datetime(2026, 3, 18, 10, 30, tzinfo=UTC)
_noise = Random(7)
_STATUSES = UsageRecord.Status


def build_record(token, *, at=NOW, model="test-model", usage=None, status=_STATUSES.SETTLED, **values):
    """An unsaved record, charged by its own price as the relay charges."""
    price = ModelPrice.objects.filter(model=model).first() or make_price(model)
    quote = Quote(price_id=price.pk, prices=price.prices, ratio_ppm=values.pop("ratio_ppm", 1_000_000))
    usage = usage or Usage(input=1_000, output=100)
    settled = status == _STATUSES.SETTLED
    cost = charge(usage, quote).total if settled else 0
    row = UsageRecord(
        id=uuid7_at(int(at.timestamp() * 1000), _noise.getrandbits(74)),
        user_id=token.user_id,
        token=token,
        token_name=token.name,
        group="default",
        endpoint="chat.completions",
        is_stream=False,
        model=model,
        price=price,
        prices=price.prices.as_dict(),
        ratio_ppm=quote.ratio_ppm,
        status=status,
        hold=10**9,
        charge=cost,
        end_reason="completed" if settled else "upstream_error",
        rule="reported" if settled else "nothing",
        created_at=at,
        lease_until=at + timedelta(seconds=30),
    )
    if settled:
        for kind in KINDS:
            setattr(row, f"{kind}_tokens", getattr(usage, kind))
        row.first_byte_ms, row.total_ms, row.http_status = 300, 1_200, 200
    for name, value in values.items():
        setattr(row, name, value)
    return row


def make_record(token, **values):
    row = build_record(token, **values)
    row.save(force_insert=True)
    return row


def make_records(token, moments, **values):
    return UsageRecord.objects.bulk_create(build_record(token, at=moment, **values) for moment in moments)


def minutes_before(now, count, *, step=1):
    """`count` moments, newest first, `step` minutes apart."""
    return [now - timedelta(minutes=step * number) for number in range(1, count + 1)]


def totals_of(rows):
    """What the rows add up to, in plain Python: the answer every selector is held against."""
    return sum((_totals_of(row) for row in rows), Totals())


def _totals_of(row):
    return Totals(
        requests=1,
        succeeded=int(row.status == _STATUSES.SETTLED),
        input_tokens=row.usage.prompt_total,
        cached_tokens=row.cache_read_tokens or 0,
        output_tokens=row.usage.completion_total,
        charge=row.charge,
        running=int(row.status == _STATUSES.OPEN),
    )
