"""`/v1/rerank`: documents by how well they answer a query. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from config.kernel.errors import InvalidInput
from relay.dialects.base import Dialect, NativeAnswer, RelayRequest
from relay.dialects.fields import json_object, optional_count
from relay.dialects.metered import (
    SPECIAL_TOKENS,
    Reading,
    input_usage,
    no_answer,
    required_text,
    rows_of,
    whole_request,
)
from relay.endpoints import Endpoint

MAX_DOCUMENTS = 10_000


@dataclass(frozen=True, slots=True)
class Pairs:
    """What a reranker reads: the query once more with each document."""

    query: Reading
    documents: Reading
    count: int

    def bound(self, model: str) -> int:
        """No more tokens than this."""
        return self.query.bound(model) * self.count + self.documents.bound(model)

    def estimate(self, model: str) -> int:
        """A fair guess of the same."""
        return self.query.estimate(model) * self.count + self.documents.estimate(model)


def parse(raw: bytes) -> RelayRequest:
    """Raises InvalidInput naming the field and what to do."""
    payload = json_object(raw)
    query = Reading([required_text(payload, "query")], margin=SPECIAL_TOKENS)
    texts = _documents(payload.get("documents"))
    optional_count(payload, "top_n")
    pairs = Pairs(query, Reading(texts, margin=SPECIAL_TOKENS * len(texts)), len(texts))
    return whole_request(payload, max_tokens=0, input=pairs)


def _documents(value: Any) -> list[str]:
    """Their texts: each is a text, or an object of nothing but texts."""
    if not isinstance(value, list) or not value:
        raise InvalidInput("You must provide documents: a list of texts.", param="documents")
    if len(value) > MAX_DOCUMENTS:
        raise InvalidInput(f"Send at most {MAX_DOCUMENTS} documents a request.", param="documents")
    return [_document(document, position) for position, document in enumerate(value)]


def _document(value: Any, position: int) -> str:
    fields = value if isinstance(value, dict) and value else {"text": value}
    if not all(isinstance(text, str) for text in fields.values()):
        name = f"documents[{position}]"
        raise InvalidInput(f"{name} must be a text, or an object of texts.", param=name)
    return "\n".join(fields.values())


def read(answer: Mapping[str, Any]) -> NativeAnswer:
    """An answer without a list of results is no answer."""
    if answer.get("error") or rows_of(answer, "results", "data") is None:
        return no_answer(answer, "result")
    return NativeAnswer(_usage(answer), [], None)


def _usage(answer: Mapping[str, Any]) -> Any:
    """`usage` as Jina, Voyage and DashScope write it, else what Cohere and SiliconFlow say in `meta`.

    Cohere's search units are no tokens: what is counted in them is priced by the call.
    """
    meta = answer.get("meta")
    places = [answer.get("usage")]
    if isinstance(meta, Mapping):
        places += [meta.get("billed_units"), meta.get("tokens")]
    told = (input_usage(place, "total_tokens", "input_tokens", "prompt_tokens") for place in places)
    return next((usage for usage in told if usage is not None), None)


RERANK = Dialect(name="rerank", endpoint=Endpoint.RERANK, parse=parse, read=read, is_text=False)
