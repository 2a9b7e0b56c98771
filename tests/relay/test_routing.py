"""Which channels are tried, in which order, in which group."""

from collections import Counter
from random import Random

import pytest

from config.kernel.errors import NotFound, Unavailable
from relay.routing import RoutingTable, Target, find_route, order


def target(name, *, priority=0, weight=1):
    return Target(
        channel_id=hash(name) % 1000,
        channel_name=name,
        provider="custom",
        base_url="http://localhost",
        secret="s3cret",
        upstream_model="m",
        priority=priority,
        weight=weight,
    )


TABLE = RoutingTable(
    ratios={"cheap": 280_000, "default": 1_000_000},
    targets={("cheap", "m"): (target("a"),), ("default", "m"): (target("b"),), ("default", "big"): (target("b"),)},
    known={"cheap": frozenset({"m", "asleep"}), "default": frozenset({"m", "big"})},
)


def test_a_single_group_is_taken_as_it_is():
    route = find_route(TABLE, model="m", groups=["default"], random=Random(1))
    assert (route.group, route.ratio_ppm, route.targets[0].channel_name) == ("default", 1_000_000, "b")


def test_of_several_groups_the_cheapest_that_serves_the_model_wins():
    assert find_route(TABLE, model="m", groups=["default", "cheap"], random=Random(1)).group == "cheap"
    assert find_route(TABLE, model="big", groups=["default", "cheap"], random=Random(1)).group == "default"


def test_a_ratio_of_the_callers_own_goes_before_the_groups():
    own = {"default": 200_000, "elsewhere": 1}
    route = find_route(TABLE, model="m", groups=["default", "cheap"], random=Random(1), own_ratios=own)
    assert (route.group, route.ratio_ppm) == ("default", 200_000)


def test_a_model_of_another_group_is_unknown():
    with pytest.raises(NotFound) as caught:
        find_route(TABLE, model="big", groups=["cheap"], random=Random(1))
    assert caught.value.code == "model_not_found"


def test_a_model_whose_channels_are_all_off_is_unavailable():
    with pytest.raises(Unavailable) as caught:
        find_route(TABLE, model="asleep", groups=["cheap"], random=Random(1))
    assert caught.value.code == "no_available_channel"
    assert caught.value.retry_after


def test_higher_priority_comes_first():
    tried = order([target("low", priority=-5), target("high", priority=9), target("mid")], random=Random(3))
    assert [t.channel_name for t in tried] == ["high", "mid", "low"]


def test_weights_share_the_first_place():
    random = Random(42)
    first = Counter(
        order([target("one"), target("three", weight=3)], random=random)[0].channel_name for _ in range(4000)
    )
    assert 0.70 < first["three"] / 4000 < 0.80


def test_every_channel_appears_once():
    names = [t.channel_name for t in order([target(str(n)) for n in range(9)], random=Random(7))]
    assert sorted(names) == sorted(map(str, range(9)))


def test_a_secret_is_not_shown_by_repr():
    assert "s3cret" not in repr(target("a"))
