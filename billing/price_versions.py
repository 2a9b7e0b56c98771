"""Writes the price list: a change of price is a new version, and a version that was in force never changes."""

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.utils import timezone

from billing.models import OPTIONAL_PRICES, ModelPrice
from config.kernel.errors import InvalidInput
from config.kernel.money import NanoUSD

CARRIED = (
    "model", "provider", "tags", "input", "output", "per_call", "tiers", "max_output_tokens", "display_currency",
    *OPTIONAL_PRICES,
)  # fmt: skip


def version_in_force(model: str) -> ModelPrice | None:
    """The version that a request would be charged by now."""
    in_force = ModelPrice.objects.filter(model=model, effective_from__lte=timezone.now())
    return in_force.order_by("-effective_from").first()


def set_price(*, model: str, provider: str, input: NanoUSD, output: NanoUSD, cache_read: NanoUSD | None = None) -> bool:
    """Charge these nano-dollars per million tokens from now on; False when that is the price already.

    What the version in force says besides (per call, cache writes, longest answer) goes on. Raises InvalidInput.
    """
    current = version_in_force(model)
    if current and (current.input, current.output, current.cache_read) == (input, output, cache_read):
        return False
    version = next_version(current) if current else ModelPrice(model=model, provider=provider)
    version.input, version.output, version.cache_read = input, output, cache_read
    try:
        version.full_clean()
    except ValidationError as error:
        raise InvalidInput(_in_words(error), param="price") from None
    version.save()
    return True


def _in_words(error: ValidationError) -> str:
    """What is wrong with which field: `input: Ensure …`."""
    wrong = error.message_dict.items()
    return " ".join(
        f"{field}: {' '.join(texts)}" if field != NON_FIELD_ERRORS else " ".join(texts) for field, texts in wrong
    )


def next_version(price: ModelPrice) -> ModelPrice:
    """An unsaved copy that would be in force from now."""
    return ModelPrice(**{name: getattr(price, name) for name in CARRIED})
