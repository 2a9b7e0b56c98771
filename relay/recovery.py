"""Keys that an upstream refused: staff are told, and each is tried again until it works or somebody steps in."""

import logging

from django.conf import settings
from django.core.mail import send_mail
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from relay.channel_keys import claim_probe, enable_key
from relay.models import Channel, ChannelKey
from relay.services import probe_channel

logger = logging.getLogger("tollbooth.relay")

PROBES_PER_TURN = 4  # a probe may take a minute, and a task five


def recover_keys() -> int:
    """Probe the keys whose pause is over and enable those that work; returns how many did.

    Keys of a channel that staff have disabled are left alone.
    """
    due = ChannelKey.objects.filter(
        status=ChannelKey.Status.AUTO_DISABLED,
        probe_at__lte=timezone.now(),
        channel__status__in=[Channel.Status.ENABLED, Channel.Status.AUTO_DISABLED],
    )
    recovered = 0
    for key in due.select_related("channel").order_by("probe_at")[:PROBES_PER_TURN]:
        if claim_probe(key=key) and probe_channel(channel=key.channel, key=key).ok:
            enable_key(key=key)
            logger.info("channel %s: %s works again", key.channel, key)
            recovered += 1
    return recovered


def tell_staff() -> int:
    """Mail the staff about keys disabled since the last mail; returns how many. A mail that fails is tried again."""
    keys = list(
        ChannelKey.objects.filter(status=ChannelKey.Status.AUTO_DISABLED, told_at=None).select_related("channel")
    )
    staff = list(User.objects.filter(is_staff=True, is_active=True).values_list("email", flat=True))
    if keys and staff:
        subject = f"{settings.SITE_NAME}: an upstream refused a key of {keys[0].channel}"
        send_mail(subject, "\n\n".join([*map(_said_of, keys), _WHAT_NEXT]), None, staff)
    # By UPDATE: nothing that routing is made of changes.
    ChannelKey.objects.filter(pk__in=[key.pk for key in keys]).update(told_at=timezone.now())
    return len(keys)


_WHAT_NEXT = "It is tried again by itself, after pauses that grow to six hours, and enabled when it works."


def _said_of(key: ChannelKey) -> str:
    page = settings.SITE_URL + reverse("admin:relay_channel_change", args=[key.channel_id])
    is_last = key.channel.status == Channel.Status.AUTO_DISABLED
    now = "It was the last one: the channel is disabled." if is_last else "The channel goes on with its other keys."
    return f"{key.channel}, {key}: {key.status_reason}. {now}\n{page}"
