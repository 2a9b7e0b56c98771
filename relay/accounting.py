"""What an ended request is charged for, by which rule, and what its record keeps. Pure.

The upstream's own counts are charged; where it sent none, what was delivered, counted here; and nothing where nothing
was, unless callers leave again and again: then the prompt. A charge is never above its hold: what would be is the
operator's loss, and the record is flagged.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from billing.holds import Hold, Settlement, cost_of
from billing.models import UsageRecord
from billing.pricing import Usage, charge
from billing.usage import Reported
from config.kernel.errors import DomainError, UpstreamTimedOut
from config.kernel.money import NanoUSD
from relay.errors import InternalError
from relay.routing import Target

EndReason = UsageRecord.EndReason
Rule = UsageRecord.Rule
Status = UsageRecord.Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a request ended and what is known of its answer."""

    reason: EndReason
    has_answer: bool = False  # whether the caller was given anything of what was asked for
    reported: Reported | None = None
    is_prompt_due: bool = False  # whether an unanswered call is charged for its prompt
    is_suspect: bool = False  # the upstream sent counts that cannot be used
    prompt_estimate: int = 0
    output_estimate: int = 0
    http_status: int = 200
    error_code: str = ""
    first_byte_ms: int | None = None
    total_ms: int = 0


def settlement_of(
    hold: Hold, ended: Ended, *, target: Target | None, attempts: Sequence[dict[str, object]]
) -> Settlement:
    """The one settlement of an exchange."""
    rule, usage = _rule_and_usage(ended)
    priced = NanoUSD(0) if rule == Rule.NOTHING else charge(usage, hold.quote).total
    is_kept = ended.reason == EndReason.COMPLETED or (ended.reason == EndReason.CLIENT_GONE and rule != Rule.NOTHING)
    return Settlement(
        id=hold.id,
        status=Status.SETTLED if is_kept else Status.FAILED,
        end_reason=ended.reason,
        rule=rule,
        usage=usage,
        charge=NanoUSD(min(priced, hold.amount)),
        is_suspect=ended.is_suspect or bool(ended.reported and ended.reported.is_suspect) or priced > hold.amount,
        channel_id=target.channel_id if target else None,
        channel_name=target.channel_name if target else "",
        attempts=tuple(attempts),
        http_status=ended.http_status,
        error_code=ended.error_code,
        first_byte_ms=ended.first_byte_ms,
        total_ms=ended.total_ms,
        cost=cost_of(usage, target.cost) if target else None,
    )


def _rule_and_usage(ended: Ended) -> tuple[Rule, Usage]:
    if not ended.has_answer and ended.is_prompt_due:
        return Rule.PROMPT, Usage(input=ended.prompt_estimate)
    if not ended.has_answer:
        return Rule.NOTHING, ended.reported.usage if ended.reported else Usage()
    if ended.reported is not None:
        return Rule.REPORTED, ended.reported.usage
    return Rule.DELIVERED, Usage(input=ended.prompt_estimate, output=ended.output_estimate)


def reason_of(error: DomainError | None) -> EndReason:
    """How the record calls an end by an error, or by none where the answer was not complete."""
    match error:
        case None:
            return EndReason.TRUNCATED
        case UpstreamTimedOut():
            return EndReason.UPSTREAM_TIMEOUT
        case InternalError():
            return EndReason.INTERNAL_ERROR
        case _ if error.status < 429:
            return EndReason.REJECTED
    return EndReason.UPSTREAM_ERROR
