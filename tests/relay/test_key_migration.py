"""The one secret a channel used to have becomes its first key, and goes back."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from relay.channel_keys import open_key, sealed_for

BEFORE, AFTER = [("relay", "0002_channel_costs")], [("relay", "0005_remove_channel_secret_sealed")]


def migrate(to):
    executor = MigrationExecutor(connection)
    executor.migrate(to)
    return MigrationExecutor(connection).loader.project_state(to).apps.get_model("relay", "Channel")


@pytest.fixture
def old_channels(transactional_db):
    """The model of channels as it was; the tables are as they are now when the test is over."""
    newest = MigrationExecutor(connection).loader.graph.leaf_nodes("relay")
    try:
        yield migrate(BEFORE)
    finally:
        migrate(newest)


def test_secrets_move_to_keys_and_back(old_channels):
    with_key = old_channels.objects.create(name="with", provider="custom", base_url="http://a/v1")
    old_channels.objects.create(name="without", provider="custom", base_url="http://a/v1")
    with_key.secret_sealed = sealed_for(with_key, "the-secret")
    with_key.save()

    new_channels = migrate(AFTER)
    assert new_channels.objects.get(name="without").keys.count() == 0
    channel = new_channels.objects.get(name="with")
    key = channel.keys.get()
    assert (key.status, key.weight) == ("enabled", 1)
    assert open_key(key, channel) == "the-secret"

    back = migrate(BEFORE).objects.get(name="with")
    assert bytes(back.secret_sealed) == bytes(key.sealed)
