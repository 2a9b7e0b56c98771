"""The proof trusts no roll-up: each is held against its rows, a slice at a time or all at once."""

from itertools import pairwise

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.db.models import F, Sum
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing import proof, rollup_proof
from billing.models import LedgerEntry, RollupMark, UsageRecord, UsageRollup, Wallet
from billing.pricing import Usage
from billing.proof import check_books, read_books
from billing.rollup_proof import prove_all, prove_slice
from billing.rollups import ROLLUPS, SUMMARIES, hours_of, roll_up_usage, rolled_span
from billing.spans import HOUR, Span, floor_hour
from tests.billing.tampering import tamper
from tests.billing.usage_rows import make_record, make_records, minutes_before
from tests.factories import give, make_price, make_token
from tokens.models import Token

pytestmark = [pytest.mark.money, pytest.mark.django_db]
OLD_DAYS = 8


@pytest.fixture
def now():
    return floor_hour(timezone.now())


@pytest.fixture
def token(alice, now):
    """A key whose usage of eight days is rolled up, and whose books agree."""
    give(alice, "100")
    token = make_token(alice)
    make_records(token, minutes_before(now, 24, step=OLD_DAYS * 60), is_stream=True)
    make_records(token, minutes_before(now, 6, step=50), model="second-model")
    make_record(token, at=now - 30 * HOUR, status="failed")
    settle_counters()
    while roll_up_usage(now=now + HOUR):
        pass
    return token


def settle_counters():
    charged = UsageRecord.objects.aggregate(total=Sum("charge"))["total"]
    Wallet.objects.update(balance=F("balance") - charged)
    Token.objects.update(used=charged)


def seen(differences):
    return {(difference.column, difference.expected, difference.found) for difference in differences}


def oldest():
    return UsageRecord.objects.order_by("id").first()


def newest():
    return UsageRecord.objects.order_by("-id").first()


def test_true_roll_ups_agree(token):
    assert UsageRollup.objects.count() > 24
    assert list(prove_all()) == prove_slice() == []
    assert check_books() == check_books(full=True) == []


def test_without_roll_ups_there_is_nothing_to_prove(alice):
    assert list(prove_all()) == prove_slice() == []
    make_record(make_token(alice))
    assert list(prove_all()) == prove_slice() == []


def test_any_tampered_sum_is_found(token):
    rollup = UsageRollup.objects.filter(streamed_requests__gt=0).order_by("hour").first()
    stored = UsageRollup.objects.filter(pk=rollup.pk)
    for column in ROLLUPS.sums:
        was = getattr(rollup, column)
        stored.update(**{column: was + 3})
        assert seen(rollup_proof.differences(Span(rollup.hour, rollup.hour + HOUR))) == {(column, was, was + 3)}
        stored.update(**{column: was})


@pytest.mark.parametrize("column", ["output_tokens", "streamed_charge"])
def test_a_tampered_sum_is_named_by_the_full_proof(token, column):
    rollup = UsageRollup.objects.filter(streamed_requests__gt=0).order_by("hour").first()
    UsageRollup.objects.filter(pk=rollup.pk).update(**{column: F(column) + 3})
    (found,) = [violation for violation in check_books(full=True) if violation.invariant == "roll-up"]
    assert found.is_money is column.endswith("charge")
    assert f"{column} of {rollup.hour:%Y-%m-%d %H}:00 UTC, user {token.user_id}" in found.row


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"charge": 7}, {("charge", 7, 1_200_000), ("streamed_charge", 7, 1_200_000)}),
        ({"output_tokens": 101}, {("output_tokens", 101, 100), ("streamed_output_tokens", 101, 100)}),
        ({"status": "failed"}, {("succeeded", 0, 1), ("streamed_succeeded", 0, 1)}),
    ],
)
def test_a_tampered_row_disagrees_with_its_roll_up(token, values, expected):
    tamper(oldest(), **values)
    assert seen(prove_all()) == expected


