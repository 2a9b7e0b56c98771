"""Which channels may serve a model for a group, and in which order to try them. Pure: a table in, a route out."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from random import Random
from types import MappingProxyType
from typing import Any

from billing.pricing import Prices
from config.kernel.errors import NotFound, Unavailable
from relay.endpoints import Endpoint
from relay.providers import Upstream

CHAT_ONLY = frozenset({Endpoint.CHAT})
_RETRY_SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Target(Upstream):
    """One key of one channel that serves a model, with all that is needed to call it.

    `max_concurrent` and `requests_per_minute` are the channel's own limits, None for none. `body_overrides` are merged
    into the body (`relay.overrides.merge`). `drains` says that an answer is read to its end when its caller leaves.
    """

    channel_id: int
    channel_name: str
    upstream_model: str
    priority: int
    weight: int
    key_id: int | None = None
    key_weight: int = 1
    speaks: frozenset[Endpoint] = CHAT_ONLY
    body_overrides: Mapping[str, Any] = field(default_factory=dict)
    max_concurrent: int | None = None
    requests_per_minute: int | None = None
    drains: bool = False
    cost: Prices | None = None

    def url(self, endpoint: Endpoint = Endpoint.CHAT) -> str:
        """Where this model is asked through an endpoint."""
        return self.url_of(endpoint, self.upstream_model)


@dataclass(frozen=True, slots=True)
class RoutingTable:
    """Ratio of every group; enabled targets by (group, model); of each group, were all channels up, its models and at
    which endpoints they would be served.

    With `cheapest_first`, of the channels of one priority those that cost the operator least are tried first.
    """

    ratios: dict[str, int]
    targets: dict[tuple[str, str], tuple[Target, ...]]
    known: dict[str, dict[str, frozenset[Endpoint]]]
    cheapest_first: bool = False

    def models_of(self, groups: Iterable[str], *, provider: str | None = None) -> set[str]:
        """Models with at least one enabled channel in any of the groups, or one of the provider's there."""
        wanted = set(groups)
        return {
            model
            for (group, model), targets in self.targets.items()
            if group in wanted and any(provider in (None, target.provider) for target in targets)
        }

    @property
    def providers(self) -> set[str]:
        """Whose channels are enabled."""
        return {target.provider for targets in self.targets.values() for target in targets}


@dataclass(frozen=True, slots=True)
class Route:
    """The group a request runs in, its ratio in parts per million, and the targets in the order to try."""

    group: str
    ratio_ppm: int
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class _Wish:
    """Which targets will do."""

    endpoint: Endpoint
    convertible: bool
    provider: str | None

    def fits(self, target: Target) -> bool:
        return self.provider in (None, target.provider) and self.is_met_by(target.speaks)

    def is_native(self, target: Target) -> bool:
        return self.endpoint in target.speaks

    def is_met_by(self, speaks: Collection[Endpoint]) -> bool:
        return self.endpoint in speaks or (self.convertible and Endpoint.CHAT in speaks)

    @property
    def place(self) -> str:
        """Where the model was looked for, in words."""
        return f"at /v1{self.endpoint.path}" + (f" by {self.provider}" if self.provider else "")


_NO_RATIOS: Mapping[str, int] = MappingProxyType({})


def find_route(
    table: RoutingTable,
    *,
    model: str,
    groups: Iterable[str],
    random: Random,
    own_ratios: Mapping[str, int] = _NO_RATIOS,
    endpoint: Endpoint = Endpoint.CHAT,
    convertible: bool = False,
    provider: str | None = None,
    sticky: Callable[[], bytes | None] = lambda: None,
    is_up: Callable[[Target], bool] | None = None,
) -> Route:
    """The cheapest of `groups` that can serve the model; `own_ratios` are the caller's own and go before the groups'.

    Channels that have `endpoint` come before those that serve it by conversion from chat, which need `convertible`.
    `provider` pins the route to one provider's channels. Requests with the same `sticky()` bytes go to the same channel
    as long as it is there. A group none of whose targets `is_up` is taken only when no group has one that is.

    Raises NotFound when no group serves the model so, Unavailable when one would but has no enabled channel.
    """
    wish = _Wish(endpoint, convertible, provider)
    candidates = sorted(
        (own_ratios.get(group, table.ratios[group]), group) for group in groups if group in table.ratios
    )
    offers = [
        (ratio, group, fitting)
        for ratio, group in candidates
        if (fitting := [target for target in table.targets.get((group, model), ()) if wish.fits(target)])
    ]
    if not offers:
        raise _nothing_found(table, model, [group for _, group in candidates], wish)
    if is_up is not None and len(offers) > 1:
        ready = (offer for offer in offers if any(map(is_up, offer[2])))
        offers = [next(ready, offers[0])]
    ratio_ppm, group, targets = offers[0]
    if len(targets) == 1:
        return Route(group, ratio_ppm, (targets[0],))
    seed = sticky() or random.randbytes(8)
    native = [target for target in targets if wish.is_native(target)]
    converted = [target for target in targets if not wish.is_native(target)]
    ordered = [
        *order(native, seed=seed, cheapest_first=table.cheapest_first),
        *order(converted, seed=seed, cheapest_first=table.cheapest_first),
    ]
    return Route(group, ratio_ppm, tuple(ordered))


def order(targets: Sequence[Target], *, seed: bytes, cheapest_first: bool = False) -> list[Target]:
    """Higher priority first, then, if wanted, lower cost; the rest is drawn by weight from the seed.

    The draw is a weighted rendezvous: each channel gets a number from the seed and its own id alone, so a channel that
    is added or taken away moves no request between the others. Keys of a channel are drawn the same way.
    """
    if len(targets) < 2:
        return list(targets)
    return sorted(
        targets,
        key=lambda target: (
            -target.priority,
            _cost(target) if cheapest_first else 0,
            -_draw(seed, b"channel", target.channel_id, target.weight),
            -_draw(seed, b"key", target.key_id or 0, target.key_weight),
        ),
    )


def _draw(seed: bytes, kind: bytes, id: int, weight: int) -> float:
    """The greatest of several of these belongs to each with the probability of its share of the weights."""
    digest = blake2b(b"%s %d " % (kind, id) + seed, digest_size=8).digest()
    uniform = (int.from_bytes(digest) + 0.5) / 2**64
    return weight / -math.log(uniform)


def _cost(target: Target) -> float:
    """Of a usual mix, three parts of input to one of output; a channel whose cost nobody knows comes last."""
    return math.inf if target.cost is None else 3 * target.cost.input + target.cost.output


def _nothing_found(table: RoutingTable, model: str, groups: list[str], wish: _Wish) -> NotFound | Unavailable:
    if wish.provider is not None and wish.provider not in table.providers:
        return NotFound(f"There is no provider {wish.provider[:40]} here.", code="provider_not_found")
    known = [table.known[group][model] for group in groups if model in table.known.get(group, {})]
    is_up = any((group, model) in table.targets for group in groups)
    if any(map(wish.is_met_by, known)) and not (is_up and wish.provider):
        message = f"Every channel that serves {model} {wish.place} is down at the moment. Please retry later."
        return Unavailable(message, retry_after=_RETRY_SECONDS)
    if known or is_up:
        return NotFound(f"The model {model} is not offered {wish.place}.", code="model_not_found", param="model")
    return NotFound(
        f"The model {model} does not exist or is not offered in this key's group. List models with GET /v1/models.",
        code="model_not_found",
        param="model",
    )
