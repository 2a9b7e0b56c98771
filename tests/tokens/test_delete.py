"""Deleting and disabling: at once, for good, and never somebody else's."""

from django.utils import timezone

from billing.models import UsageRecord
from tests.factories import make_price
from tokens.models import Token
from tokens.selectors import tokens_of
from tokens.services import delete_token, delete_tokens, set_enabled, switch_tokens


def test_a_deleted_token_is_gone_from_its_owners_sight_and_disabled(alice, issue):
    token = issue(alice).token
    delete_token(token=token)
    assert not tokens_of(alice).exists()
    row = Token.objects.get()
    assert row.deleted_at is not None
    assert not row.is_enabled


def test_the_usage_log_keeps_its_name(alice, issue):
    token = issue(alice, name="prod").token
    make_record(token)
    delete_token(token=token)
    record = UsageRecord.objects.select_related("token").get()
    assert (record.token_name, record.token.name) == ("prod", "prod")


def make_record(token):
    """The row of a running call."""
    price, now = make_price(), timezone.now()
    UsageRecord.objects.create(
        user=token.user, token=token, token_name=token.name, group=token.group.code, endpoint="chat.completions",
        is_stream=False, model=price.model, price=price, prices=price.prices.as_dict(), ratio_ppm=1_000_000, hold=0,
        created_at=now, lease_until=now,
    )  # fmt: skip


def test_deleting_twice_keeps_the_first_time(alice, issue):
    token = issue(alice).token
    delete_token(token=token)
    first = Token.objects.get().deleted_at
    delete_token(token=token)
    assert Token.objects.get().deleted_at == first


def test_selected_tokens_of_their_owner_only(alice, bob, issue):
    mine, other, kept = issue(alice).token, issue(bob).token, issue(alice).token
    assert delete_tokens(user=alice, public_ids=[mine.public_id, other.public_id]) == 1
    assert [*tokens_of(alice)] == [kept]
    assert [*tokens_of(bob)] == [other]


def test_disabling_selected_tokens_of_their_owner_only(alice, bob, issue):
    mine, other = issue(alice).token, issue(bob).token
    assert switch_tokens(user=alice, public_ids=[mine.public_id, other.public_id], enabled=False) == 1
    assert tokens_of(alice).get().status == Token.Status.DISABLED
    assert tokens_of(bob).get().status == Token.Status.ENABLED


def test_a_disabled_token_can_be_enabled_again(alice, issue):
    token = issue(alice).token
    set_enabled(token=token, enabled=False)
    set_enabled(token=token, enabled=True)
    assert Token.objects.get().is_enabled
