"""Writes the price list: a change of price is a new version, and a version that was in force never changes."""

from django.core.exceptions import ValidationError
from django.utils import timezone

from billing.models import ModelPrice
from config.kernel.errors import InvalidInput
from config.kernel.money import NanoUSD


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
        raise InvalidInput(" ".join(error.messages), param="price") from None
    version.save()
    return True


def next_version(price: ModelPrice) -> ModelPrice:
    """An unsaved copy that would be in force from now."""
    return ModelPrice(
        model=price.model,
        provider=price.provider,
        tags=price.tags,
        input=price.input,
        output=price.output,
        cache_read=price.cache_read,
        cache_write=price.cache_write,
        reasoning=price.reasoning,
        per_call=price.per_call,
        max_output_tokens=price.max_output_tokens,
    )
