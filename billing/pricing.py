"""Charge arithmetic: usage × quote → charge. Pure integers; one rounding, up, at the total."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from config.kernel.money import PPM, NanoUSD, ceil_div

TOKENS_PER_PRICE = 1_000_000
PROMPT_KINDS = ("input", "cache_read", "cache_write", "cache_write_1h", "audio_input", "image_input")
COMPLETION_KINDS = ("output", "reasoning", "audio_output")
KINDS = (*PROMPT_KINDS, *COMPLETION_KINDS)
FALLBACKS = {
    "cache_read": "input",
    "cache_write": "input",
    "cache_write_1h": "cache_write",  # after cache_write, whose own fallback it takes over
    "audio_input": "input",
    "image_input": "input",
    "reasoning": "output",
    "audio_output": "output",
}
_ALWAYS_STORED = ("input", "output", "cache_read", "cache_write", "reasoning")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Nano-dollars per million tokens of each kind. `cache_write` is the five-minute one."""

    input: int
    output: int
    cache_read: int
    cache_write: int
    cache_write_1h: int
    reasoning: int
    audio_input: int
    audio_output: int
    image_input: int

    @classmethod
    def of(cls, **known: Any) -> Self:
        """`input` and `output`, and what is known besides; a kind that is missing or None costs as its fallback."""
        for kind, fallback in FALLBACKS.items():
            if known.get(kind) is None:
                known[kind] = known[fallback]
        return cls(**known)

    def rates_dict(self) -> dict[str, int]:
        """What `of` needs to build the same again: later kinds only where they differ from their fallback."""
        rates: dict[str, int] = {kind: getattr(self, kind) for kind in KINDS}
        return {kind: nano for kind, nano in rates.items() if kind in _ALWAYS_STORED or nano != rates[FALLBACKS[kind]]}

    @property
    def dearest_input(self) -> int:
        return max(
            self.input, self.cache_read, self.cache_write, self.cache_write_1h, self.audio_input, self.image_input
        )

    @property
    def dearest_output(self) -> int:
        return max(self.output, self.reasoning, self.audio_output)


@dataclass(frozen=True, slots=True)
class Tier:
    """The rates of a whole request whose prompt has more than `above` tokens."""

    above: int
    rates: Rates


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices(Rates):
    """The rates of a short prompt, nano-dollars a call, and tiers of longer prompts by rising threshold."""

    per_call: int = 0
    tiers: tuple[Tier, ...] = ()

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """What `as_dict` made, now or before there were as many kinds of tokens."""
        tiers = tuple(
            Tier(tier["above"], Rates.of(**{kind: nano for kind, nano in tier.items() if kind != "above"}))
            for tier in stored.get("tiers", ())
        )
        return cls.of(**{**stored, "tiers": tiers})

    def as_dict(self) -> dict[str, Any]:
        """JSON values; `from_dict` reads them back."""
        stored: dict[str, Any] = {**self.rates_dict(), "per_call": self.per_call}
        if self.tiers:
            stored["tiers"] = [{"above": tier.above, **tier.rates.rates_dict()} for tier in self.tiers]
        return stored

    def rates_for(self, prompt_tokens: int) -> Rates:
        """The rates of a request with such a prompt."""
        rates: Rates = self
        for tier in self.tiers:
            if prompt_tokens > tier.above:
                rates = tier.rates
        return rates

    def times(self, ratio_ppm: int) -> "Prices":
        """For display: each price times a ratio, rounded up. Charges round once, at their total."""
        return Prices(
            **_times(self, ratio_ppm),
            per_call=ceil_div(self.per_call * ratio_ppm, PPM),
            tiers=tuple(Tier(tier.above, Rates(**_times(tier.rates, ratio_ppm))) for tier in self.tiers),
        )


def _times(rates: Rates, ratio_ppm: int) -> dict[str, Any]:
    return {kind: ceil_div(getattr(rates, kind) * ratio_ppm, PPM) for kind in KINDS}


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
    cache_write_1h: int | None = None
    audio_input: int | None = None
    image_input: int | None = None
    audio_output: int | None = None

    @property
    def prompt_total(self) -> int:
        """All of the prompt: what decides the tier."""
        return (
            (self.input or 0)
            + (self.cache_read or 0)
            + (self.cache_write or 0)
            + (self.cache_write_1h or 0)
            + (self.audio_input or 0)
            + (self.image_input or 0)
        )

    @property
    def completion_total(self) -> int:
        return (self.output or 0) + (self.reasoning or 0) + (self.audio_output or 0)


@dataclass(frozen=True, slots=True)
class Line:
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
    """Price a usage at the tier of its prompt. Never negative, rounded up once.

    Monotone in every count as long as no tier undercuts a shorter one.
    """
    rates = quote.prices.rates_for(usage.prompt_total)
    counts: list[tuple[str, int | None]] = [(kind, getattr(usage, kind)) for kind in KINDS]
    lines = [Line(kind, tokens, getattr(rates, kind), TOKENS_PER_PRICE) for kind, tokens in counts if tokens]
    lines.append(Line("call", 1, quote.prices.per_call, 1))
    exact = sum(line.exact for line in lines) * quote.ratio_ppm
    total = NanoUSD(ceil_div(exact, TOKENS_PER_PRICE * PPM))
    return Charge(tuple(line for line in lines if line.unit_price), quote.ratio_ppm, total)


def upper_bound(*, prompt_tokens: int, completion_tokens: int, quote: Quote) -> NanoUSD:
    """The most a call can cost: every token at the dearest price of its side, in the dearest tier within reach."""
    prices = quote.prices
    reachable: list[Rates] = [prices, *(tier.rates for tier in prices.tiers if tier.above < prompt_tokens)]
    tokens = max(prompt_tokens * r.dearest_input + completion_tokens * r.dearest_output for r in reachable)
    return NanoUSD(ceil_div((tokens + prices.per_call * TOKENS_PER_PRICE) * quote.ratio_ppm, TOKENS_PER_PRICE * PPM))


def affordable_output(*, amount: int, most: int, choices: int, prompt_tokens: int, quote: Quote) -> int:
    """The longest answer, in tokens per choice and at most `most`, whose upper bound an amount covers; 0 for none."""

    def bound(tokens: int) -> int:
        return upper_bound(prompt_tokens=prompt_tokens, completion_tokens=tokens * choices, quote=quote)

    return max(bisect_right(range(most + 1), amount, key=bound) - 1, 0)
