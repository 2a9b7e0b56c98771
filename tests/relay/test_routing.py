"""Which channels are tried, in which order, in which group."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.pricing import Prices
from config.kernel.errors import NotFound, Unavailable
from relay.endpoints import Endpoint
from relay.routing import CHAT_ONLY, RoutingTable, Target, find_route, order

SEEDS = [number.to_bytes(4) for number in range(4000)]


def target(name, *, priority=0, weight=1, **fields):
    id = sum(ord(letter) << 8 * place for place, letter in enumerate(name))
    return Target(
        channel_id=id,
        channel_name=name,
        base_url="http://localhost",
        secret="s3cret",
        upstream_model="m",
        priority=priority,
        weight=weight,
        **{"provider": "custom", **fields},
    )


def table(*targets, **fields):
    return RoutingTable(ratios={"default": 1_000_000}, targets={("default", "m"): targets}, known={}, **fields)


def names(targets):
    return [target.channel_name for target in targets]


def route(routing_table, **fields):
    if "sticky" in fields:
        seed = fields["sticky"]
        fields["sticky"] = lambda: seed
    return find_route(routing_table, **{"model": "m", "groups": ["default"], "random": Random(1), **fields})


TABLE = RoutingTable(
    ratios={"cheap": 280_000, "default": 1_000_000},
    targets={("cheap", "m"): (target("a"),), ("default", "m"): (target("b"),), ("default", "big"): (target("b"),)},
    known={"cheap": {"m": CHAT_ONLY, "asleep": CHAT_ONLY}, "default": {"m": CHAT_ONLY, "big": CHAT_ONLY}},
)

# ── Groups ───────────────────────────────────────────────────────────────────


def test_a_single_group_is_taken_as_it_is():
    found = route(TABLE)
    assert (found.group, found.ratio_ppm, names(found.targets)) == ("default", 1_000_000, ["b"])


def test_of_several_groups_the_cheapest_that_serves_the_model_wins():
    assert route(TABLE, groups=["default", "cheap"]).group == "cheap"
    assert route(TABLE, groups=["default", "cheap"], model="big").group == "default"


def test_a_ratio_of_the_callers_own_goes_before_the_groups():
    own = {"default": 200_000, "elsewhere": 1}
    found = route(TABLE, groups=["default", "cheap"], own_ratios=own)
    assert (found.group, found.ratio_ppm) == ("default", 200_000)


def test_a_group_whose_channels_are_out_of_order_gives_way_to_the_next():
    def is_up(target):
        return target.channel_name != "a"

    assert route(TABLE, groups=["default", "cheap"], is_up=is_up).group == "default"
    assert route(TABLE, groups=["default", "cheap"], is_up=lambda _target: False).group == "cheap"
    assert route(TABLE, groups=["cheap"], is_up=is_up).group == "cheap"


def test_a_model_of_another_group_is_unknown():
    with pytest.raises(NotFound) as caught:
        route(TABLE, model="big", groups=["cheap"])
    assert caught.value.code == "model_not_found"


def test_a_model_whose_channels_are_all_off_is_unavailable():
    with pytest.raises(Unavailable) as caught:
        route(TABLE, model="asleep", groups=["cheap"])
    assert caught.value.code == "no_available_channel"
    assert caught.value.retry_after


def test_an_endpoint_that_no_channel_has_is_named():
    with pytest.raises(NotFound, match="m is not offered at /v1/audio/speech"):
        route(TABLE, endpoint=Endpoint.SPEECH)
    with pytest.raises(NotFound, match="asleep is not offered at /v1/embeddings"):
        route(TABLE, model="asleep", groups=["cheap"], endpoint=Endpoint.EMBEDDINGS)


def test_an_endpoint_whose_channels_are_off_is_named_even_if_others_are_on():
    speaks = frozenset({Endpoint.CHAT, Endpoint.EMBEDDINGS})
    chatting = RoutingTable(
        ratios=TABLE.ratios, targets={("default", "m"): (target("b"),)}, known={"default": {"m": speaks}}
    )
    assert names(route(chatting).targets) == ["b"]
    with pytest.raises(Unavailable, match="/v1/embeddings is down"):
        route(chatting, endpoint=Endpoint.EMBEDDINGS)


# ── Order ────────────────────────────────────────────────────────────────────


def test_higher_priority_comes_first():
    tried = order([target("low", priority=-5), target("high", priority=9), target("mid")], seed=b"x")
    assert names(tried) == ["high", "mid", "low"]


def test_weights_share_the_first_place():
    pair = [target("one"), target("three", weight=3)]
    first = Counter(order(pair, seed=seed)[0].channel_name for seed in SEEDS)
    assert 0.72 < first["three"] / len(SEEDS) < 0.78


def test_the_second_place_is_shared_by_weight_too():
    three = [target("gone", weight=1000), target("one"), target("three", weight=3)]
    second = Counter(order(three, seed=seed)[1].channel_name for seed in SEEDS)
    assert 0.70 < second["three"] / len(SEEDS) < 0.80


@given(st.lists(st.tuples(st.integers(-2, 2), st.integers(1, 9)), min_size=1, max_size=12), st.binary(max_size=8))
def test_every_channel_appears_once_and_in_its_tier(shapes, seed):
    targets = [target(str(n), priority=p, weight=w) for n, (p, w) in enumerate(shapes)]
    tried = order(targets, seed=seed)
    assert sorted(names(tried)) == sorted(names(targets))
    assert [t.priority for t in tried] == sorted((t.priority for t in targets), reverse=True)


def test_requests_without_a_sticky_key_are_spread():
    random = Random(7)
    first = Counter(route(table(target("a"), target("b")), random=random).targets[0].channel_name for _ in range(400))
    assert min(first.values()) > 150


def test_keys_of_one_channel_stay_together_and_share_its_place():
    keys = [target("a", key_id=1), target("a", key_id=2), target("b", key_id=3)]
    found = [order(keys, seed=seed) for seed in SEEDS]
    assert all([t.channel_name for t in tried] in (["a", "a", "b"], ["b", "a", "a"]) for tried in found)
    assert 0.46 < sum(tried[0].channel_name == "a" for tried in found) / len(SEEDS) < 0.54
    assert 0.46 < sum(t.key_id == 1 for tried in found for t in tried[:-1] if t.key_id != 3) < len(SEEDS)


def test_cheapest_first_within_one_priority():
    cheap, dear = Prices.of(input=1, output=2), Prices.of(input=2, output=1)
    targets = [target("dear", cost=dear), target("unknown"), target("cheap", cost=cheap), target("first", priority=1)]
    found = route(table(*targets, cheapest_first=True))
    assert names(found.targets) == ["first", "cheap", "dear", "unknown"]


# ── Stickiness ───────────────────────────────────────────────────────────────


@given(st.binary(min_size=1, max_size=32), st.randoms())
def test_the_same_sticky_key_takes_the_same_order(sticky, random):
    channels = table(*(target(letter, weight=n) for n, letter in enumerate("abcde", start=1)))
    assert route(channels, sticky=sticky, random=random) == route(channels, sticky=sticky, random=random)


@given(st.binary(min_size=1, max_size=32), st.sampled_from("abcde"))
def test_taking_a_channel_away_moves_only_what_it_had(sticky, gone):
    before = route(table(*map(target, "abcde")), sticky=sticky).targets
    after = route(table(*map(target, "abcde".replace(gone, ""))), sticky=sticky).targets
    assert names(after) == [name for name in names(before) if name != gone]


def test_adding_a_channel_moves_its_share():
    before, after = table(*map(target, "abcd")), table(*map(target, "abcde"))
    moved = [seed for seed in SEEDS if route(before, sticky=seed).targets[0] != route(after, sticky=seed).targets[0]]
    assert 0.17 < len(moved) / len(SEEDS) < 0.23
    assert all(route(after, sticky=seed).targets[0].channel_name == "e" for seed in moved)


# ── Endpoints and providers ──────────────────────────────────────────────────

CHAT = target("chat", priority=9)
CLAUDE = target("claude", speaks=frozenset({Endpoint.CHAT, Endpoint.MESSAGES}))
IMAGES = target("images", speaks=frozenset({Endpoint.IMAGES}))


def test_channels_that_have_the_endpoint_come_before_converted_ones():
    found = route(table(CHAT, CLAUDE, IMAGES), endpoint=Endpoint.MESSAGES, convertible=True)
    assert names(found.targets) == ["claude", "chat"]


def test_without_a_conversion_only_they_will_do():
    assert names(route(table(CHAT, CLAUDE), endpoint=Endpoint.MESSAGES).targets) == ["claude"]


def test_a_chat_request_never_goes_to_a_channel_without_chat():
    assert names(route(table(CHAT, IMAGES)).targets) == ["chat"]


def test_an_endpoint_that_nobody_has_is_told():
    with pytest.raises(NotFound, match="not offered at /v1/embeddings") as caught:
        route(table(CHAT, CLAUDE), endpoint=Endpoint.EMBEDDINGS)
    assert caught.value.code == "model_not_found"


def test_a_request_is_pinned_to_a_provider():
    pair = table(target("ours", provider="deepseek", priority=-1), target("others", priority=5))
    assert names(route(pair, provider="deepseek").targets) == ["ours"]
    assert pair.models_of(["default"], provider="deepseek") == {"m"}
    assert pair.models_of(["default"], provider="openai") == set()
    with pytest.raises(NotFound) as caught:
        route(pair, provider="openai")
    assert caught.value.code == "provider_not_found"


def test_a_secret_is_not_shown_by_repr():
    assert "s3cret" not in repr(target("a"))
