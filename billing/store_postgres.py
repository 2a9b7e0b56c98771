"""The money tables' SQL on PostgreSQL: one prepared statement for all rows of a lot, their values as arrays.

Plans are generic (`plan_cache_mode` in the settings): planning anew costs more than these statements do.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from django.db import connection

from billing.admission import TokenState, WalletState
from billing.caps import Spending
from billing.holds import Heartbeat, Settlement
from billing.store import Closed, Locked, Moves, hold_row, settlement_row, token_row

CLOSE = """
UPDATE billing_usagerecord AS u SET
    status = d.status, end_reason = d.end_reason, rule = d.rule, charge = d.charge,
    input_tokens = d.input, cache_read_tokens = d.cache_read, cache_write_tokens = d.cache_write,
    output_tokens = d.output, reasoning_tokens = d.reasoning, is_suspect = d.is_suspect,
    channel_id = d.channel_id, channel_name = d.channel_name, attempts = d.attempts::jsonb,
    http_status = d.http_status, error_code = d.error_code,
    first_byte_ms = d.first_byte_ms, total_ms = d.total_ms, cache_write_1h_tokens = d.cache_write_1h,
    audio_input_tokens = d.audio_input, audio_output_tokens = d.audio_output, image_input_tokens = d.image_input,
    cost = d.cost, settled_at = %s
FROM unnest(
    %s::uuid[], %s::text[], %s::text[], %s::text[], %s::bigint[],
    %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bool[],
    %s::bigint[], %s::text[], %s::text[], %s::smallint[], %s::text[], %s::int[], %s::int[],
    %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[]
) AS d(
    id, status, end_reason, rule, charge, input, cache_read, cache_write, output, reasoning, is_suspect,
    channel_id, channel_name, attempts, http_status, error_code, first_byte_ms, total_ms,
    cache_write_1h, audio_input, audio_output, image_input, cost
)
WHERE u.id = d.id AND u.status = 'open'
RETURNING u.id, u.user_id, u.token_id, u.hold, u.counted_on
"""

PROLONG = """
UPDATE billing_usagerecord AS u SET lease_until = now() + %s, input_tokens = d.input, output_tokens = d.output
FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[]) AS d(id, input, output), tokens_token AS t, accounts_user AS a
WHERE u.id = d.id AND u.status = 'open' AND t.id = u.token_id AND a.id = u.user_id
RETURNING u.id, t.deleted_at IS NOT NULL OR NOT t.is_enabled OR NOT a.is_active
"""

LOCK = """
SELECT w.user_id, w.balance - w.held, a.is_active,
    t.id, t.deleted_at IS NOT NULL, t.is_enabled, t.expires_at, t.quota - t.used - t.held,
    t.day, t.day_spent, t.month_spent, t.daily_cap, t.monthly_cap
FROM tokens_token AS t JOIN billing_wallet AS w ON w.user_id = t.user_id JOIN accounts_user AS a ON a.id = t.user_id
WHERE t.id = ANY(%s::bigint[]) ORDER BY t.user_id, t.id FOR UPDATE OF w, t
"""

# Three statements in one: each costs a round trip and a plan's start, which is most of what a small lot costs.
WRITE = """
WITH moved_wallets AS (
    UPDATE billing_wallet AS w SET balance = w.balance + d.balance, held = w.held + d.held
    FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS d(user_id, balance, held)
    WHERE w.user_id = d.user_id
), moved_tokens AS (
    UPDATE tokens_token AS t SET used = t.used + d.used, held = t.held + d.held,
        day = d.day, day_spent = d.day_spent, month_spent = d.month_spent, last_used_at = %s
    FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::date[], %s::bigint[], %s::bigint[])
        AS d(id, used, held, day, day_spent, month_spent)
    WHERE t.id = d.id
)
INSERT INTO billing_usagerecord (
    id, user_id, token_id, token_name, "group", endpoint, is_stream, model, price_id, prices, ratio_ppm, hold,
    created_at, counted_on, lease_until, status, charge, channel_name, attempts, end_reason, rule, is_suspect,
    error_code
)
SELECT d.*, now() + %s, 'open', 0, '', '[]'::jsonb, '', '', false, ''
FROM unnest(
    %s::uuid[], %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::bool[], %s::text[],
    %s::bigint[], %s::jsonb[], %s::bigint[], %s::bigint[], %s::timestamptz[], %s::date[]
) AS d
"""
HOLD_COLUMNS = 14


class PostgresStore:
    """See `billing.store.Store`."""

    def close_records(self, settlements: Sequence[Settlement], *, now: datetime) -> dict[UUID, Closed]:
        rows = _run(CLOSE, now, *_columns(settlement_row(item) for item in settlements))
        return {row[0]: Closed(*row[1:]) for row in rows.fetchall()}

    def prolong_leases(self, heartbeats: Sequence[Heartbeat], *, lease: timedelta) -> set[UUID]:
        rows = _run(PROLONG, lease, *_columns((beat.id, beat.usage.input, beat.usage.output) for beat in heartbeats))
        return {record_id for record_id, is_revoked in rows.fetchall() if is_revoked}

    def lock_tokens(self, token_ids: Sequence[int]) -> Locked:
        locked = Locked({}, {})
        for row in _run(LOCK, list(token_ids)).fetchall():
            locked.wallets[row[0]] = WalletState(row[1], row[2])
            locked.tokens[row[3]] = TokenState(row[4], row[5], row[6], row[7], Spending(*row[8:]))
        return locked

    def write(self, moves: Moves, locked: Locked, *, now: datetime, lease: timedelta) -> None:
        wallets = _columns((user_id, *move) for user_id, move in moves.wallets.items())
        tokens = _columns(token_row(token_id, move, locked.tokens[token_id]) for token_id, move in moves.tokens.items())
        placed = _columns(hold_row(hold, locked.tokens[hold.token_id]) for hold in moves.placed)
        _run(WRITE, *wallets, now, *tokens, lease, *(placed or [[]] * HOLD_COLUMNS))


STORE = PostgresStore()


def _run(statement: LiteralString, *parameters: Any) -> psycopg.Cursor[Any]:
    # Not Django's cursor: it interpolates on the client, so that nothing could stay prepared.
    cursor = psycopg.Cursor(connection.connection)
    return cursor.execute(statement, parameters, prepare=True)


def _columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    """Rows turned into one list per column."""
    return [list(column) for column in zip(*rows, strict=True)]
