"""Screenshots a third as large: 24-bit PNGs, as Chromium draws them, with a palette of at most 256 colours instead.

Written here because nothing of the product needs an imaging library.
"""

import struct
import zlib
from collections import Counter
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
RGB, PALETTE = 2, 3  # colour types
MOST, SURE = 256, 128  # colours of a palette; how many of them are the picture's commonest


def with_palette(png: bytes) -> bytes:
    """The same picture, or one that is hard to tell from it. Takes 8-bit RGB without interlacing alone."""
    parts = list(_chunks(png))
    width, height, *kind = struct.unpack(">IIBBBBB", parts[0][1])
    assert kind == [8, RGB, 0, 0, 0]
    lines = _lines(zlib.decompress(b"".join(body for name, body in parts if name == b"IDAT")), 3 * width)
    pixels = [[line[at : at + 3] for at in range(0, len(line), 3)] for line in lines]
    counts = Counter(colour for row in pixels for colour in row)
    palette = _palette(counts)
    number = {colour: _nearest(colour, palette) for colour in counts}
    packed = b"".join(b"\0" + bytes(number[colour] for colour in row) for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 8, PALETTE, 0, 0, 0)
    body = {b"IHDR": header, b"PLTE": b"".join(palette), b"IDAT": zlib.compress(packed, 9), b"IEND": b""}
    return SIGNATURE + b"".join(_chunk(name, data) for name, data in body.items())


def _palette(counts: Counter[bytes]) -> list[bytes]:
    """The commonest colours, for surfaces must not shift at all; and of the others, which edges are made of, the
    commonest of each cell of the finest grid for whose cells there is room."""
    colours = [colour for colour, _count in counts.most_common()]
    for width in range(1, 256):
        cells: dict[tuple[int, ...], bytes] = {}
        for colour in colours[SURE:]:
            cells.setdefault(tuple(part // width for part in colour), colour)
        if len(cells) <= MOST - SURE:
            break
    return [*colours[:SURE], *cells.values()]


def _nearest(colour: bytes, palette: list[bytes]) -> int:
    red, green, blue = colour
    return min(
        range(len(palette)),
        key=lambda at: (red - palette[at][0]) ** 2 + (green - palette[at][1]) ** 2 + (blue - palette[at][2]) ** 2,
    )


# ── The format ───────────────────────────────────────────────────────────────


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(SIGNATURE)
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        at += 12 + size


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _lines(raw: bytes, size: int) -> Iterator[bytes]:
    """Each line of pixels with its filter undone."""
    above = bytes(size)
    for start in range(0, len(raw), size + 1):
        line = bytearray(raw[start + 1 : start + 1 + size])
        if kind := raw[start]:
            _UNDO[kind](line, above)
        above = bytes(line)
        yield above


def _add_left(line: bytearray, above: bytes) -> None:
    for at in range(3, len(line)):
        line[at] = (line[at] + line[at - 3]) & 255


def _add_above(line: bytearray, above: bytes) -> None:
    line[:] = bytes((value + up) & 255 for value, up in zip(line, above, strict=True))


def _add_average(line: bytearray, above: bytes) -> None:
    for at, up in enumerate(above):
        left = line[at - 3] if at >= 3 else 0
        line[at] = (line[at] + (left + up) // 2) & 255


def _add_paeth(line: bytearray, above: bytes) -> None:
    for at, up in enumerate(above):
        left, corner = (line[at - 3], above[at - 3]) if at >= 3 else (0, 0)
        to_left, to_up, to_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
        near = left if to_left <= to_up and to_left <= to_corner else up if to_up <= to_corner else corner
        line[at] = (line[at] + near) & 255


_UNDO = {1: _add_left, 2: _add_above, 3: _add_average, 4: _add_paeth}
