"""How often a key's callers may leave before an answer: so many in an hour, and one in twenty of its calls."""

from datetime import timedelta

import pytest
from django.utils import timezone

from relay.leaving import leaves_too_often
from tests.billing.usage_rows import make_records
from tests.factories import make_token, make_user

pytestmark = pytest.mark.django_db
LEFT = {"status": "failed", "end_reason": "client_gone", "rule": "nothing"}


@pytest.fixture
def token():
    return make_token(make_user())


@pytest.fixture(autouse=True)
def two_are_free(settings):
    settings.RELAY_FREE_LEAVES = 2


def calls(token, count, *, ago=timedelta(minutes=1), **values):
    make_records(token, [timezone.now() - ago] * count, **values)


def test_the_free_ones_are_counted(token):
    calls(token, 1, **LEFT)
    assert not leaves_too_often(token.pk)
    calls(token, 1, **{**LEFT, "status": "settled", "rule": "prompt"})
    assert leaves_too_often(token.pk)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"status": "failed"},  # the upstream's fault
        {"status": "failed", "end_reason": "revoked"},
        {"end_reason": "client_gone", "rule": "delivered"},  # paid for what came
        {**LEFT, "ago": timedelta(minutes=61)},
    ],
)
def test_others_are_not(token, values):
    calls(token, 5, **values)
    assert not leaves_too_often(token.pk)


def test_nor_are_those_of_another_key(token):
    calls(make_token(token.user), 5, **LEFT)
    assert not leaves_too_often(token.pk)


def test_who_mostly_stays_may_leave_more_often(token):
    calls(token, 5, ago=timedelta(minutes=30), **LEFT)
    calls(token, 38)
    assert leaves_too_often(token.pk)
    calls(token, 1)
    assert not leaves_too_often(token.pk)
