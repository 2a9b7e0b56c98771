"""Serving processes load their routing table again when a channel changes."""

from typing import Any

from django.db.models.signals import m2m_changed, post_delete, post_save
from django.dispatch import receiver

from relay.models import Channel, ChannelKey, ChannelModel
from tokens.config_version import bump


@receiver([post_save, post_delete], sender=Channel)
@receiver([post_save, post_delete], sender=ChannelKey)
@receiver([post_save, post_delete], sender=ChannelModel)
def count_change_of_channels(**_signal: Any) -> None:
    bump("channels")


@receiver(m2m_changed, sender=Channel.groups.through)
def count_change_of_groups_of_channels(action: str, **_signal: Any) -> None:
    if action.startswith("post_"):
        bump("channels")
