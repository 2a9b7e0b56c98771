"""The money tables' SQL on PostgreSQL: prepared statements, each for all rows of a lot, whose values come as JSON.

A lot takes two round trips, of which the first begins and the second commits. Plans are generic (`plan_cache_mode` in
the settings): planning anew costs more than these statements do. One document costs a tenth of one array a column.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db import DataError, connection, transaction

from billing.admission import TokenState, WalletState
from billing.caps import Spending
from billing.holds import Heartbeat, Settlement
from billing.pipeline import Pipeline, Statement
from billing.store import Closed, Locked, Moves, Opened, hold_row, settlement_row, token_row

# The plans of the other statements are for few rows: found by their keys, however small the tables are. Unasked the
# planner expects a hundred rows of JSON and reads small tables whole, with all that vacuum has not taken away yet.
BY_KEYS = Statement(
    "ledger_by_keys",
    """
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
    set_config('enable_mergejoin', 'off', true)
""",
)

CLOSE = Statement(
    "ledger_close",
    """
WITH closed AS (
    UPDATE billing_usagerecord AS u SET
        status = d.status, end_reason = d.end_reason, rule = d.rule, charge = d.charge,
        input_tokens = d.input, cache_read_tokens = d.cache_read, cache_write_tokens = d.cache_write,
        output_tokens = d.output, reasoning_tokens = d.reasoning, is_suspect = d.is_suspect,
        channel_id = d.channel_id, channel_name = d.channel_name, attempts = d.attempts,
        http_status = d.http_status, error_code = d.error_code,
        first_byte_ms = d.first_byte_ms, total_ms = d.total_ms, cache_write_1h_tokens = d.cache_write_1h,
        audio_input_tokens = d.audio_input, audio_output_tokens = d.audio_output, image_input_tokens = d.image_input,
        cost = d.cost, settled_at = $2::timestamptz
    FROM json_to_recordset($1::json) AS d(
        id uuid, status text, end_reason text, rule text, charge bigint, input bigint, cache_read bigint,
        cache_write bigint, output bigint, reasoning bigint, is_suspect bool, channel_id bigint, channel_name text,
        attempts jsonb, http_status smallint, error_code text, first_byte_ms int, total_ms int, cache_write_1h bigint,
        audio_input bigint, audio_output bigint, image_input bigint, cost bigint
    )
    WHERE u.id = d.id AND u.status = 'open'
    RETURNING u.id, u.user_id, u.token_id, u.hold, u.counted_on
)
SELECT json_agg(json_build_array(id, user_id, token_id, hold, counted_on)) FROM closed
""",
)

PROLONG = Statement(
    "ledger_prolong",
    """
WITH prolonged AS (
    UPDATE billing_usagerecord AS u SET
        lease_until = now() + $2::interval, input_tokens = d.input, output_tokens = d.output
    FROM json_to_recordset($1::json) AS d(id uuid, input bigint, output bigint), tokens_token AS t, accounts_user AS a
    WHERE u.id = d.id AND u.status = 'open' AND t.id = u.token_id AND a.id = u.user_id
    RETURNING u.id, t.deleted_at IS NOT NULL OR NOT t.is_enabled OR NOT a.is_active AS is_revoked
)
SELECT json_agg(id) FROM prolonged WHERE is_revoked
""",
)

LOCK = Statement(
    "ledger_lock",
    """
SELECT json_agg(json_build_array(
    user_id, available, is_active, id, is_deleted, is_enabled, expires_at, token_left, day, day_spent, month_spent,
    daily_cap, monthly_cap
)) FROM (
    SELECT w.user_id, w.balance - w.held AS available, a.is_active, t.id, t.deleted_at IS NOT NULL AS is_deleted,
        t.is_enabled, t.expires_at, t.quota - t.used - t.held AS token_left,
        t.day, t.day_spent, t.month_spent, t.daily_cap, t.monthly_cap
    FROM (
        SELECT unnest($1::bigint[]) AS id UNION SELECT token_id FROM billing_usagerecord WHERE id = ANY($2::uuid[])
    ) AS wanted
        JOIN tokens_token AS t ON t.id = wanted.id
        JOIN billing_wallet AS w ON w.user_id = t.user_id
        JOIN accounts_user AS a ON a.id = t.user_id
    ORDER BY t.user_id, t.id FOR UPDATE OF w, t
) AS locked
""",
)

MOVE_WALLETS = Statement(
    "ledger_move_wallets",
    """
UPDATE billing_wallet AS w SET balance = w.balance + d.balance, held = w.held + d.held
FROM json_to_recordset($1::json) AS d(user_id bigint, balance bigint, held bigint)
WHERE w.user_id = d.user_id
""",
)

MOVE_TOKENS = Statement(
    "ledger_move_tokens",
    """
UPDATE tokens_token AS t SET used = t.used + d.used, held = t.held + d.held,
    day = d.day, day_spent = d.day_spent, month_spent = d.month_spent, last_used_at = $2::timestamptz
