"""What can be called and what it costs, for pages."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from billing.models import ModelPrice, PriceOverride
from billing.pricing import Charge, Prices, Quote, Usage, charge
from config.kernel.money import PPM
from relay.models import Channel, ChannelModel
from relay.providers import label_of
from tokens.models import Group

FAULT_DRILL = "fault drill"
NO_CHAT = frozenset({"embeddings", "rerank", "moderation", "images", "speech", "transcription"})
SAMPLE_USAGE = Usage(input=1_200, cache_read=800, output=450)


@dataclass(frozen=True)  # without slots: its prices are worked out once, and asked for by every page several times
class Offer:
    """A model as one group sells it: the list price row, and the group that would serve it (never `auto` itself).

    `own` is the price agreed with this customer in place of the list's; the group's ratio applies to it all the same.
    """

    listed: ModelPrice
    group: Group
    own: Prices | None = None

    @property
    def model(self) -> str:
        return self.listed.model

    @property
    def provider(self) -> str:
        """The provider's name for people."""
        return label_of(self.listed.provider)

    @property
    def is_per_call(self) -> bool:
        """Priced by the call alone."""
        return bool(self.listed.per_call) and not (self.listed.input or self.listed.output)

    @property
    def is_fault_drill(self) -> bool:
        """A sandbox model that misbehaves on purpose: for tests, not for sale."""
        return FAULT_DRILL in self.listed.tags

    @property
    def is_chat(self) -> bool:
        """Answers messages with text, as far as its tags tell."""
        return not NO_CHAT & set(self.listed.tags)

    @property
    def is_list_price(self) -> bool:
        return self.group.ratio_ppm == PPM and self.own is None

    @cached_property
    def list_prices(self) -> Prices:
        return self.listed.prices

    @cached_property
    def prices(self) -> Prices:
        """What is paid, the group's ratio included, in nano-dollars, rounded up: charges round once, at their total."""
        return (self.own or self.list_prices).times(self.group.ratio_ppm)

    @property
    def sample(self) -> Charge:
        """What a call of `SAMPLE_USAGE` would be charged."""
        quote = Quote(price_id=self.listed.pk, prices=self.own or self.list_prices, ratio_ppm=self.group.ratio_ppm)
        return charge(SAMPLE_USAGE, quote)


def price_groups(user: User | AnonymousUser) -> list[Group]:
    """The groups whose prices this visitor may see: the public ones and those opened to them.

    Each at the ratio this visitor pays, so these rows are to be shown and never saved.
    """
    if not isinstance(user, User):
        return list(Group.objects.filter(is_public=True))
    groups = list(Group.objects.filter(Q(is_public=True) | Q(access__user=user)).distinct())
    own = dict(PriceOverride.objects.filter(user=user, group__isnull=False).values_list("group_id", "ratio_ppm"))
    for group in groups:
        group.ratio_ppm = own.get(group.pk) or group.ratio_ppm
    return groups


def own_prices(user: User | AnonymousUser) -> dict[str, Prices]:
    """Prices agreed with this customer, by model."""
    if not isinstance(user, User):
        return {}
    return {row.model: row.prices for row in PriceOverride.objects.filter(user=user, group=None)}


def callable_models(
    group: Group, *, among: Iterable[Group] | None = None, own: Mapping[str, Prices] | None = None
) -> list[Offer]:
    """Every model that a key in `group` can call now, by name: it has a price, and an enabled channel serves it there.

    For the automatic group each model comes from the cheapest group that serves it, of `among` or all public ones.
    """
    groups = _cheapest_first(among) if group.is_auto else [group]
    return _offers(groups, _served_models(), prices_in_force(), own or {})


def callable_by_group(groups: list[Group], *, own: Mapping[str, Prices]) -> dict[str, list[Offer]]:
    """The same for each of a user's groups by its code, in as many statements as for one."""
    served, prices = _served_models(), prices_in_force()
    among = {group.code: _cheapest_first(groups) if group.is_auto else [group] for group in groups}
    return {code: _offers(candidates, served, prices, own) for code, candidates in among.items()}


def _offers(
    groups: Iterable[Group], served: Mapping[str, set[str]], prices: Mapping[str, ModelPrice], own: Mapping[str, Prices]
) -> list[Offer]:
    """By name, each from the first of these groups that serves it."""
    offers: dict[str, Offer] = {}
    for group in groups:
        for model in served.get(group.code, set()) & prices.keys():
            offers.setdefault(model, Offer(prices[model], group, own.get(model)))
    return [offers[model] for model in sorted(offers)]


def prices_in_force() -> dict[str, ModelPrice]:
    """The newest price of each model that has taken effect."""
    rows = ModelPrice.objects.filter(effective_from__lte=timezone.now()).order_by("effective_from")
    return {row.model: row for row in rows}


def _cheapest_first(among: Iterable[Group] | None) -> list[Group]:
    groups = Group.objects.filter(is_public=True) if among is None else among
    return sorted((group for group in groups if not group.is_auto), key=lambda group: group.ratio_ppm)


def _served_models() -> defaultdict[str, set[str]]:
    """Models of enabled channels by group code."""
    rows = ChannelModel.objects.filter(channel__status=Channel.Status.ENABLED, channel__groups__isnull=False)
    served: defaultdict[str, set[str]] = defaultdict(set)
    for code, model in rows.values_list("channel__groups__code", "model"):
        served[code].add(model)
    return served


def cheapest_input(offers: list[Offer]) -> int | None:
    """Nano-dollars per million input tokens of the cheapest model that is priced by the token."""
    return min((offer.prices.input for offer in offers if offer.prices.input), default=None)


def showcase(offers: list[Offer]) -> Offer | None:
    """The model that code samples call: priced by the token, good for most work, and cheap; never a fault drill."""
    by_token = [offer for offer in offers if offer.prices.input and offer.prices.output]
    return min((offer for offer in by_token if not offer.is_fault_drill), key=_fitness, default=None)


def _fitness(offer: Offer) -> tuple[bool, bool, int, str]:
    return offer.is_list_price, "tools" not in offer.listed.tags, offer.prices.input, offer.model
