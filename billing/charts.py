"""Geometry of the charts: numbers in, SVG coordinates out. Pure; the templates draw, style sheets colour.

Across, everything is a percentage and nothing has a viewBox: a chart may be as wide as its card without its text or its
rounded corners being stretched.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

BAR_SHARE = 0.64  # of the room a bar has; the rest is the gap
MAX_LABELS = 8
STEPS = (1, 2, 5, 10)
GAP = 0.5  # per cent of the ring between two arcs


@dataclass(frozen=True, slots=True)
class Line:
    """A grid line, and what it stands for."""

    y: str
    label: str


@dataclass(frozen=True, slots=True)
class Segment:
    """One series' part of a bar; `series` counts from 1."""

    y: str
    height: str
    series: int


@dataclass(frozen=True, slots=True)
class Bar:
    """A stacked bar. `x` and `width` are percentages, `left` and `room` those of the column it stands in."""

    left: str
    room: str
    x: str
    width: str
    y: str
    height: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """A label under the bars; minor ones go first when there is little room."""

    x: str
    position: int
    is_minor: bool


@dataclass(frozen=True, slots=True)
class BarChart:
    """Stacked bars over a scale from zero."""

    height: int
    bars: tuple[Bar, ...]
    lines: tuple[Line, ...]
    ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class Arc:
    """A part of a ring whose path length is 100: `dash` draws it, `offset` turns it to its place."""

    dash: str
    offset: str
    series: int


@dataclass(frozen=True, slots=True)
class Sparkline:
    """A line in a box of 100 × 28, and the area below it."""

    line: str
    area: str


def nice_step(maximum: int, *, lines: int = 4) -> int:
    """The round distance (1, 2 or 5 times a power of ten) at which at most `lines` grid lines reach `maximum`."""
    at_least = max(-(-maximum // lines), 1)
    power = int(10 ** (len(str(at_least)) - 1))
    return next(step * power for step in STEPS if step * power >= at_least)


def stacked_bars(stacks: Sequence[Sequence[int]], *, label: Callable[[int], str], height: int = 300) -> BarChart:
    """One bar per stack of non-negative values; the same position in every stack is the same series."""
    highest = max(map(sum, stacks), default=0)
    step = nice_step(highest)
    top = max(-(-highest // step), 1) * step
    room = 100 / max(len(stacks), 1)
    return BarChart(
        height=height,
        bars=tuple(_bar(stack, place, height, top) for stack, place in zip(stacks, _places(len(stacks)), strict=True)),
        lines=tuple(Line(_number(height - height * value / top), label(value)) for value in range(0, top + 1, step)),
        ticks=tuple(_ticks(len(stacks), room)),
    )


class _Place(NamedTuple):
    left: str
    room: str
    x: str
    width: str


@lru_cache(maxsize=16)  # there are as many as ranges to choose from
def _places(count: int) -> tuple[_Place, ...]:
    """Where so many bars stand."""
    room = 100 / max(count, 1)
    gap, width = room * (1 - BAR_SHARE) / 2, _percent(room * BAR_SHARE)
    return tuple(_Place(_percent(at * room), _percent(room), _percent(at * room + gap), width) for at in range(count))


def _bar(stack: Sequence[int], place: _Place, height: int, top: int) -> Bar:
    ends = [height - height * reached / top for reached in accumulate(stack)]
    starts = [float(height), *ends]
    segments = [
        Segment(_number(end), _number(start - end), series)
        for series, (start, end, value) in enumerate(zip(starts, ends, stack, strict=False), start=1)
        if value
    ]
    upper = ends[-1] if ends else float(height)
    return Bar(*place, y=_number(upper), height=_number(height - upper), segments=tuple(segments))


def _ticks(count: int, room: float) -> list[Tick]:
    every = max(-(-count // MAX_LABELS), 1)
    shown = range(0, count, every)
    return [Tick(_percent((at + 0.5) * room), at, bool(number % 2)) for number, at in enumerate(shown)]


def ring(values: Sequence[int]) -> tuple[Arc, ...]:
    """One arc per value above zero, clockwise from the top, together a full circle."""
    whole = sum(values)
    arcs, reached = [], 0
    for series, value in enumerate(values, start=1):
        if value:
            share = 100 * value / whole
            gap = 0 if value == whole else min(GAP, share / 2)
            arcs.append(Arc(f"{_number(share - gap)} 100", _number(-100 * reached / whole), series))
        reached += value
    return tuple(arcs)


def sparkline(values: Sequence[int]) -> Sparkline | None:
    """The course of a figure; None when there is no course to show."""
    if len(values) < 2 or not any(values):
        return None
    top, across = max(values), 100 / (len(values) - 1)
    points = [f"{_number(position * across)} {_number(27 - 26 * value / top)}" for position, value in enumerate(values)]
    line = "M" + "L".join(points)
    return Sparkline(line, f"{line}V28H0Z")


def _number(value: float) -> str:
    """Two digits are a fiftieth of a pixel; written here, so that no language puts a comma into a coordinate."""
    return f"{round(value, 2) + 0:g}"


def _percent(value: float) -> str:
    return f"{_number(value)}%"
