"""What one transaction does when its requests depend on each other, and where its rules have their edges."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError

from accounts.models import User
from billing.admission import TokenState, WalletState, admit
from billing.caps import Spending
from billing.holds import Heartbeat, Settlement
from billing.lots import Lot, commit, place_hold, settle
from billing.models import UsageRecord
from billing.pricing import Usage
from billing.proof import check_books
from config.kernel.errors import DomainError
from config.kernel.money import usd
from tests.factories import make_hold, make_token, make_user
from tokens.models import Token

pytestmark = [pytest.mark.money, pytest.mark.django_db]
NOW = datetime(2025, 3, 1, tzinfo=UTC)


def ending(hold, tokens=10_000):
    """A settlement at two dollars per million tokens."""
    return Settlement(hold.id, "settled", "completed", "reported", Usage(input=0, output=tokens), 2_000 * tokens)


def codes(answers):
    return [answer.code if isinstance(answer, DomainError) else "held" for answer in answers]


def test_quota_freed_in_a_lot_serves_the_holds_of_the_same_lot():
    token = make_token(make_user(balance="10"), quota=usd("0.20"))
    first, second = make_hold(token, amount="0.20"), make_hold(token, amount="0.17")
    place_hold(first)
    outcome = commit(Lot(settlements=[ending(first)], holds=[second, make_hold(token, amount="0.02")]))
    assert outcome.settled == [True]
    assert codes(outcome.refusals) == ["held", "key_quota_exhausted"]  # 0.02 was charged and 0.17 is held: 0.01 is left
    assert (Token.objects.get().used, Token.objects.get().held) == (usd("0.02"), usd("0.17"))
    assert check_books() == []


@pytest.mark.parametrize("tokens", [0, 1, 7, 50, 100])
def test_quota_is_freed_to_the_last_nano_dollar(tokens):
    token = make_token(make_user(balance="10"), quota=200_001)
    first, second, third = (make_hold(token) for _ in range(3))
    place_hold(replace(first, amount=200_001))
    rest = [replace(second, amount=200_001 - 2_000 * tokens), replace(third, amount=1)]
    outcome = commit(Lot(settlements=[ending(first, tokens)], holds=rest))
    assert codes(outcome.refusals) == ["held", "key_quota_exhausted"]


def test_a_lot_frees_exactly_what_it_does_not_charge():
    token = make_token(make_user(balance="0.20"))
    first = make_hold(token, amount="0.20")
    place_hold(first)
    holds = [make_hold(token, amount="0.18"), make_hold(token, amount="0.01")]
    assert codes(commit(Lot(settlements=[ending(first)], holds=holds)).refusals) == ["held", "insufficient_quota"]


def test_of_settlements_in_one_lot_the_first_counts():
    token = make_token(make_user(balance="1"))
    hold = make_hold(token)
    place_hold(hold)
    outcome = commit(Lot(settlements=[ending(hold, 7_000), ending(hold, 9_000)]))
    assert outcome.settled == [True, False]
    assert Token.objects.get().used == 7_000 * 2_000


def test_the_same_settlement_twice_in_one_lot_settles_once():
    token = make_token(make_user(balance="1"))
    hold = make_hold(token)
    place_hold(hold)
    once = ending(hold)
    assert commit(Lot(settlements=[once, once])).settled == [True, False]


def test_of_heartbeats_in_one_lot_the_last_counts():
    token = make_token(make_user(balance="1"))
    hold = make_hold(token)
    place_hold(hold)
    commit(Lot(heartbeats=[Heartbeat(hold.id, Usage(output=tokens)) for tokens in range(1, 40)]))
    assert UsageRecord.objects.get().output_tokens == 39


def delete_key(token):
    Token.objects.filter(pk=token.pk).update(deleted_at=NOW)


def disable_key(token):
    Token.objects.filter(pk=token.pk).update(is_enabled=False)


def suspend_account(token):
    User.objects.filter(pk=token.user_id).update(is_active=False)


@pytest.mark.parametrize("revoke", [delete_key, disable_key, suspend_account])
def test_a_heartbeat_says_whose_key_was_revoked(revoke):
    bad, good = make_token(make_user(balance="1")), make_token(make_user("bob@example.com", balance="1"))
    holds = [make_hold(bad), make_hold(good), make_hold(bad)]
    for hold in holds:
        place_hold(hold)
    settle(ending(holds[2]))
    revoke(bad)
    assert commit(Lot(heartbeats=[Heartbeat(hold.id, Usage()) for hold in holds])).revoked == [True, False, False]


def test_only_a_retry_may_place_the_same_hold_again():
    token = make_token(make_user(balance="1"))
    hold = make_hold(token)
    place_hold(hold)
    assert commit(Lot(holds=[hold], is_retry=True)).refusals == [None]
    with pytest.raises(IntegrityError):
        place_hold(hold)
    assert Token.objects.get().held == hold.amount


def test_a_settlement_is_not_suspect_unless_it_says_so():
    token = make_token(make_user(balance="1"))
    plain, odd = make_hold(token), make_hold(token)
    commit(Lot(holds=[plain, odd]))
    settle(ending(plain))
    settle(replace(ending(odd), is_suspect=True))
    assert [UsageRecord.objects.get(pk=hold.id).is_suspect for hold in (plain, odd)] == [False, True]


@pytest.mark.parametrize(
    ("expires_in", "code"), [(timedelta(0), "key_expired"), (timedelta(microseconds=1), "held"), (None, "held")]
)
def test_a_key_expires_at_its_moment(expires_in, code):
    state = token_state(expires_at=None if expires_in is None else NOW + expires_in)
    assert ask([5], wallet=WalletState(5, True), token=state) == [code]


def test_each_hold_leaves_less_for_the_next():
    asked, wallet, token = [4, 4, 1, 2, 1], WalletState(9, True), token_state(left=7)
    assert ask(asked, wallet=wallet, token=token) == [
        "held",
        "key_quota_exhausted",
        "held",
        "held",
        "key_quota_exhausted",
    ]
    assert (wallet.available, token.left) == (2, 0)


@pytest.mark.parametrize(
    ("available", "left", "daily_cap", "held"),
    [
        (100, None, None, 10),
        (10, 10, 10, 10),
        (9, None, None, 9),
        (50, 8, None, 8),
        (50, 9, 7, 7),
        (4, None, None, 4),
        (3, None, None, "insufficient_quota"),
        (50, 3, None, "key_quota_exhausted"),
        (50, None, 3, "key_quota_exhausted"),
    ],
)
def test_a_hold_that_may_be_lower_takes_what_is_left(available, left, daily_cap, held):
    row = make_token(make_user())
    hold = replace(make_hold(row), amount=10, least=4)
    wallet, token = WalletState(available, True), token_state(left=left)
    token.spending.daily_cap = daily_cap
    (answer,) = admit([hold], wallets={row.user_id: wallet}, tokens={row.pk: token}, now=NOW)
    assert (answer.code if isinstance(answer, DomainError) else answer.amount) == held
    assert wallet.available == available - (held if isinstance(held, int) else 0)


def test_what_is_held_in_place_of_more_is_told_and_written_down():
    token = make_token(make_user(balance="0.05"))
    first, second = make_hold(token, amount="0.03"), replace(make_hold(token, amount="0.04"), least=usd("0.01"))
    assert commit(Lot(holds=[first, second])).held == [usd("0.03"), usd("0.02")]
    assert UsageRecord.objects.get(pk=second.id).hold == usd("0.02")
    assert commit(Lot(holds=[second], is_retry=True)).held == [usd("0.02")]
    assert check_books() == []


def test_a_refused_hold_takes_nothing():
    wallet, token = WalletState(3, True), token_state(left=100)
    assert ask([4, 3, 1], wallet=wallet, token=token) == ["insufficient_quota", "held", "insufficient_quota"]
    assert (wallet.available, token.left) == (0, 97)


def test_a_wallet_or_key_that_is_not_there_is_a_refusal():
    assert ask([0], wallet=None, token=token_state()) == ["insufficient_quota"]
    assert ask([0], wallet=WalletState(1, True), token=None) == ["invalid_api_key"]


@pytest.mark.parametrize(
    ("available", "words"),
    [
        (None, "can cost up to $0.1 and your balance has $0 left"),
        (usd("0.04"), "can cost up to $0.05 and your balance has $0.04 left"),
    ],
)
def test_a_refusal_says_what_a_call_can_cost_and_what_is_left(available, words):
    row = make_token(make_user())
    hold = replace(make_hold(row), amount=usd("0.10"), least=usd("0.05"))
    wallets = {} if available is None else {row.user_id: WalletState(available, True)}
    (refusal,) = admit([hold], wallets=wallets, tokens={row.pk: token_state()}, now=NOW)
    assert words in refusal.message


def token_state(*, left=None, expires_at=None):
    free = Spending(day=None, day_spent=0, month_spent=0, daily_cap=None, monthly_cap=None)
    return TokenState(is_deleted=False, is_enabled=True, expires_at=expires_at, left=left, spending=free)


def ask(amounts, *, wallet, token):
    """The codes for holds of so many nano-dollars, in their order."""
    row = make_token(make_user())
    holds = [replace(make_hold(row), amount=amount) for amount in amounts]
    wallets = {row.user_id: wallet} if wallet else {}
    tokens = {row.pk: token} if token else {}
    return codes(admit(holds, wallets=wallets, tokens=tokens, now=NOW))