def test_a_settled_row_is_still_refused_after_tampering(token):
    tamper(oldest(), charge=1)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        UsageRecord.objects.filter(pk=oldest().pk).update(charge=2)


def test_a_row_that_is_counted_elsewhere_is_two_differences(token):
    tamper(oldest(), model="second-model")
    assert ("charge", 0, 1_200_000) in seen(prove_all())
    assert ("charge", 1_200_000, 0) in seen(prove_all())


def test_roll_ups_that_are_missing_doubled_or_invented_are_found(token, now):
    first = UsageRollup.objects.order_by("hour").first()
    for change in ({"pk": None}, {"pk": None, "hour": first.hour + HOUR}, {"pk": None, "hour": first.hour - 50 * HOUR}):
        UsageRollup(**{**row_of(first), **change}).save()
        assert ("charge" in {difference.column for difference in prove_all()}) is True, change
        UsageRollup.objects.order_by("-pk").first().delete()
    assert list(prove_all()) == []
    UsageRollup.objects.filter(pk=first.pk).delete()
    assert ("requests", 1, 0) in seen(prove_all())


def row_of(rollup):
    return {field.attname: getattr(rollup, field.attname) for field in UsageRollup._meta.concrete_fields}


@pytest.mark.parametrize("table", SUMMARIES, ids=lambda table: table.model.__name__)
def test_every_sum_of_a_summary_is_proved_and_repaired(token, table):
    row = table.model.objects.earliest("hour")
    stored, hour = table.model.objects.filter(pk=row.pk), Span(row.hour, row.hour + HOUR)
    for column in table.sums:
        was = getattr(row, column)
        stored.update(**{column: was + 3})
        (found,) = rollup_proof.differences(hour)
        assert (found.column, found.expected, found.found) == (column, was, was + 3)
        assert (found.about == "all accounts") is (table.keys == ())
        stored.update(**{column: was})
    stored.delete()
    assert ("charge", row.charge, 0) in seen(prove_all())
    rollup_proof.repair()
    assert list(prove_all()) == []


def test_a_late_row_is_found_by_the_next_proof(token, now):
    make_record(token, at=now - 5 * HOUR)
    assert ("requests", 1, 2) not in seen(prove_slice())
    assert "requests" in {difference.column for difference in prove_slice()}


def test_every_hour_is_looked_at_once_a_round_and_then_again(token, monkeypatch):
    monkeypatch.setattr(rollup_proof, "SLICES", 7)
    ends = []
    for _ in range(14):
        prove_slice()
        ends.append(RollupMark.objects.get(name=rollup_proof.MARK).rolled_until)
    assert ends[:7] == ends[7:] == sorted(set(ends))
    assert ends[6] == rolled_span().end


def test_an_old_lie_is_found_within_a_round(token, monkeypatch):
    monkeypatch.setattr(rollup_proof, "SLICES", 12)
    tamper(UsageRecord.objects.order_by("id")[10], charge=7)
    runs = [bool(prove_slice()) for _ in range(12)]
    assert runs.count(True) == 1


def test_the_newest_day_is_looked_at_by_every_proof(token):
    tamper(newest(), charge=7)
    for _ in range(3):
        assert ("charge", 7, newest_rollup().charge) in seen(prove_slice())


def newest_rollup():
    return UsageRollup.objects.order_by("-hour").first()


# ── The books ────────────────────────────────────────────────────────────────


def test_a_wrong_roll_up_shows_in_the_balance_at_once(token):
    UsageRollup.objects.filter(pk=UsageRollup.objects.order_by("hour").first().pk).update(charge=F("charge") + 9)
    assert {"balance", "used"} <= {violation.invariant for violation in check_books()}


def test_repair_rolls_up_again_instead_of_explaining_a_balance_that_is_right(token):
    before = LedgerEntry.objects.count()
    UsageRollup.objects.filter(pk=UsageRollup.objects.order_by("hour").first().pk).update(charge=F("charge") + 9)
    UsageRollup.objects.filter(pk=newest_rollup().pk).delete()
    proof.repair_books()
    assert check_books(full=True) == []
    assert LedgerEntry.objects.count() == before


