"""Reads channels and groups into the routing table."""

import logging
from collections import defaultdict
from collections.abc import Iterator

from django.conf import settings

from config.kernel.sealing import SealBroken
from relay.channel_keys import open_key
from relay.endpoints import Endpoint
from relay.models import Channel, ChannelKey, ChannelModel
from relay.routing import RoutingTable, Target
from tokens.models import Group

logger = logging.getLogger("tollbooth.relay")


def load_routing_table() -> RoutingTable:
    """Everything routing needs, in five queries."""
    targets: defaultdict[tuple[str, str], list[Target]] = defaultdict(list)
    known: defaultdict[str, dict[str, frozenset[Endpoint]]] = defaultdict(dict)
    for channel in Channel.objects.prefetch_related("channel_models", "groups", "keys"):
        offers = targets_of(channel)
        for group in channel.groups.all():
            models = known[group.code]
            models.update({model: models.get(model, frozenset()) | channel.endpoints for model in offers})
            if channel.status == Channel.Status.ENABLED:
                for model, found in offers.items():
                    targets[group.code, model].extend(found)
    return RoutingTable(
        ratios={group.code: group.ratio_ppm for group in Group.objects.filter(is_auto=False)},
        targets={key: tuple(found) for key, found in targets.items() if found},
        known=dict(known),
        cheapest_first=settings.RELAY_CHEAPEST_FIRST,
    )


def targets_of(channel: Channel) -> dict[str, list[Target]]:
    """What a channel serves, for each of its keys that may be used and opens."""
    secrets = list(_secrets_of(channel))
    return {
        row.model: [target_of(channel, row, secret=secret, key=key) for key, secret in secrets]
        for row in channel.channel_models.all()
    }


def target_of(channel: Channel, row: ChannelModel, *, secret: str, key: ChannelKey | None = None) -> Target:
    """One key of a channel for one of its models."""
    return Target(
        provider=channel.provider,
        base_url=channel.base_url.rstrip("/"),
        secret=secret,
        api_version=channel.api_version,
        header_overrides=channel.header_overrides,
        channel_id=channel.pk,
        channel_name=channel.name,
        upstream_model=row.upstream_model or row.model,
        priority=channel.priority,
        weight=channel.weight,
        key_id=key.pk if key else None,
        key_weight=key.weight if key else 1,
        speaks=channel.endpoints,
        body_overrides=channel.body_overrides,
        max_concurrent=channel.max_concurrent,
        requests_per_minute=channel.requests_per_minute,
        drains=channel.on_disconnect == Channel.OnDisconnect.DRAIN,
        cost=row.cost,
    )


def _secrets_of(channel: Channel) -> Iterator[tuple[ChannelKey | None, str]]:
    """A key that does not open is left out: it must not take the others along."""
    keys = list(channel.keys.all())
    if not keys:
        yield None, ""
    for key in keys:
        if key.status != ChannelKey.Status.ENABLED:
            continue
        try:
            yield key, open_key(key, channel)
        except SealBroken:
            logger.exception("key %s of channel %s is left out: enter it again", key.pk, channel.name)
