"""Stretches of time: nothing is in two parts or in none, and days are those of the local clock."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from billing.spans import Span, days_earlier, days_of, floor_hour, hours_of, joined, last_days, last_hours, split

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
MINUTES = st.integers(0, 99)
BERLIN, KOLKATA = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata")
moments = st.integers(0, 10 * 24 * 3600).map(lambda seconds: START + timedelta(seconds=seconds))


@given(moments, moments, st.none() | moments.map(floor_hour), moments)
def test_every_moment_of_a_span_is_in_exactly_one_part(one, other, mark, moment):
    span = Span(min(one, other), max(one, other))
    parts = split(span, rolled_until=mark)
    pieces = [parts.hours, *parts.edges]
    holders = [piece for piece in pieces if piece.start <= moment < piece.end]
    assert len(holders) == (1 if span.start <= moment < span.end else 0)
    assert parts.hours.is_empty or (mark and parts.hours.end <= mark)
    assert all(floor_hour(end) == end for end in (parts.hours.start, parts.hours.end))


def test_with_everything_rolled_up_only_the_broken_hours_are_edges():
    span = Span(START + timedelta(minutes=20), START + timedelta(hours=5, minutes=1))
    parts = split(span, rolled_until=START + 9 * HOUR)
    assert parts.hours == Span(START + HOUR, START + 5 * HOUR)
    assert parts.edges == (Span(span.start, START + HOUR), Span(START + 5 * HOUR, span.end))


def test_whole_rolled_up_hours_have_no_edges():
    span = Span(START, START + 5 * HOUR)
    assert split(span, rolled_until=START + 5 * HOUR).edges == ()


def test_a_day_is_24_clock_hours_with_the_running_one():
    now = START + timedelta(hours=30, minutes=10)
    hours = list(hours_of(last_hours(24, now=now)))
    assert (len(hours), hours[-1]) == (24, floor_hour(now))


def test_days_are_local_and_survive_the_change_of_clocks():
    now = datetime(2026, 3, 30, 10, tzinfo=UTC)  # the night before last was an hour short in Berlin
    week = last_days(7, now=now, zone=BERLIN)
    assert week.start == datetime(2026, 3, 23, 23, tzinfo=UTC)
    assert list(days_of(week, BERLIN)) == [date(2026, 3, 24) + timedelta(days=n) for n in range(7)]
    assert days_earlier(week, 7, zone=BERLIN).end == datetime(2026, 3, 23, 11, tzinfo=UTC)


def test_midnight_may_be_at_half_past_an_hour():
    today = last_days(1, now=datetime(2026, 3, 2, 10, tzinfo=UTC), zone=KOLKATA)
    assert today.start == datetime(2026, 3, 1, 18, 30, tzinfo=UTC)


@given(st.lists(st.tuples(MINUTES, MINUTES), max_size=8), MINUTES, MINUTES)
def test_joined_stretches_are_the_same_minutes_in_order_and_apart(ends, one, other):
    within = Span(*sorted((START + one * MINUTE, START + other * MINUTE)))
    spans = [Span(START + start * MINUTE, START + end * MINUTE) for start, end in ends]
    found = joined(spans, within=within)
    assert [minute for minute in range(100) if is_in(found, minute)] == [
        minute for minute in range(100) if is_in(spans, minute) and is_in([within], minute)
    ]
    assert all(left.end < right.start for left, right in pairwise(found))


def is_in(spans, minute):
    return any(span.start <= START + minute * MINUTE < span.end for span in spans)
