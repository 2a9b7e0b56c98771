"""Chart geometry: bars reach what they stand for, rings close, nothing divides by zero."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.charts import nice_step, ring, sparkline, stacked_bars

amounts = st.integers(0, 10**15)
stacks = st.integers(1, 6).flatmap(
    lambda width: st.lists(st.lists(amounts, min_size=width, max_size=width), min_size=1, max_size=90)
)


def drawn(stacks):
    return stacked_bars(stacks, label=str)


def number(text):
    return float(text.removesuffix("%"))


@given(st.integers(0, 10**15))
def test_grid_lines_are_few_round_and_high_enough(maximum):
    step = nice_step(maximum)
    assert step * 4 >= maximum
    assert str(step).rstrip("0") in ("1", "2", "5")


@given(stacks)
def test_bars_stand_side_by_side_inside_the_plot_and_in_proportion(values):
    chart = drawn(values)
    top = int(chart.lines[-1].label)
    assert top >= max(map(sum, values))
    for bar, stack in zip(chart.bars, values, strict=True):
        assert number(bar.height) == pytest.approx(chart.height * sum(stack) / top, abs=0.02)
        assert number(bar.left) <= number(bar.x)
        assert number(bar.x) + number(bar.width) <= 100.02
        drawn_height = sum(number(segment.height) for segment in bar.segments)
        assert drawn_height == pytest.approx(number(bar.height), abs=0.05)
        assert [segment.series for segment in bar.segments] == [at for at, value in enumerate(stack, 1) if value]


@pytest.mark.parametrize("values", [[], [[]], [[0, 0], [0, 0]]])
def test_nothing_spent_is_an_empty_chart_with_a_scale(values):
    chart = drawn(values)
    assert not any(bar.segments for bar in chart.bars)
    assert chart.lines[0].y == str(chart.height)


@pytest.mark.parametrize("count", [1, 7, 24, 30, 90])
def test_labels_stay_readable(count):
    ticks = drawn([[1]] * count).ticks
    assert 1 <= len(ticks) <= 8
    assert ticks[0].position == 0
    assert [tick.is_minor for tick in ticks[:2]] == [False, True][: len(ticks)]


@given(st.lists(amounts, min_size=1, max_size=6).filter(any))
def test_a_ring_starts_at_the_top_and_closes(values):
    arcs = ring(values)
    assert [arc.series for arc in arcs] == [at for at, value in enumerate(values, 1) if value]
    assert arcs[0].offset == "0"
    whole = sum(values)
    for arc in arcs:
        length, circle = map(float, arc.dash.split())
        share = 100 * values[arc.series - 1] / whole
        assert circle == 100
        assert share - 0.51 <= length <= share + 0.01


def test_a_ring_of_one_has_no_gap():
    assert [arc.dash for arc in ring([0, 7])] == ["100 100"]


def test_nothing_has_no_ring():
    assert ring([0, 0]) == ()


def test_a_sparkline_rises_to_its_highest_value():
    line = sparkline([0, 5, 10])
    assert line.line == "M0 27L50 14L100 1"
    assert line.area == line.line + "V28H0Z"


@pytest.mark.parametrize("values", [[], [3], [0, 0, 0]])
def test_no_course_no_line(values):
    assert sparkline(values) is None
