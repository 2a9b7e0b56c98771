"""Which channels may serve a model for a group, and in which order to try them. Pure: a table in, a route out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from random import Random
from types import MappingProxyType

from billing.pricing import Prices
from config.kernel.errors import NotFound, Unavailable


@dataclass(frozen=True, slots=True)
class Target:
    """One channel that serves a model, with what is needed to call it."""

    channel_id: int
    channel_name: str
    provider: str
    base_url: str
    secret: str = field(repr=False)
    upstream_model: str
    priority: int
    weight: int
    cost: Prices | None = None


@dataclass(frozen=True, slots=True)
class RoutingTable:
    """Ratio of every group; enabled targets by (group, model); what each group would serve were all channels up."""

    ratios: dict[str, int]
    targets: dict[tuple[str, str], tuple[Target, ...]]
    known: dict[str, frozenset[str]]

    def models_of(self, groups: Iterable[str]) -> set[str]:
        """Models with at least one enabled channel in any of the groups."""
        wanted = set(groups)
        return {model for group, model in self.targets if group in wanted}


@dataclass(frozen=True, slots=True)
class Route:
    """The group a request runs in, its ratio in parts per million, and the targets in the order to try."""

    group: str
    ratio_ppm: int
    targets: tuple[Target, ...]


_NO_RATIOS: Mapping[str, int] = MappingProxyType({})


def find_route(
    table: RoutingTable,
    *,
    model: str,
    groups: Iterable[str],
    random: Random,
    own_ratios: Mapping[str, int] = _NO_RATIOS,
) -> Route:
    """The cheapest of `groups` that can serve the model; `own_ratios` are the caller's own and go before the groups'.

    Raises NotFound when none of them serves it, Unavailable when one would but has no enabled channel.
    """
    candidates = sorted(
        (own_ratios.get(group, table.ratios[group]), group) for group in groups if group in table.ratios
    )
    for ratio_ppm, group in candidates:
        if targets := table.targets.get((group, model)):
            return Route(group, ratio_ppm, tuple(order(targets, random=random)))
    if any(model in table.known.get(group, ()) for _, group in candidates):
        raise Unavailable(f"Every channel of {model} is down at the moment. Please retry later.", retry_after=30)
    raise NotFound(
        f"The model {model} does not exist or is not offered in this key's group. List models with GET /v1/models.",
        code="model_not_found",
        param="model",
    )


def order(targets: Iterable[Target], *, random: Random) -> list[Target]:
    """Higher priority first; within one priority a weighted draw without replacement."""
    by_priority = sorted(targets, key=lambda target: -target.priority)
    tiers = groupby(by_priority, key=lambda target: target.priority)
    return [target for _, tier in tiers for target in _draw(list(tier), random)]


def _draw(tier: list[Target], random: Random) -> list[Target]:
    drawn = []
    while tier:
        chosen = random.choices(range(len(tier)), weights=[target.weight for target in tier])[0]
        drawn.append(tier.pop(chosen))
    return drawn
