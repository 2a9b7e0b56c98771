"""Cutting a stream into events must not depend on how the network cut it, nor change a byte."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.sse import MAX_EVENT_BYTES, EventSplitter, EventTooLarge, data_of

STREAM = (
    b'data: {"a":"x\xe2\x80\xa8y\xc2\x85z\x00"}\n\n'
    b": a comment\n\n"
    b"event: message\r\ndata: one\r\ndata: two\r\n\r\n"
    b"data:no space\n\n"
    b"data: [DONE]\n\n"
)
EVENTS = [
    b'data: {"a":"x\xe2\x80\xa8y\xc2\x85z\x00"}\n\n',
    b": a comment\n\n",
    b"event: message\r\ndata: one\r\ndata: two\r\n\r\n",
    b"data:no space\n\n",
    b"data: [DONE]\n\n",
]


def split(chunks):
    splitter = EventSplitter()
    events = [event for chunk in chunks for event in splitter.feed(chunk)]
    return events, splitter.rest()


def test_it_works():
    assert split([STREAM]) == (EVENTS, b"")


@pytest.mark.parametrize("cut", range(len(STREAM)))
def test_any_one_cut_gives_the_same_events(cut):
    assert split([STREAM[:cut], STREAM[cut:]]) == (EVENTS, b"")


@given(st.lists(st.integers(min_value=0, max_value=len(STREAM)), max_size=20))
def test_any_cuts_give_the_same_events(cuts):
    edges = [0, *sorted(cuts), len(STREAM)]
    chunks = [STREAM[a:b] for a, b in pairwise(edges)]
    assert split(chunks) == (EVENTS, b"")


@given(st.lists(st.binary(max_size=30), max_size=8))
def test_no_byte_is_lost_or_made(chunks):
    events, rest = split(chunks)
    assert b"".join(events) + rest == b"".join(chunks)


def test_data_of_each_shape():
    assert [data_of(event) for event in EVENTS] == [
        b'{"a":"x\xe2\x80\xa8y\xc2\x85z\x00"}',
        b"",
        b"one\ntwo",
        b"no space",
        b"[DONE]",
    ]


def test_an_endless_event_is_cut():
    splitter = EventSplitter()
    splitter.feed(b"x" * MAX_EVENT_BYTES)
    with pytest.raises(EventTooLarge):
        splitter.feed(b"x")
