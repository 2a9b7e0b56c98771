"""Smaller pictures of pages: the same pixels while a palette has room for their colours, near ones beyond."""

import struct
import zlib

import pytest

from tests.tools.small_png import SIGNATURE, _chunk, _chunks, with_palette

WIDTH, HEIGHT = 40, 30


def drawn(pixel, *, kind=0):
    """A PNG of 24 bits whose every line has the given filter; the filter is applied by the standard's own formulas."""
    lines, above = [], bytes(3 * WIDTH)
    for y in range(HEIGHT):
        line = b"".join(bytes(pixel(x, y)) for x in range(WIDTH))
        lines.append(bytes([kind]) + filtered(kind, line, above))
        above = line
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    parts = {b"IHDR": header, b"IDAT": zlib.compress(b"".join(lines)), b"IEND": b""}
    return SIGNATURE + b"".join(_chunk(name, data) for name, data in parts.items())


def filtered(kind, line, above):
    def guess(at):
        left, corner = (line[at - 3], above[at - 3]) if at >= 3 else (0, 0)
        up = above[at]
        near = min((left, up, corner), key=lambda one: abs(left + up - corner - one))
        return (0, left, up, (left + up) >> 1, near)[kind]

    return bytes((value - guess(at)) & 255 for at, value in enumerate(line))


def pixels_of(png):
    parts = dict(_chunks(png))
    palette, raw = parts[b"PLTE"], zlib.decompress(parts[b"IDAT"])
    rows = [raw[y * (WIDTH + 1) + 1 : (y + 1) * (WIDTH + 1)] for y in range(HEIGHT)]
    return [[tuple(palette[3 * number : 3 * number + 3]) for number in row] for row in rows]


@pytest.mark.parametrize("kind", range(5))
def test_few_colours_stay_as_they_are(kind):
    def pixel(x, y):
        return (x * 6, y * 8, 7) if (x + y) % 9 == 0 else (250, 251, 252)

    assert pixels_of(with_palette(drawn(pixel, kind=kind))) == [
        [pixel(x, y) for x in range(WIDTH)] for y in range(HEIGHT)
    ]


def test_of_too_many_each_becomes_a_near_one():
    def pixel(x, y):
        return (x * 6, y * 8, (x * y) % 256)

    small = pixels_of(with_palette(drawn(pixel)))
    assert len({colour for row in small for colour in row}) <= 256
    for y, row in enumerate(small):
        for x, colour in enumerate(row):
            assert max(abs(a - b) for a, b in zip(colour, pixel(x, y), strict=True)) <= 64
