"""Secrets of payment accounts: sealed to their row, replaced without a gap, never kept in clear."""

from datetime import timedelta

import pytest
from django.utils import timezone

from orders.models import ProviderAccount
from orders.payments.accounts import is_usable, open_secrets, opened, problems_of, set_secrets
from tests.orders.shop import make_account

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(gateway):
    return make_account()


def test_nothing_is_stored_in_clear(account):
    assert b"a proper secret" not in bytes(ProviderAccount.objects.get().secrets_sealed)
    assert "a proper secret" not in repr(opened(account))


def test_the_old_secret_verifies_for_a_day(account):
    set_secrets(account, {"secret": "a new one"})
    account.save()
    assert opened(account).secrets == {"secret": "a new one", "previous_secret": "a proper secret"}
    account.rotated_at = timezone.now() - timedelta(hours=25)
    assert opened(account).secrets == {"secret": "a new one"}


def test_a_secret_that_was_replaced_long_ago_does_not_return_with_the_next_change(account):
    set_secrets(account, {"secret": "a new one"})
    account.rotated_at = timezone.now() - timedelta(hours=25)
    set_secrets(account, {"key": "the first"})
    set_secrets(account, {"key": "the second"})
    assert opened(account).secrets == {"secret": "a new one", "key": "the second", "previous_key": "the first"}


@pytest.mark.parametrize("given", [{"secret": ""}, {"secret": "a proper secret"}, {}])
def test_saying_nothing_new_replaces_nothing(account, given):
    set_secrets(account, given)
    assert (open_secrets(account), account.rotated_at) == ({"secret": "a proper secret"}, None)


def test_secrets_of_another_row_do_not_open(account):
    other = make_account("other")
    other.secrets_sealed = account.secrets_sealed
    assert not is_usable(other)
    assert problems_of(other)


def test_without_a_secret_it_is_not_usable(gateway):
    assert problems_of(make_account(secret="")) == ["The secret is missing."]


def test_an_unknown_protocol_is_a_problem_and_no_crash(account):
    account.provider = "gone"
    assert problems_of(account)
