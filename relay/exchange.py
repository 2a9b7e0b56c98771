"""The life of one relayed request: route, quote, hold, attempts, answer, settlement.

The hold is durable before an upstream is called, the settlement before the last byte leaves. Whatever ends an exchange
(answer, failure, the caller leaving, shutdown), exactly one settlement is made of it.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from uuid import UUID

from aiohttp import ClientResponse
from django.db import DatabaseError
from django.utils import timezone

from billing.holds import Hold, Settlement
from billing.models import UsageRecord
from billing.pricing import Usage
from billing.tokenizer import count_tokens, encoding_of
from billing.usage import normalise
from config.kernel.errors import DomainError, PermissionRefused, UpstreamFailed
from config.kernel.money import NanoUSD
from relay.accounting import Ended, reason_of, settlement_of
from relay.attempts import Attempts
from relay.calls import Call, Calls
from relay.dialects.base import JSON, Dialect, RelayRequest, StreamMeter
from relay.errors import InternalError
from relay.leaving import leaves_too_often
from relay.limits import Gate
from relay.quoting import Terms, hold_for, terms_of
from relay.routing import Route, Target, find_route
from relay.sticky import sticky_key
from relay.stream import AnswerStream, open_stream
from relay.upstream import Answer, Failure, open_answer, read_answer
from tokens.selectors import TokenSnapshot

if TYPE_CHECKING:
    from relay.runtime import Runtime

logger = logging.getLogger("tollbooth.relay")

CLIENT_CLOSED = 499  # nginx's number for a caller who left before the answer

EndReason = UsageRecord.EndReason
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class WholeAnswer:
    """A complete answer and what it cost."""

    body: bytes
    charge: NanoUSD
    content_type: str


class Ending(NamedTuple):
    """Why an exchange did not come to its proper end: for the caller, and for the record."""

    error: DomainError
    reason: EndReason


class Interrupted(Exception):
    """The attempts were ended from within: the exchange's ending says why."""


