"""Redemption codes: made by thousands, told apart from typing errors, and redeemed once whoever comes at once."""

import csv
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from billing.models import LedgerEntry, Wallet
from billing.proof import check_books
from config.kernel.errors import InvalidInput, RateLimited
from config.kernel.sealing import SealBroken
from orders import codes
from orders.code_format import LENGTH, grouped, is_well_formed, make_code, normalized
from orders.codes import CodeRefused, UnknownCode, export, make_batch, redeem
from orders.models import CodeBatch, RedemptionCode
from orders.numbers import ALPHABET
from orders.tries import network_of
from tests.factories import make_user
from tests.tokens.races import at_once

pytestmark = [pytest.mark.money, pytest.mark.django_db(transaction=True)]
QUOTA = 5_000_000
CREDIT = 10_000_000_000


@pytest.fixture
def alice():
    return make_user("alice@example.com")


@pytest.fixture
def bob():
    return make_user("bob@example.com")


@pytest.fixture(autouse=True)
def _books_agree(transactional_db):
    yield
    assert check_books() == []


def batch_of(count=1, **terms):
    return make_batch(**({"name": "spring fair", "quota": QUOTA, "count": count} | terms))


def rows_of(batch):
    return list(csv.DictReader("".join(export(batch)).lstrip("\ufeff").splitlines()))


def codes_of(batch):
    return [row["code"] for row in rows_of(batch)]


def a_code(**terms):
    return codes_of(batch_of(**terms))[0]


def balance(user):
    return Wallet.objects.get(user=user).balance


def refusal(user, code):
    with pytest.raises(CodeRefused) as refused:
        redeem(user=user, code=code)
    return str(refused.value)


# ── The string ───────────────────────────────────────────────────────────────


def test_codes_have_an_unambiguous_look():
    code = make_code()
    assert is_well_formed(code)
    assert len(code) == LENGTH
    assert not set(code) & set("01IO")
    assert [len(group) for group in grouped(code).split("-")] == [4, 4, 4, 4]


def test_every_wrong_character_is_found():
    code = make_code()
    wrong = [code[:at] + letter + code[at + 1 :] for at in range(LENGTH) for letter in ALPHABET if letter != code[at]]
    assert len(wrong) == LENGTH * (len(ALPHABET) - 1)
    assert not any(map(is_well_formed, wrong))


def test_every_swap_is_found():
    code = make_code()
    for first in range(LENGTH):
        for second in range(first + 1, LENGTH):
            letters = list(code)
            letters[first], letters[second] = letters[second], letters[first]
            assert is_well_formed("".join(letters)) == (code[first] == code[second])


@pytest.mark.parametrize("junk", ["", "x", "A" * 15, "A" * 17, "0" * 16, "ÄÖÜß" * 4, "\x00" * 16])
def test_junk_is_no_code(junk):
    assert not is_well_formed(normalized(junk))


# ── Making and exporting ─────────────────────────────────────────────────────


def test_ten_thousand_at_once_in_few_statements(django_assert_max_num_queries):
    with django_assert_max_num_queries(100):
        batch = batch_of(10_000)
    assert batch.codes.count() == 10_000
    exported = codes_of(batch)
    assert len(set(exported)) == 10_000
    assert all(is_well_formed(normalized(code)) for code in exported)


@pytest.mark.parametrize(
    "terms", [{"count": 0}, {"count": 10_001}, {"quota": 0}, {"quota": 10**15}, {"per_customer": 0}]
)
def test_impossible_batches_are_refused(terms):
    with pytest.raises(InvalidInput):
        batch_of(**terms)
    with pytest.raises(InvalidInput):
        batch_of(expires_at=timezone.now() - timedelta(seconds=60))
    assert not CodeBatch.objects.exists()


def test_the_database_holds_no_code_in_clear():
    code = normalized(a_code())
    row = RedemptionCode.objects.get()
    assert code.encode() not in bytes(row.code_hash) + bytes(row.code_sealed)
    assert row.tail == code[-4:]


def test_a_sealed_copy_opens_in_its_own_row_only():
    batch = batch_of(2)
    first, second = batch.codes.all()
    RedemptionCode.objects.filter(pk=first.pk).update(code_sealed=second.code_sealed)
    with pytest.raises(SealBroken):
        codes_of(batch)


def test_the_export_says_what_each_code_is_worth_and_runs_no_formula(alice):
    batch = batch_of(2, name="=HYPERLINK(1)")
    redeem(user=alice, code=codes_of(batch)[0])
    used, free = rows_of(batch)
    assert (used["credit_usd"], used["batch"]) == ("10", "'=HYPERLINK(1)")
    assert used["redeemed_at"]
    assert not free["redeemed_at"]


def test_an_export_is_streamed(monkeypatch):
    monkeypatch.setattr(codes, "CHUNK", 3)
    assert [piece.count("\r\n") for piece in export(batch_of(7))] == [1, 3, 3, 1]


