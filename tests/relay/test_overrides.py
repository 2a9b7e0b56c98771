"""What a channel may change in the requests that go through it."""

import pytest

from config.kernel.errors import InvalidInput
from relay.overrides import check_body_overrides, check_header_overrides, merge


def test_fields_are_set_merged_and_taken_away():
    body = {"model": "m", "temperature": 1, "stream_options": {"include_usage": True}, "logit_bias": {}}
    overrides = {"temperature": 0.2, "stream_options": {"x": None, "y": 1}, "logit_bias": None, "top_k": {"a": None}}
    assert merge(body, overrides) == {
        "model": "m",
        "temperature": 0.2,
        "stream_options": {"include_usage": True, "y": 1},
        "top_k": {},
    }
    assert body["temperature"] == 1


def test_an_object_takes_the_place_of_what_is_none():
    assert merge({"reasoning": "high"}, {"reasoning": {"effort": "low"}}) == {"reasoning": {"effort": "low"}}


@pytest.mark.parametrize("name", ["model", "stream", "n"])
def test_fields_that_money_rests_on_stay(name):
    with pytest.raises(InvalidInput, match=name):
        check_body_overrides({name: 1})


@pytest.mark.parametrize("typed", [[], "x", 1, None])
def test_overrides_are_objects(typed):
    with pytest.raises(InvalidInput, match="Write an object"):
        check_body_overrides(typed)
    with pytest.raises(InvalidInput, match="Write an object"):
        check_header_overrides(typed)


@pytest.mark.parametrize(
    "name",
    [
        "Host",
        "host",
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
        "TE",
        "Upgrade",
        "Authorization",
        "X-Api-Key",
        "api-key",
        "Cookie",
        "Proxy-Authorization",
        "X-Tollbooth-Hop",
    ],
)
def test_headers_that_are_ours_or_the_connections(name):
    with pytest.raises(InvalidInput, match="cannot be set"):
        check_header_overrides({name: "x"})


@pytest.mark.parametrize("headers", [{"": "x"}, {"a b": "x"}, {"a:": "x"}, {"x\r\ny": "1"}])
def test_names_are_names(headers):
    with pytest.raises(InvalidInput, match="name of a header"):
        check_header_overrides(headers)


@pytest.mark.parametrize("value", ["a\r\nHost: b", "ä", 3, None, "x" * 1001])
def test_values_are_printable(value):
    with pytest.raises(InvalidInput, match="printable"):
        check_header_overrides({"X-Region": value})


def test_what_is_allowed():
    check_header_overrides({"X-Region": "eu", "OpenAI-Organization": "org-1"})
    check_body_overrides({"temperature": 0.2, "user": None})
