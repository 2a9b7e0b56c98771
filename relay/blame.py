"""Whose fault an upstream's refusal is: the caller's, the channel's, its key's, or only a matter of time. Pure."""

import re
from enum import Enum, auto


class Blame(Enum):
    """What a failed attempt says about the target that was tried."""

    CALLER = auto()
    CHANNEL = auto()
    LIMIT = auto()
    KEY = auto()


# For an empty account upstreams send anything: OpenAI 429, Anthropic and Bailian 400, others 402 or 403.
_SPENT = frozenset(
    {
        "account_deactivated",
        "arrearage",
        "billing_hard_limit_reached",
        "billing_not_active",
        "insufficient_balance",
        "insufficient_quota",
        "insufficient_user_quota",
        "invalid_api_key",
    }
)
_SPENT_WORDS = re.compile(r"(?:your )?(?:credit balance is too low|insufficient (?:account )?balance)", re.I)
_TELLING = 60  # characters: further on, an upstream may quote the caller, who must not get a key disabled
_KEY_WORDS = re.compile(
    r"api.?key|access.?token|credential|account|organi[sz]ation|billing|balance|quota|suspended|deactivated", re.I
)


def blame_of(status: int | None, *, code: object = None, kind: object = None, message: object = None) -> Blame:
    """`code`, `kind` and `message` are those of the upstream's error object, whatever their types."""
    words = {text.lower() for text in (code, kind) if isinstance(text, str)}
    sentence = message if isinstance(message, str) else ""
    if status is not None and 400 <= status < 500 and (words & _SPENT or _SPENT_WORDS.match(sentence)):
        return Blame.KEY
    match status:
        case 401 | 402:
            return Blame.KEY
        case 403:
            return Blame.KEY if _KEY_WORDS.search(" ".join([*words, sentence[:_TELLING]])) else Blame.CHANNEL
        case 429:
            return Blame.LIMIT
        case 400 | 404 | 413 | 422:
            return Blame.CALLER
    return Blame.CHANNEL
