"""What an operator types about a channel's models and prices, made sense of. Pure."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

from config.kernel.money import NanoUSD, usd

PRICE_FORM = "Write dollars per million tokens as IN,OUT or IN,OUT,CACHED, for example 0.27,1.10"


class Dollars(NamedTuple):
    """A price as it is typed: nano-dollars per million tokens."""

    input: NanoUSD
    output: NanoUSD
    cache_read: NanoUSD | None


def dollars(text: str) -> Dollars:
    """`0.27,1.10` or `0.27,1.10,0.07`. Raises ValueError."""
    numbers = text.split(",")
    if len(numbers) not in (2, 3):
        raise ValueError(PRICE_FORM)
    amounts = [usd(number.strip()) for number in numbers]
    if min(amounts) < 0:
        raise ValueError("A price cannot be negative.")
    return Dollars(amounts[0], amounts[1], amounts[2] if len(amounts) == 3 else None)


def model_price(text: str) -> tuple[str, Dollars]:
    """`MODEL=IN,OUT[,CACHED]`. Raises ValueError."""
    model, _, numbers = text.rpartition("=")
    if not model:
        raise ValueError("Write MODEL=IN,OUT or MODEL=IN,OUT,CACHED.")
    return model, dollars(numbers)


def pick_models(offered: Mapping[str, str], wanted: Iterable[str]) -> dict[str, str]:
    """Public name → name at the upstream, for names, `NAME=UPSTREAM` pairs, and patterns that pick from the offer."""
    models = {}
    for item in wanted:
        name, _, upstream = item.partition("=")
        if "*" in name:
            models.update({model: known for model, known in offered.items() if fnmatchcase(model, name)})
        elif name:
            models[name] = upstream or offered.get(name, name)
    return models


def public_name(upstream: str) -> str:
    """What customers call a model: without a prefix that says nothing, and never a path on the upstream's disk."""
    if upstream.startswith("/"):
        return upstream.rstrip("/").rpartition("/")[2].removesuffix(".gguf") or upstream
    return upstream.removeprefix("models/")
