"""What an upstream compressed although it was asked not to, made plain again; a small body never becomes a huge one."""

import zlib

MAX_RATIO = 20
FREE_BYTES = 256 * 1024  # below it the ratio says nothing: a few hundred equal events shrink a hundredfold
_EITHER_HEADER = 32 + zlib.MAX_WBITS  # gzip's or zlib's


class Undecodable(Exception):
    """Compressed in a way we do not read, broken, or far larger than it looks."""


class Plain:
    """Nothing to decode."""

    def feed(self, chunk: bytes) -> bytes:
        return chunk


class Inflated:
    """gzip or deflate, chunk by chunk. Raises Undecodable."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(wbits=_EITHER_HEADER)
        self._taken = 0
        self._given = 0

    def feed(self, chunk: bytes) -> bytes:
        self._taken += len(chunk)
        most = max(self._taken * MAX_RATIO, FREE_BYTES) - self._given
        try:
            plain = self._inflate.decompress(chunk, max_length=most)
        except zlib.error as error:
            raise Undecodable(str(error)) from None
        if self._inflate.unconsumed_tail:
            raise Undecodable(f"a body that grows more than {MAX_RATIO} times")
        self._given += len(plain)
        return plain


def decoder_for(encoding: str) -> Plain | Inflated:
    """For a `Content-Encoding`. Raises Undecodable."""
    match encoding.strip().lower():
        case "" | "identity":
            return Plain()
        case "gzip" | "x-gzip" | "deflate":
            return Inflated()
    raise Undecodable(f"compressed as {encoding[:40]}")
