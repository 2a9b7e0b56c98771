"""Charge arithmetic: usage × quote → charge. Pure integers; one rounding, up, at the total."""

from dataclasses import asdict, dataclass
from typing import NamedTuple

from config.kernel.money import PPM, NanoUSD, ceil_div

TOKENS_PER_PRICE = 1_000_000


@dataclass(frozen=True, slots=True)
class Prices:
    """Nano-dollars per million tokens; `per_call` is nano-dollars a call."""

    input: int
    output: int
    cache_read: int
    cache_write: int
    reasoning: int
    per_call: int = 0

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Quote:
    """The terms frozen for one request: price row, its numbers, the group's ratio in parts per million."""

    price_id: int
    prices: Prices
    ratio_ppm: int


@dataclass(frozen=True, slots=True)
class Usage:
    """Canonical token counts; the parts do not overlap. None means that nobody said."""

    input: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    output: int | None = None
    reasoning: int | None = None

    @property
    def prompt_total(self) -> int:
        return (self.input or 0) + (self.cache_read or 0) + (self.cache_write or 0)

    @property
    def completion_total(self) -> int:
        return (self.output or 0) + (self.reasoning or 0)


class Line(NamedTuple):
    """One line of a charge: `count` units at `unit_price` (per million tokens, or per call)."""

    kind: str
    count: int
    unit_price: int
    per: int

    @property
    def exact(self) -> int:
        """Nano-dollars × TOKENS_PER_PRICE before the ratio: an integer, so that adding lines loses nothing."""
        return self.count * self.unit_price * (TOKENS_PER_PRICE // self.per)


@dataclass(frozen=True, slots=True)
class Charge:
    """A priced usage: lines that explain it and the total that is taken."""

    lines: tuple[Line, ...]
    ratio_ppm: int
    total: NanoUSD


def charge(usage: Usage, quote: Quote) -> Charge:
    """Price a usage. Total: never negative, monotone in every count, rounded up once."""
    prices = quote.prices
    lines = (
        Line("input", usage.input or 0, prices.input, TOKENS_PER_PRICE),
        Line("cache_read", usage.cache_read or 0, prices.cache_read, TOKENS_PER_PRICE),
        Line("cache_write", usage.cache_write or 0, prices.cache_write, TOKENS_PER_PRICE),
        Line("output", usage.output or 0, prices.output, TOKENS_PER_PRICE),
        Line("reasoning", usage.reasoning or 0, prices.reasoning, TOKENS_PER_PRICE),
        Line("call", 1, prices.per_call, 1),
    )
    exact = sum(line.exact for line in lines) * quote.ratio_ppm
    total = NanoUSD(ceil_div(exact, TOKENS_PER_PRICE * PPM))
    return Charge(tuple(line for line in lines if line.count and line.unit_price), quote.ratio_ppm, total)


def upper_bound(*, prompt_tokens: int, completion_tokens: int, quote: Quote) -> NanoUSD:
    """The most a call can cost: every prompt and answer token at the dearest price it could be given."""
    prices = quote.prices
    dearest_in = max(prices.input, prices.cache_read, prices.cache_write)
    dearest_out = max(prices.output, prices.reasoning)
    exact = prompt_tokens * dearest_in + completion_tokens * dearest_out + prices.per_call * TOKENS_PER_PRICE
    return NanoUSD(ceil_div(exact * quote.ratio_ppm, TOKENS_PER_PRICE * PPM))
