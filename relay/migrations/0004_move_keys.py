from typing import Any

from django.db import migrations


def move_keys(apps: Any, schema_editor: Any) -> None:
    """Each channel's secret becomes its first key; it is sealed to the channel and need not be opened for that."""
    channel_key = apps.get_model("relay", "ChannelKey")
    for channel in apps.get_model("relay", "Channel").objects.exclude(secret_sealed=None):
        channel_key.objects.create(channel=channel, sealed=channel.secret_sealed)


def move_back(apps: Any, schema_editor: Any) -> None:
    """Each channel keeps its oldest key."""
    for channel in apps.get_model("relay", "Channel").objects.all():
        if oldest := channel.keys.order_by("pk").first():
            channel.secret_sealed = oldest.sealed
            channel.save(update_fields=["secret_sealed"])


class Migration(migrations.Migration):
    dependencies = [("relay", "0003_channel_keys")]

    operations = [migrations.RunPython(move_keys, move_back)]
