"""What a request may cost at most, at the terms frozen for it, and how long an answer a smaller sum pays for."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from billing.holds import Hold
from billing.prices import PriceList
from billing.pricing import Quote, affordable_output, upper_bound
from config.kernel.errors import NotFound
from config.kernel.money import NanoUSD
from relay.dialects.base import Dialect, RelayRequest
from relay.routing import Route
from tokens.selectors import TokenSnapshot

SHORTEST_ANSWER = 256  # tokens; a balance that affords less than that is told to be topped up


@dataclass(frozen=True, slots=True)
class Terms:
    """A request, the longest answer it may get, and the quote for both."""

    request: RelayRequest
    longest: int
    quote: Quote

    def bound(self, tokens: int) -> NanoUSD:
        """The most that answers of so many tokens each can cost."""
        request = self.request
        return upper_bound(
            prompt_tokens=request.prompt_bound, completion_tokens=tokens * request.choices, quote=self.quote
        )

    def longest_for(self, amount: NanoUSD) -> int:
        """The longest answer, in tokens of each choice, that an amount pays for whatever happens."""
        return affordable_output(
            amount=amount,
            most=self.longest,
            choices=self.request.choices,
            prompt_tokens=self.request.prompt_bound,
            quote=self.quote,
        )


def terms_of(request: RelayRequest, *, caller: TokenSnapshot, route: Route, listed: PriceList, at: datetime) -> Terms:
    """The terms in force at a moment. Raises NotFound for a model without a price."""
    entry = listed.price_of(request.model, at=at)
    if entry is None:
        raise NotFound(
            f"The model {request.model} has no price yet and cannot be called.", code="model_not_found", param="model"
        )
    prices = listed.prices_for(caller.user_id, request.model, entry)
    quote = Quote(price_id=entry.price_id, prices=prices, ratio_ppm=route.ratio_ppm)
    return Terms(request, entry.max_output_tokens if request.max_tokens is None else request.max_tokens, quote)


def hold_for(terms: Terms, *, id: UUID, caller: TokenSnapshot, dialect: Dialect, route: Route, at: datetime) -> Hold:
    """What to set aside. Who names the longest answer is taken at their word; all others may get a shorter text.

    Raises InvalidInput for what these prices cannot charge for.
    """
    if dialect.check_prices is not None:
        dialect.check_prices(terms.request, terms.quote.prices)
    may_be_shorter = terms.request.max_tokens is None and dialect.is_text
    return Hold(
        id=id,
        user_id=caller.user_id,
        token_id=caller.id,
        token_name=caller.name,
        group=route.group,
        endpoint=dialect.name,
        is_stream=terms.request.is_stream,
        model=terms.request.model,
        quote=terms.quote,
        amount=terms.bound(terms.longest),
        created_at=at,
        least=terms.bound(min(terms.longest, SHORTEST_ANSWER)) if may_be_shorter else None,
    )