class Exchange:
    """One request between a caller and the upstreams."""

    def __init__(
        self,
        *,
        id: UUID,
        runtime: "Runtime",
        caller: TokenSnapshot,
        dialect: Dialect,
        request: RelayRequest,
        gate: Gate,
        headers: Mapping[str, str],
        provider: str | None = None,
    ) -> None:
        self.id = id
        self._runtime = runtime
        self._caller = caller
        self._dialect = dialect
        self._request = request
        self._gate = gate
        self._provider = provider
        self._calls = Calls(dialect, request, request_id=str(id), headers=headers)
        self._started = time.monotonic()
        self._first_byte_ms: int | None = None
        self._meter: StreamMeter | None = None
        self._settlement: asyncio.Task[bool] | None = None
        self._caller_left = False
        self._ending: Ending | None = None
        self._is_reading_on = False
        self._is_trying = False
        self._task: asyncio.Task[Any] | None = None  # the caller's request
        self._opened: AnswerStream | None = None
        self.max_tokens: int | None = None  # what the balance affords, where that is less than what the model allows
        self._attempts: Attempts
        self._terms: Terms
        self._hold: Hold

    @property
    def is_stream(self) -> bool:
        return self._request.is_stream

    async def begin(self) -> None:
        """Route, quote and hold. Raises a DomainError and leaves nothing behind, or registers the running exchange."""
        route, now = self._find_route(), timezone.now()
        self._attempts = Attempts(route, keeper=self._runtime, id=str(self.id))
        self._terms = terms_of(
            self._request, caller=self._caller, route=route, listed=self._runtime.prices.value, at=now
        )
        self._hold = hold_for(self._terms, id=self.id, caller=self._caller, dialect=self._dialect, route=route, at=now)
        self._task = asyncio.current_task()
        assert self._task is not None
        self._task.add_done_callback(self._end)
        try:
            await asyncio.shield(self._runtime.keep(self._place_hold()))
        except asyncio.CancelledError:
            self._caller_left = True  # the hold may still be on its way, or placed an instant ago
            self.abandon()
            raise

    async def whole(self) -> WholeAnswer:
        """Fetch a complete answer and settle it. Raises DomainError when every attempt failed, settled as free."""
        call, answer = await self._run(self._read_whole)
        self._first_byte_ms = self._elapsed_ms()
        told, reported = answer.told, normalise(answer.told.usage)
        settlement = self._account(
            EndReason.COMPLETED,
            has_answer=bool(told.texts) or not self._dialect.is_text,
            reported=reported,
            is_suspect=told.usage is not None and reported is None,
            output_estimate=0 if reported else count_tokens(told.texts, encoding=encoding_of(self._request.model)),
        )
        await self._settle(settlement)
        body = call.whole(answer.raw, answer.body, settlement.charge)
        body = self._renamed(body) if told.content_type == JSON else body
        return WholeAnswer(body, settlement.charge, told.content_type)

    async def stream(self) -> AsyncIterator[bytes]:
        """Open a stream and return its pieces. Raises DomainError when every attempt failed before the first event."""
        opened = self._opened = await self._run(self._open_stream)
        self._first_byte_ms = self._elapsed_ms()
        return self._pump(opened)

    def seen(self) -> Usage:
        """What a crash right now would be charged for."""
        output = self._meter.output_estimate if self._meter is not None else 0
        return Usage(input=self._request.prompt_estimate, output=output) if output else Usage()

    def abandon(self, reason: EndReason = EndReason.CLIENT_GONE) -> None:
        """Settle what was delivered, unless a settlement is under way already. Safe to call at any time, repeatedly.

        An answer whose caller left is read to its end first where its channel charges for all of it.
        """
        has_left = reason == EndReason.CLIENT_GONE
        if has_left and self._is_reading_on:
            return
        if self._settlement is None and self.id in self._runtime.active:
            if has_left and self._may_read_on():
                self._is_reading_on = True
                self._settlement = self._runtime.keep(self._read_on())
                return
            status = 200 if self._first_byte_ms is not None else CLIENT_CLOSED
            if has_left and self._is_unanswered:
                self._start(partial(self._finish_unanswered, status))
            else:
                self._start_settlement(self._account_stream(reason, http_status=status))
        if self._opened is not None:
            self._opened.close()

    def _end(self, request: "asyncio.Task[Any]") -> None:
        """The request is over, whatever became of it: what nobody has settled is settled here or else by the sweep."""
        try:
            if self._settlement is None:
                self.abandon(EndReason.INTERNAL_ERROR)
        finally:
            if not self._is_reading_on:
                self._runtime.active.pop(self.id, None)

    def interrupt(self, error: DomainError, reason: EndReason) -> None:
        """End this exchange: the caller is told the first reason, by an error event where a stream has begun."""
        if self._ending is not None:
            return
        self._ending = Ending(error, reason)
        if self._opened is not None:
            self._opened.close()  # wakes the pump, which tells the caller and settles
        elif self._is_trying and self._task is not None:
            self._task.cancel()

    # ── A caller who left ────────────────────────────────────────────────────

    def _may_read_on(self) -> bool:
        if self._attempts.target is None or not self._attempts.target.drains:
            return False
        return self._opened is not None and self._opened.meter.has_content and self._runtime.reading_on.has_room

    async def _read_on(self) -> bool:
        """Read the rest for the upstream's own counts; without them only what had been delivered is charged."""
        assert self._opened is not None
        meter = self._opened.meter
        delivered = meter.output_estimate
        await self._runtime.reading_on.read(self._opened)
        self._runtime.active.pop(self.id, None)
        return await self._finish(
            self._account(
                EndReason.CLIENT_GONE, has_answer=bool(delivered), reported=meter.reported, output_estimate=delivered
            )
        )

    @property
    def _is_unanswered(self) -> bool:
        """Whether an upstream was asked, and nothing of its answer passed on."""
        return self._attempts.target is not None and not (self._meter is not None and self._meter.has_content)

    async def _finish_unanswered(self, status: int) -> bool:
        """Free, but for a key whose callers leave too often: see `relay.leaving`."""
        try:
            is_due = await self._runtime.read(leaves_too_often, self._caller.id)
        except DatabaseError:
            is_due = False
        return await self._finish(self._account_stream(EndReason.CLIENT_GONE, http_status=status, is_prompt_due=is_due))

    async def _place_hold(self) -> None:
        await self._gate.enter(self._request.tokens_estimate)
        try:
            held = await self._runtime.writer.place_hold(self._hold)
        except Exception:
            await self._gate.give_back()
            raise
        if held != self._hold.amount:
            self._hold = replace(self._hold, amount=held)
            self.max_tokens = self._terms.longest_for(held)
        self._runtime.active[self.id] = self
        if self._caller_left:
            self.abandon()

    # ── Before the upstream ──────────────────────────────────────────────────

    def _find_route(self) -> Route:
        model, caller = self._request.model, self._caller
        if caller.models_allowed and model not in caller.models_allowed:
            raise PermissionRefused(f"This key may not call {model}.", code="model_not_allowed", param="model")
        route = find_route(
            self._runtime.routing.value,
            model=model,
            groups=caller.groups,
            random=self._runtime.random,
            own_ratios=self._runtime.prices.value.ratios_for(caller.user_id),
            endpoint=self._dialect.endpoint,
            convertible=self._dialect.conversion is not None,
            provider=self._provider,
            sticky=lambda: sticky_key(self._request.payload),
            is_up=self._runtime.health.is_up,
        )
        return replace(route, targets=self._calls.possible(route.targets))

    # ── Attempts ─────────────────────────────────────────────────────────────

    async def _run(self, attempt: Callable[[Target], Awaitable[T]]) -> T:
        """Try the route's targets; settle for nothing when all fail, when the caller leaves, or when we break."""
        try:
            return await self._tried(attempt)
        except Failure as failure:
            await self._settle(self._account_failure(failure.error))
            raise failure.error from None
        except Interrupted:
            assert self._ending is not None
            await self._settle(self._account_failure(*self._ending))
            raise self._ending.error from None
        except asyncio.CancelledError:
            self.abandon()
            raise
        except DomainError as error:
            await self._settle(self._account_failure(error))
            raise
        except Exception:
            self.abandon(EndReason.INTERNAL_ERROR)
            raise

    async def _tried(self, attempt: Callable[[Target], Awaitable[T]]) -> T:
        """What the attempts give. Raises Interrupted where only `interrupt` has ended them, and not the caller too."""
        if self._ending is not None:
            raise Interrupted
        self._is_trying = True
        try:
            return await self._attempts.run(attempt)
        except asyncio.CancelledError:
            if _is_ended_by_us(self._task, self._ending):
                raise Interrupted from None
            raise
        finally:
            self._is_trying = False

    async def _read_whole(self, target: Target) -> tuple[Call, Answer]:
        call = self._calls.of(target)
        response = await self._open(call, target, is_stream=False)
        async with response:
            return call, await read_answer(response, call.spoken)

    async def _open_stream(self, target: Target) -> AnswerStream:
        call, began = self._calls.of(target), time.monotonic()
        self._meter = call.meter()
        response = await self._open(call, target, is_stream=True)
        return await open_stream(response, call.spoken, self._meter, began=began)

    async def _open(self, call: Call, target: Target, *, is_stream: bool) -> ClientResponse:
        body = call.body(target, max_tokens=self.max_tokens)
        return await open_answer(
            self._runtime.client,
            target,
            spoken=call.spoken,
            body=body,
            content_type=call.content_type,
            headers=call.headers,
            is_stream=is_stream,
        )

    # ── The stream ───────────────────────────────────────────────────────────

    async def _pump(self, opened: AnswerStream) -> AsyncIterator[bytes]:
        """Pass the pieces on; settle before the end mark (or the error event) leaves."""
        error: DomainError | None = None
        try:
            yield self._renamed(opened.first)
            async for piece in opened.pieces:
                yield self._renamed(piece)
        except Failure as failure:
            error = failure.error
        except (asyncio.CancelledError, GeneratorExit):
            self.abandon()
            raise
        except Exception:
            logger.exception("a stream broke in our hands")
            error = InternalError("Something went wrong on our side. Please retry.")
        opened.close()
        yield await self._finish_stream(opened.meter, error)

    async def _finish_stream(self, meter: StreamMeter, error: DomainError | None) -> bytes:
        if error is None and (meter.is_done or meter.is_finished):
            settlement = self._account_stream(EndReason.COMPLETED, http_status=200)
            await self._settle(settlement)
            return self._renamed(meter.end(settlement.usage, settlement.charge))
        broken, reason = self._break(error)
        await self._settle(self._account_stream(reason, http_status=200, error_code=broken.code))
        return meter.error_event(broken)

    def _break(self, error: DomainError | None) -> "Ending":
        """What the caller is told of a stream that did not end well, and how the record calls it."""
        if self._ending is not None:
            return self._ending
        if not isinstance(error, InternalError):
            self._attempts.broke_off()
        early = UpstreamFailed("The upstream ended its answer early; what you have is incomplete.")
        return Ending(error or early, reason_of(error))

    def _renamed(self, piece: bytes) -> bytes:
        """The model's public name where the upstream calls it something else."""
        for private, public in self._names:
            piece = piece.replace(private, public)
        return piece

    @cached_property
    def _names(self) -> tuple[tuple[bytes, bytes], ...]:
        """What the upstream that answers calls the model, and what its caller does; nothing where they agree."""
        target = self._attempts.target
        if target is None or target.upstream_model == self._request.model:
            return ()
        private, public = target.upstream_model.encode(), self._request.model.encode()
        return tuple((form % private, form % public) for form in (b'"model":"%s"', b'"model": "%s"'))

    # ── Settlement ───────────────────────────────────────────────────────────

    def _account_stream(
        self, reason: EndReason, *, http_status: int, error_code: str = "", is_prompt_due: bool = False
    ) -> Settlement:
        meter = self._meter
        if meter is None:
            return self._account(reason, http_status=http_status, error_code=error_code, is_prompt_due=is_prompt_due)
        return self._account(
            reason,
            has_answer=meter.has_content,
            reported=meter.reported,
            is_suspect=meter.saw_usage and meter.reported is None,
            output_estimate=meter.output_estimate,
            http_status=http_status,
            error_code=error_code,
            is_prompt_due=is_prompt_due,
        )

    def _account_failure(self, error: DomainError, reason: EndReason | None = None) -> Settlement:
        return self._account(reason or reason_of(error), http_status=error.status, error_code=error.code)

    def _account(self, reason: EndReason, **facts: Any) -> Settlement:
        is_counted_here = facts.get("is_prompt_due") or (facts.get("has_answer") and facts.get("reported") is None)
        ended = Ended(
            reason=reason,
            prompt_estimate=self._request.prompt_estimate if is_counted_here else 0,
            first_byte_ms=self._first_byte_ms,
            total_ms=self._elapsed_ms(),
            **facts,
        )
        return settlement_of(self._hold, ended, target=self._attempts.target, attempts=self._attempts.records)

    async def _settle(self, settlement: Settlement) -> None:
        """Wait until the settlement is durable; a caller who leaves meanwhile does not undo it."""
        await asyncio.shield(self._settlement or self._start_settlement(settlement))

    def _start_settlement(self, settlement: Settlement) -> "asyncio.Task[bool]":
        return self._start(partial(self._finish, settlement))

    def _start(self, finish: Callable[[], Coroutine[Any, Any, bool]]) -> "asyncio.Task[bool]":
        self._runtime.active.pop(self.id, None)
        self._settlement = self._runtime.keep(finish())
        return self._settlement

    async def _finish(self, settlement: Settlement) -> bool:
        """Settle and leave the gate at once, so that the caller's next request finds both done."""
        settling = self._runtime.writer.settle(settlement)
        if not (self._gate.is_counted or self._attempts.is_counted):
            return await settling
        used = settlement.usage.prompt_total + settlement.usage.completion_total
        is_settled, *_ = await asyncio.gather(settling, self._gate.leave(used), self._attempts.leave())
        return is_settled

    def _elapsed_ms(self) -> int:
        return int((time.monotonic() - self._started) * 1000)


def _is_ended_by_us(task: "asyncio.Task[Any] | None", ending: Ending | None) -> bool:
    """Whether nobody but `interrupt` has cancelled it; then it goes on."""
    return task is not None and ending is not None and task.uncancel() == 0