FROM json_to_recordset($1::json)
    AS d(id bigint, used bigint, held bigint, day date, day_spent bigint, month_spent bigint)
WHERE t.id = d.id
""",
)

OPEN = Statement(
    "ledger_open",
    """
INSERT INTO billing_usagerecord (
    id, user_id, token_id, token_name, "group", endpoint, is_stream, model, price_id, prices, ratio_ppm, hold,
    created_at, counted_on, lease_until, status, charge, channel_name, attempts, end_reason, rule, is_suspect,
    error_code
)
SELECT d.*, now() + $2::interval, 'open', 0, '', '[]'::jsonb, '', '', false, ''
FROM json_to_recordset($1::json) AS d(
    id uuid, user_id bigint, token_id bigint, token_name text, "group" text, endpoint text, is_stream bool, model text,
    price_id bigint, prices jsonb, ratio_ppm bigint, hold bigint, created_at timestamptz, counted_on date
)
""",
)

STATEMENTS = (BY_KEYS, CLOSE, PROLONG, LOCK, MOVE_WALLETS, MOVE_TOKENS, OPEN)


class PostgresStore:
    """See `billing.store.Store`."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._settled: list[UUID] = []

    @classmethod
    @contextmanager
    def transaction(cls) -> Iterator["PostgresStore"]:
        """A store whose steps are committed when the block ends, or belong to the transaction of Django around it."""
        connection.ensure_connection()
        pipeline = Pipeline(connection.connection, STATEMENTS)
        if connection.in_atomic_block:
            with transaction.atomic():
                yield cls(pipeline)
                pipeline.flush()
            return
        try:
            pipeline.say("BEGIN")
            pipeline.queue(BY_KEYS)
            yield cls(pipeline)
            pipeline.say("COMMIT")
            pipeline.flush()
        finally:
            pipeline.roll_back()

    def close_records(self, settlements: Sequence[Settlement], *, now: datetime) -> None:
        self._settled = [item.id for item in settlements]
        self._pipeline.queue(CLOSE, _json(map(settlement_row, settlements)), _stamp(now))

    def prolong_leases(self, heartbeats: Sequence[Heartbeat], *, lease: timedelta) -> None:
        rows = [{"id": beat.id, "input": beat.usage.input, "output": beat.usage.output} for beat in heartbeats]
        self._pipeline.queue(PROLONG, _json(rows), _interval(lease))

    def lock_tokens(self, token_ids: Sequence[int]) -> Opened:
        if token_ids or self._settled:
            self._pipeline.queue(LOCK, _array(token_ids), _array(self._settled))
        answers = self._pipeline.flush()
        return Opened(
            closed=dict(map(_closed, _rows(answers, CLOSE))),
            revoked={UUID(record_id) for record_id in _rows(answers, PROLONG)},
            locked=_locked(_rows(answers, LOCK)),
        )

    def write(self, moves: Moves, locked: Locked, *, now: datetime, lease: timedelta) -> None:
        wallets = [{"user_id": user_id, "balance": move[0], "held": move[1]} for user_id, move in moves.wallets.items()]
        tokens = [token_row(token_id, move, locked.tokens[token_id]) for token_id, move in moves.tokens.items()]
        self._pipeline.queue(MOVE_WALLETS, _json(wallets))
        self._pipeline.queue(MOVE_TOKENS, _json(tokens), _stamp(now))
        if moves.placed:
            placed = [hold_row(hold, locked.tokens[hold.token_id]) for hold in moves.placed]
            self._pipeline.queue(OPEN, _json(placed), _interval(lease))


def _json(rows: Iterable[dict[str, Any]]) -> bytes:
    try:
        return orjson.dumps(list(rows))
    except TypeError as error:  # a number of more than 64 bits, half a surrogate pair
        raise DataError(str(error)) from error


def _array(values: Iterable[object]) -> bytes:
    return ("{" + ",".join(map(str, values)) + "}").encode()


def _stamp(moment: datetime) -> bytes:
    return moment.isoformat().encode()


def _interval(duration: timedelta) -> bytes:
    return f"{duration.total_seconds()} seconds".encode()


def _rows(answers: dict[str, bytes | None], statement: Statement) -> list[Any]:
    """The rows that a statement aggregated, none where it found none or was not sent."""
    found: list[Any] = orjson.loads(answers.get(statement.name) or b"[]")
    return found


def _closed(row: list[Any]) -> tuple[UUID, Closed]:
    record_id, user_id, token_id, hold, counted_on = row
    return UUID(record_id), Closed(user_id, token_id, hold, _day(counted_on))


def _locked(rows: list[list[Any]]) -> Locked:
    locked = Locked({}, {})
    for user_id, available, is_active, token_id, is_deleted, is_enabled, expires_at, left, day, *figures in rows:
        locked.wallets[user_id] = WalletState(available, is_active)
        expiry = datetime.fromisoformat(expires_at) if expires_at else None
        spending = Spending(_day(day), *figures)
        locked.tokens[token_id] = TokenState(is_deleted, is_enabled, expiry, left, spending)
    return locked


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
