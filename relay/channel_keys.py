"""The keys of channels: sealed to their channel, opened for its calls alone, disabled and enabled one by one."""

from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from config.kernel.errors import InvalidInput
from config.kernel.sealing import SealBroken, seal, unseal
from relay.models import Channel, ChannelKey

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=6)
_PURPOSE = "channel secret"


def checked_secret(text: str) -> str:
    """The key without white space around it. Raises InvalidInput for what cannot be one."""
    secret = text.strip()
    # A line break would end the header that carries it, and the complaint about that would quote the key.
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        raise InvalidInput("This cannot be a key: it holds spaces or characters outside ASCII.", param="secret")
    return secret


def sealed_for(channel: Channel, secret: str) -> bytes:
    """The ciphertext to store with this channel. Raises InvalidInput."""
    return seal(checked_secret(secret), master=settings.SEALING_KEY, purpose=_PURPOSE, context=channel.public_id)


def open_key(key: ChannelKey, channel: Channel) -> str:
    """The secret in it. Raises SealBroken when it was sealed for another channel or under another master key."""
    return unseal(bytes(key.sealed), master=settings.SEALING_KEY, purpose=_PURPOSE, context=channel.public_id)


def usable_key(channel: Channel) -> ChannelKey | None:
    """The first enabled key, else the first; None where the channel has none."""
    keys = list(channel.keys.all())
    return next((key for key in keys if key.status == ChannelKey.Status.ENABLED), keys[0] if keys else None)


def open_secret(channel: Channel) -> str:
    """The secret of the usable key, empty when there is none. Raises SealBroken."""
    key = usable_key(channel)
    return open_key(key, channel) if key else ""


@transaction.atomic
def set_keys(*, channel: Channel, secrets: Iterable[str]) -> None:
    """These are the channel's keys: those it has stay, enabled again, others go. Raises InvalidInput."""
    wanted = dict.fromkeys(checked_secret(secret) for secret in secrets)
    wanted.pop("", None)
    for key in channel.keys.all():
        secret = _opened(key, channel)
        if secret not in wanted:
            key.delete()
            continue
        del wanted[secret]
        if key.status != ChannelKey.Status.ENABLED:
            key.switch(ChannelKey.Status.ENABLED)
    for secret in wanted:
        ChannelKey.objects.create(channel=channel, sealed=sealed_for(channel, secret))


def set_secret(*, channel: Channel, secret: str) -> None:
    """The channel has this one key; an empty one takes all away. Raises InvalidInput."""
    set_keys(channel=channel, secrets=[secret])


@transaction.atomic
def disable_refused_key(*, key_id: int, reason: str) -> bool:
    """Disable a key that its upstream refused, and the channel with the last one. Returns whether it was enabled.

    However many processes report it, the first report is the one that counts.
    """
    owner = ChannelKey.objects.filter(pk=key_id).values("channel_id")
    channel = Channel.objects.select_for_update().filter(pk__in=owner).first()
    key = ChannelKey.objects.filter(pk=key_id, status=ChannelKey.Status.ENABLED).first()
    if channel is None or key is None:
        return False
    key.failed_probes, key.probe_at, key.told_at = 0, timezone.now() + FIRST_PAUSE, None
    key.save(update_fields=["failed_probes", "probe_at", "told_at"])
    key.switch(ChannelKey.Status.AUTO_DISABLED, reason)
    is_last = not channel.keys.filter(status=ChannelKey.Status.ENABLED).exists()
    if is_last and channel.status == Channel.Status.ENABLED:
        channel.switch(Channel.Status.AUTO_DISABLED, reason)
    return True


@transaction.atomic
def enable_key(*, key: ChannelKey) -> None:
    """Use a key again, and its channel where that was disabled for want of one."""
    channel = Channel.objects.select_for_update().get(pk=key.channel_id)
    key.switch(ChannelKey.Status.ENABLED)
    if channel.status == Channel.Status.AUTO_DISABLED:
        channel.switch(Channel.Status.ENABLED)


def claim_probe(*, key: ChannelKey) -> bool:
    """Put off the next probe of a disabled key, each time for longer; false where another worker has done so."""
    pause = min(FIRST_PAUSE * 2 ** min(key.failed_probes + 1, 20), LONGEST_PAUSE)
    values = {"probe_at": timezone.now() + pause, "failed_probes": key.failed_probes + 1}
    waiting = ChannelKey.objects.filter(pk=key.pk, status=ChannelKey.Status.AUTO_DISABLED, probe_at=key.probe_at)
    return bool(waiting.update(**values))


def _opened(key: ChannelKey, channel: Channel) -> str | None:
    try:
        return open_key(key, channel)
    except SealBroken:
        return None