# ── Redeeming ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("typed", [str, str.lower, "  {}\n".format, lambda code: code.replace("-", " ")])
def test_a_code_is_credited_however_it_is_typed(alice, typed):
    code = a_code()
    assert redeem(user=alice, code=typed(code)) == CREDIT
    entry = LedgerEntry.objects.get()
    assert (entry.kind, entry.amount, entry.reference) == ("redeem", CREDIT, f"…{code[-4:]}")
    assert entry.idempotency_key == f"code:{RedemptionCode.objects.get().pk}"
    assert balance(alice) == CREDIT


def test_a_second_time_it_is_used(alice, bob):
    code = a_code()
    redeem(user=alice, code=code)
    assert refusal(alice, code) == "You have used this code already."
    assert refusal(bob, code) == "This code has been used."
    assert (balance(alice), balance(bob)) == (CREDIT, 0)


def test_mistyped_and_unknown_codes_get_one_answer(alice):
    code = a_code()
    mistyped = code[:-1] + ("2" if code[-1] != "2" else "3")
    assert refusal(alice, mistyped) == refusal(alice, make_code()) == refusal(alice, "")
    assert balance(alice) == 0


def test_a_mistyped_code_needs_no_look_up(alice, django_assert_num_queries):
    code = a_code()
    with django_assert_num_queries(0):
        refusal(alice, code[:-1])


def test_an_expired_code_says_so(alice):
    code = a_code(expires_at=timezone.now() + timedelta(hours=1))
    CodeBatch.objects.update(expires_at=timezone.now() - timedelta(seconds=60))
    assert refusal(alice, code) == "This code has expired."


def test_a_withdrawn_batch_gives_nothing(alice):
    code = a_code()
    CodeBatch.objects.update(is_active=False)
    assert refusal(alice, code) == "This code can't be redeemed any more."
    assert RedemptionCode.objects.get().redeemed_at is None


def test_the_limit_of_a_customer(alice, bob):
    batch = batch_of(3, per_customer=2)
    first, second, third = codes_of(batch)
    redeem(user=alice, code=first)
    redeem(user=alice, code=second)
    assert "as many codes" in refusal(alice, third)
    redeem(user=bob, code=third)
    assert (balance(alice), balance(bob)) == (2 * CREDIT, CREDIT)


# ── Guessing ─────────────────────────────────────────────────────────────────


def guess(user, times, address="", code="nonsense"):
    for _ in range(times):
        with pytest.raises(UnknownCode):
            redeem(user=user, code=code, address=address)


def test_after_ten_wrong_codes_one_has_to_wait(alice, bob):
    code = a_code()
    guess(alice, 10)
    with pytest.raises(RateLimited) as limited:
        redeem(user=alice, code=code)
    assert limited.value.retry_after
    assert redeem(user=bob, code=code) == CREDIT


def test_many_accounts_from_one_address_have_to_wait_too(bob):
    for _ in range(3):
        guess(make_user(), 10, address="2001:db8:1:2::5")
    with pytest.raises(RateLimited):
        redeem(user=bob, code=a_code(), address="2001:db8:1:2::6")
    assert redeem(user=bob, code=a_code(), address="2001:db8:1:3::5") == CREDIT


@pytest.mark.parametrize(("address", "network"), [("203.0.113.7", "203.0.113.7"), ("unknown", "unknown")])
def test_other_addresses_stand_for_themselves(address, network):
    assert network_of(address) == network


def test_right_codes_and_used_ones_are_not_counted(alice):
    batch = batch_of(12)
    for code in codes_of(batch):
        redeem(user=alice, code=code)
        refusal(alice, code)
    assert balance(alice) == 12 * CREDIT


def test_guesses_at_the_same_time_are_all_counted(alice):
    answers = []

    def guess_once():
        try:
            redeem(user=alice, code="nonsense")
        except (UnknownCode, RateLimited) as error:
            answers.append(type(error))

    at_once(*[guess_once] * 16)
    assert (answers.count(UnknownCode), answers.count(RateLimited)) == (10, 6)


# ── At once ──────────────────────────────────────────────────────────────────


def race(users, codes_to_redeem):
    """Everybody redeems at the same moment; the credits, and the refusals' sentences."""
    start = threading.Barrier(len(users))

    def one(user, code):
        try:
            start.wait(timeout=60)
            return redeem(user=user, code=code)
        except CodeRefused as refused:
            return str(refused)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(users)) as pool:
        return list(pool.map(one, users, codes_to_redeem))


def test_of_a_hundred_users_exactly_one_is_credited():
    users = [make_user() for _ in range(100)]
    answers = race(users, [a_code()] * 100)
    assert answers.count(CREDIT) == 1
    assert answers.count("This code has been used.") == 99
    winner = users[answers.index(CREDIT)]
    assert RedemptionCode.objects.get().redeemed_by == winner
    assert LedgerEntry.objects.get().wallet.user == winner
    assert sum(Wallet.objects.values_list("balance", flat=True)) == CREDIT


def test_one_user_with_a_limit_of_one_and_ten_codes(alice):
    batch = batch_of(10, per_customer=1)
    answers = race([alice] * 10, codes_of(batch))
    assert answers.count(CREDIT) == 1
    assert balance(alice) == CREDIT
