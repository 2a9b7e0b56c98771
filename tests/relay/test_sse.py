"""Cutting a stream into events must not depend on how the network cut it, nor change a byte."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from relay.sse import MAX_EVENT_BYTES, EventSplitter, EventTooLarge, closed, data_of
from tests.relay.misbehaviours import EXOTIC, WORDS
from tests.relay.scripted_upstream import DONE, chunk, event

STREAM = (
    b'\xef\xbb\xbfdata: {"a":"x\xe2\x80\xa8y\xc2\x85z\x00\x0b\x1c\xe2\x80\xa9"}\n\n'
    b": a comment\n\n"
    b"event: message\r\ndata: one\r\ndata: two\r\n\r\n"
    b"data:no space\n\n"
    b"\ndata: after two blank lines\n\n"
    b"data: old\rdata: mac\r\r"
    b"data: mixed\n\r\n"
    b"data: mixed too\r\n\n"
    b"data: [DONE]\n\n"
)
EVENTS = [
    b'\xef\xbb\xbfdata: {"a":"x\xe2\x80\xa8y\xc2\x85z\x00\x0b\x1c\xe2\x80\xa9"}\n\n',
    b": a comment\n\n",
    b"event: message\r\ndata: one\r\ndata: two\r\n\r\n",
    b"data:no space\n\n",
    b"\ndata: after two blank lines\n\n",
    b"data: old\rdata: mac\r\r",
    b"data: mixed\n\r\n",
    b"data: mixed too\r\n\n",
    b"data: [DONE]\n\n",
]
RECORDED = [chunk(text) for text in (*WORDS, EXOTIC, "字" * 50)]
LINE_ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


def split(chunks):
    splitter = EventSplitter()
    events = [event for chunk in chunks for event in splitter.feed(chunk)]
    return events, splitter.rest()


def cut(stream, places):
    return [stream[a:b] for a, b in pairwise([0, *sorted(places), len(stream)])]


def test_it_works():
    assert split([STREAM]) == (EVENTS, b"")


@pytest.mark.parametrize("place", range(len(STREAM)))
def test_any_one_cut_gives_the_same_events(place):
    assert split(cut(STREAM, [place])) == (EVENTS, b"")


def test_byte_by_byte_gives_the_same_events():
    assert split([bytes([byte]) for byte in STREAM]) == (EVENTS, b"")


@given(st.lists(st.integers(min_value=0, max_value=len(STREAM)), max_size=20))
def test_any_cuts_give_the_same_events(places):
    assert split(cut(STREAM, places)) == (EVENTS, b"")


@given(
    st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"data: x", b":", b" ", "字".encode()]), max_size=30), st.data()
)
@example([b"data: x", b"\r", b"\n", b"\r", b"\n"], None)
def test_any_mix_of_line_ends_is_cut_the_same_however_it_comes(parts, data):
    stream = b"".join(parts)
    places = [] if data is None else data.draw(st.lists(st.integers(0, len(stream)), max_size=10))
    whole = split([stream])
    assert split(cut(stream, places)) == whole
    assert split([bytes([byte]) for byte in stream]) == whole


@given(st.lists(st.binary(max_size=30), max_size=8))
def test_no_byte_is_lost_or_made(chunks):
    events, rest = split(chunks)
    assert b"".join(events) + rest == b"".join(chunks)


@given(st.lists(st.sampled_from(RECORDED), min_size=1, max_size=8), LINE_ENDS, st.data())
def test_recorded_streams_say_the_same_in_any_spelling_and_any_pieces(bodies, line_end, data):
    spelled = [event(body).replace(b"\n", line_end) for body in bodies] + [DONE.replace(b"\n", line_end)]
    stream = b"".join(spelled)
    places = data.draw(st.lists(st.integers(0, len(stream)), max_size=30))
    events, rest = split(cut(stream, places))
    assert b"".join([*events, rest]) == stream
    said = [data_of(one) for one in (*events, closed(rest)) if one]
    assert said == [data_of(event(body)) for body in bodies] + [b"[DONE]"]


def test_data_of_each_shape():
    assert [data_of(event) for event in EVENTS] == [
        b'{"a":"x\xe2\x80\xa8y\xc2\x85z\x00\x0b\x1c\xe2\x80\xa9"}',
        b"",
        b"one\ntwo",
        b"no space",
        b"after two blank lines",
        b"old\nmac",
        b"mixed",
        b"mixed too",
        b"[DONE]",
    ]


@pytest.mark.parametrize("rest", [b"data: x", b"data: x\n", b"data: x\r\n", b"\ndata: x\r"])
def test_an_event_without_its_blank_line_can_be_closed(rest):
    assert closed(rest) == b"data: x\n\n"


@pytest.mark.parametrize("rest", [b"", b"\n", b"\r\n"])
def test_of_nothing_no_event_is_made(rest):
    assert closed(rest) == b""


@pytest.mark.parametrize("size", [1, 1000, MAX_EVENT_BYTES])
def test_an_endless_event_is_cut_wherever_its_pieces_end(size):
    splitter = EventSplitter()
    for _ in range(MAX_EVENT_BYTES // size):
        splitter.feed(b"x" * size)
    with pytest.raises(EventTooLarge):
        splitter.feed(b"x" * size)
