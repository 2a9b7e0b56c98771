"""Reads channels and groups into the routing table."""

import logging
from collections import defaultdict

from config.kernel.sealing import SealBroken
from relay.models import Channel
from relay.routing import RoutingTable, Target
from relay.services import open_secret
from tokens.models import Group

logger = logging.getLogger("tollbooth.relay")


def load_routing_table() -> RoutingTable:
    """Everything routing needs, in three queries."""
    targets: defaultdict[tuple[str, str], list[Target]] = defaultdict(list)
    known: defaultdict[str, set[str]] = defaultdict(set)
    for channel in Channel.objects.prefetch_related("channel_models", "groups"):
        offers = _offers_of(channel)
        for group in channel.groups.all():
            known[group.code].update(offers)
            if channel.status == Channel.Status.ENABLED:
                for model, target in offers.items():
                    targets[group.code, model].append(target)
    return RoutingTable(
        ratios={group.code: group.ratio_ppm for group in Group.objects.filter(is_auto=False)},
        targets={key: tuple(found) for key, found in targets.items()},
        known={group: frozenset(models) for group, models in known.items()},
    )


def _offers_of(channel: Channel) -> dict[str, Target]:
    """What a channel serves; nothing when its secret does not open, which must not take the other channels along."""
    try:
        secret = open_secret(channel)
    except SealBroken:
        logger.exception("channel %s is left out: set its key again", channel.name)
        return {}
    return {
        row.model: Target(
            channel_id=channel.pk,
            channel_name=channel.name,
            provider=channel.provider,
            base_url=channel.base_url.rstrip("/"),
            secret=secret,
            upstream_model=row.upstream_model or row.model,
            priority=channel.priority,
            weight=channel.weight,
            cost=row.cost,
        )
        for row in channel.channel_models.all()
    }
