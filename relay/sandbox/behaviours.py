"""What each model of the sandbox does: one row per model id.

The default row is a well-behaved model; a fault differs from it in one or two columns. Faults that concern the end of
a stream have a counterpart for calls that do not stream, written next to each `Ending`.
"""

from dataclasses import dataclass
from enum import Enum, auto

from .errors import Refusal

# The 401 fault says both aloud on purpose: they must never reach a customer of whoever relays the answer.
UPSTREAM_KEY = "sk-upstream-4f9c2ab17d"
UPSTREAM_ACCOUNT = "acct_sandbox_88417"


class Body(Enum):
    """What the response body is made of."""

    CHAT = auto()
    EMPTY = auto()  # well-formed, with no choices in it
    HTML = auto()
    BROKEN_JSON = auto()
    NEVER = auto()  # the request is accepted and no byte ever comes back


class Ending(Enum):
    """How the answer ends, once `tokens_before_end` are out. After the dash: a call that does not stream."""

    DONE = auto()
    CUT = auto()  # the connection closes inside the body - likewise, half-way through the body
    EOF = auto()  # a clean end without finish reason, usage or [DONE] - finish_reason is null, usage is missing
    STALL = auto()  # silence for ever - likewise, half-way through the body
    ERROR = auto()  # an error event, then a clean end - an error object with status 200


class UsageReport(Enum):
    """How usage is reported, where it is due."""

    TRUE = auto()
    DETAILED = auto()  # true, with cached and reasoning tokens
    NEVER = auto()
    NONSENSE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """One model. Delays are seconds; `answer_tokens` is the least length of an answer in tokens."""

    summary: str
    first_byte_delay: float = 0.0
    chunk_delay: float = 0.01
    answer_tokens: int = 0
    reasons: bool = False
    error: Refusal | None = None
    body: Body = Body.CHAT
    ending: Ending = Ending.DONE
    tokens_before_end: int | None = None
    usage: UsageReport = UsageReport.TRUE

    @property
    def completes(self) -> bool:
        """Whether a caller gets a whole, well-formed answer."""
        return self.error is None and self.body is Body.CHAT and self.ending is Ending.DONE


FAILURES = (
    Refusal(400, "The sandbox finds this request invalid.", code="invalid_request"),
    Refusal(
        401,
        f"Incorrect API key provided: {UPSTREAM_KEY}. Check the keys of account {UPSTREAM_ACCOUNT}.",
        type="authentication_error",
        code="invalid_api_key",
        headers={"OpenAI-Organization": UPSTREAM_ACCOUNT},
    ),
    Refusal(402, "The sandbox account is out of credit.", type="insufficient_quota", code="insufficient_quota"),
    Refusal(403, "The sandbox account may not use this model.", type="permission_error", code="model_not_allowed"),
    Refusal(404, "The sandbox has withdrawn this model.", code="model_not_found", param="model"),
    Refusal(
        429,
        "The sandbox is over its rate limit. Try again in 7 seconds.",
        type="rate_limit_error",
        code="rate_limit_exceeded",
        headers={"Retry-After": "7"},
    ),
    Refusal(500, "The sandbox had an internal error.", type="api_error", code="internal_error"),
    Refusal(503, "The sandbox is overloaded.", type="api_error", code="overloaded"),
)


def _breaking(summary: str, ending: Ending, tokens: int = 5) -> Behaviour:
    return Behaviour(summary=summary, ending=ending, tokens_before_end=tokens)


BEHAVIOURS: dict[str, Behaviour] = {
    "sandbox-mini": Behaviour(summary="Quick and short: about 10 ms per token."),
    "sandbox-pro": Behaviour(
        summary="Thinks first, answers at length, reports cached and reasoning tokens.",
        answer_tokens=150,
        reasons=True,
        usage=UsageReport.DETAILED,
    ),
    "sandbox-slow": Behaviour(
        summary="First byte after 2 s, then about 100 tokens, 200 ms each.",
        first_byte_delay=2.0,
        chunk_delay=0.2,
        answer_tokens=100,
    ),
    "sandbox-long": Behaviour(
        summary="A long stream: about 600 tokens, 50 ms each.", chunk_delay=0.05, answer_tokens=600
    ),
    **{
        f"sandbox-error-{failure.status}": Behaviour(summary=f"Answers with status {failure.status}.", error=failure)
        for failure in FAILURES
    },
    "sandbox-hang": Behaviour(summary="Accepts the request and never answers.", body=Body.NEVER),
    "sandbox-cut": _breaking("Drops the connection after 5 tokens.", Ending.CUT),
    "sandbox-eof": _breaking("Ends after 5 tokens without finish reason or [DONE].", Ending.EOF),
    "sandbox-stall": _breaking("Falls silent for ever after 5 tokens.", Ending.STALL),
    "sandbox-error-stream": _breaking("Status 200, then an error as the first event.", Ending.ERROR, tokens=0),
    "sandbox-error-midstream": _breaking("Sends an error event after 5 tokens.", Ending.ERROR),
    "sandbox-no-usage": Behaviour(summary="Never reports usage.", usage=UsageReport.NEVER),
    "sandbox-bad-usage": Behaviour(
        summary="Reports usage that is negative, huge and a string.", usage=UsageReport.NONSENSE
    ),
    "sandbox-html": Behaviour(summary="Status 200 with an HTML page.", body=Body.HTML),
    "sandbox-badjson": Behaviour(summary="Status 200 with broken JSON.", body=Body.BROKEN_JSON),
    "sandbox-empty": Behaviour(summary="Status 200 with no choices.", body=Body.EMPTY),
}
