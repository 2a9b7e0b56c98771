"""What those endpoints share that are passed on and metered: they answer in one piece, and channels speak them or not.

Charged are the upstream's own counts; where it reports none, our count of what was sent and of the text that came back.
Neither pictures nor sound can be counted here: what makes them is priced by the call where its upstream reports none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from billing.prompt import Prompt
from config.kernel.errors import InvalidInput
from relay.dialects.base import NativeAnswer, RelayRequest
from relay.dialects.fields import model_name
from relay.dialects.forms import write_form

SPECIAL_TOKENS = 8  # that a model may put around each input
_NO_STREAM = (None, False, "false", "")


@dataclass(frozen=True, slots=True)
class Reading:
    """An `Input` that is no conversation: `tokens` are counted already, `margin` is what the bound allows for."""

    texts: list[str] = field(default_factory=list)
    pictures: int = 0
    tokens: int = 0
    margin: int = 0

    def bound(self, model: str) -> int:
        """No more tokens than this."""
        return self._prompt.bound(model) + self.tokens + self.margin

    def estimate(self, model: str) -> int:
        """A fair guess of the same."""
        return self._prompt.estimate(model) + self.tokens

    @property
    def _prompt(self) -> Prompt:
        return Prompt(self.texts, frames=0, pictures=self.pictures)


def whole_request(payload: dict[str, Any], **fields: Any) -> RelayRequest:
    """A request for one whole answer; `fields` are those of RelayRequest. Raises InvalidInput."""
    if payload.get("stream") not in _NO_STREAM:
        raise InvalidInput("This endpoint does not stream. Leave stream out.", param="stream")
    return RelayRequest(payload=payload, model=model_name(payload), is_stream=False, wants_usage=False, **fields)


def form_body(request: RelayRequest, fields: dict[str, Any]) -> bytes:
    """A form anew, with the fields that go up."""
    return write_form(fields, request.content_type.partition("boundary=")[2])


def required_text(payload: Mapping[str, Any], name: str) -> str:
    """A text that is not empty. Raises InvalidInput."""
    value = payload.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidInput(f"You must provide {name}: a text that is not empty.", param=name)
    return value


def optional_text(payload: Mapping[str, Any], name: str) -> str:
    """A text, empty where it is missing or null. Raises InvalidInput."""
    value = payload.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidInput(f"{name} must be a string.", param=name)
    return value or ""


def input_usage(usage: Any, *names: str) -> Any:
    """The tokens that were read, by the first of these names that is there, as a `usage` with an output of nothing.

    None where none is; what is no object stays, to be told from one that is missing.
    """
    if not isinstance(usage, Mapping):
        return usage
    told = (usage[name] for name in names or ("prompt_tokens", "input_tokens", "total_tokens") if name in usage)
    tokens = next((value for value in told if value is not None), None)
    return None if tokens is None else {"prompt_tokens": tokens, "completion_tokens": 0}


def rows_of(answer: Mapping[str, Any], *names: str) -> list[Mapping[str, Any]] | None:
    """The objects in the first list of these names; None where there is no such list, or something else is in it."""
    rows = next((answer[name] for name in names if isinstance(answer.get(name), list)), None)
    return rows if rows and all(isinstance(row, Mapping) for row in rows) else None


def no_answer(answer: Mapping[str, Any], what: str) -> NativeAnswer:
    """An answer without what was asked for: the error in it, or that it is missing."""
    error = answer.get("error")
    if not error:
        return NativeAnswer(None, [], {"message": f"The upstream answered without any {what}."})
    return NativeAnswer(None, [], error if isinstance(error, Mapping) else {"message": str(error)})