def test_repair_explains_what_a_tampered_row_leaves(token):
    balance = Wallet.objects.get(user=token.user).balance
    tamper(oldest(), charge=1_199_990)
    proof.repair_books()
    assert [violation.invariant for violation in check_books(full=True)] == ["charge"]
    assert (LedgerEntry.objects.first().amount, Wallet.objects.get(user=token.user).balance) == (-10, balance)


def test_a_consistent_lie_is_found_by_recomputing_every_charge(token, monkeypatch):
    monkeypatch.setattr(proof, "RECOMPUTED_ROWS", 3)
    liar = oldest()
    tamper(liar, charge=liar.charge - 5)
    UsageRollup.objects.filter(hour=floor_hour(liar.created_at)).update(
        charge=F("charge") - 5, streamed_charge=F("streamed_charge") - 5
    )
    for table in SUMMARIES:
        hours_of(table, Span(floor_hour(liar.created_at), floor_hour(liar.created_at) + HOUR)).update(
            charge=F("charge") - 5
        )
    Wallet.objects.filter(user=token.user).update(balance=F("balance") + 5)
    Token.objects.filter(pk=token.pk).update(used=F("used") - 5)
    assert check_books() == []
    found = check_books(full=True)
    assert [(violation.invariant, violation.expected - violation.found) for violation in found] == [("charge", 5)]


def test_charges_of_every_kind_of_token_are_recomputed(token, now):
    make_price("voice-model", audio_input=90_000_000_000, cache_write_1h=7_000_000_000)
    make_record(token, at=now, model="voice-model", usage=Usage(input=5, audio_input=11, cache_write_1h=3, output=2))
    assert "charge" not in {violation.invariant for violation in check_books(full=True)}


def test_roll_ups_beyond_the_mark_are_not_counted(token):
    row = row_of(newest_rollup()) | {"pk": None, "id": None, "hour": rolled_span().end}
    UsageRollup.objects.create(**{name: value for name, value in row.items() if name != "pk"})
    assert check_books() == []


def test_spending_of_rolled_up_hours_counts_on_the_day_it_was_counted(token, now):
    day = now.date()
    make_record(token, at=now + HOUR / 2, counted_on=day)
    before = read_books().spent[token.pk, day]
    assert before == 1_200_000
    while roll_up_usage(now=now + 2 * HOUR):
        pass
    assert read_books().spent[token.pk, day] == before
    Token.objects.filter(pk=token.pk).update(day=day, day_spent=before, month_spent=before + 1)
    found = [violation for violation in check_books() if violation.invariant.endswith("_spent")]
    assert [(violation.invariant, violation.expected) for violation in found] == [("month_spent", before)]


def test_the_number_of_statements_does_not_grow(token, now):
    few = statements()
    make_records(token, minutes_before(now + 3 * HOUR, 300, step=0.5))
    roll_up_usage(now=now + 9 * HOUR)
    assert statements() == few


def statements():
    check_books()
    with CaptureQueriesContext(connection) as captured:
        check_books()
    return len(captured)


def test_the_command_proves_everything_when_asked(token, capsys):
    call_command("ledger_check", "--full")
    assert "agree" in capsys.readouterr().out
    tamper(UsageRecord.objects.order_by("id")[10], output_tokens=5_000, charge=0)
    with pytest.raises(SystemExit):
        call_command("ledger_check", "--full")
    said = capsys.readouterr().err
    assert "roll-up: output_tokens of " in said
    assert "should be 5,000, is 100" in said
    assert "charge: usage record" in said


def test_pieces_of_a_day_cover_a_span(now):
    span = Span(now - 50 * HOUR, now)
    pieces = list(rollup_proof.days_in(span))
    assert [pieces[0].start, pieces[-1].end, len(pieces)] == [span.start, span.end, 3]
    assert all(left.end == right.start for left, right in pairwise(pieces))
