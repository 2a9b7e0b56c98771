"""The money tables' SQL on PostgreSQL: one prepared statement for all rows of a lot, their values as arrays.

Plans are generic (`plan_cache_mode` in the settings): planning anew costs more than these statements do.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from django.db import connection

from billing.admission import TokenState, WalletState
from billing.caps import Spending
from billing.holds import Heartbeat, Hold, Settlement
from billing.store import Closed, hold_row, settlement_row, token_row

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
UPDATE billing_usagerecord AS u SET lease_until = %s, input_tokens = d.input, output_tokens = d.output
FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[]) AS d(id, input, output)
WHERE u.id = d.id AND u.status = 'open'
"""

LOCK_WALLETS = """
SELECT w.user_id, w.balance - w.held, a.is_active
FROM billing_wallet AS w JOIN accounts_user AS a ON a.id = w.user_id
WHERE w.user_id = ANY(%s::bigint[]) ORDER BY w.user_id FOR UPDATE OF w
"""

LOCK_TOKENS = """
SELECT id, deleted_at IS NOT NULL, is_enabled, expires_at, quota - used - held,
    day, day_spent, month_spent, daily_cap, monthly_cap
FROM tokens_token WHERE id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE
"""

MOVE_WALLETS = """
UPDATE billing_wallet AS w SET balance = w.balance + d.balance, held = w.held + d.held
FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS d(user_id, balance, held)
WHERE w.user_id = d.user_id
"""

MOVE_TOKENS = """
UPDATE tokens_token AS t SET used = t.used + d.used, held = t.held + d.held,
    day = d.day, day_spent = d.day_spent, month_spent = d.month_spent, last_used_at = %s
FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::date[], %s::bigint[], %s::bigint[])
    AS d(id, used, held, day, day_spent, month_spent)
WHERE t.id = d.id
"""

OPEN = """
INSERT INTO billing_usagerecord (
    id, user_id, token_id, token_name, "group", endpoint, is_stream, model, price_id, prices, ratio_ppm, hold,
    created_at, counted_on, lease_until, status, charge, channel_name, attempts, end_reason, rule, is_suspect,
    error_code
)
SELECT d.*, %s, 'open', 0, '', '[]'::jsonb, '', '', false, ''
FROM unnest(
    %s::uuid[], %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::bool[], %s::text[],
    %s::bigint[], %s::jsonb[], %s::bigint[], %s::bigint[], %s::timestamptz[], %s::date[]
) AS d
"""


class PostgresStore:
    """See `billing.lots.Store`."""

    def close_records(self, settlements: Sequence[Settlement], *, now: datetime) -> dict[UUID, Closed]:
        rows = _run(CLOSE, now, *_columns(settlement_row(item) for item in settlements))
        return {row[0]: Closed(*row[1:]) for row in rows.fetchall()}

    def prolong_leases(self, heartbeats: Sequence[Heartbeat], *, until: datetime) -> None:
        _run(PROLONG, until, *_columns((beat.id, beat.usage.input, beat.usage.output) for beat in heartbeats))

    def lock_wallets(self, user_ids: Sequence[int]) -> dict[int, WalletState]:
        rows = _run(LOCK_WALLETS, list(user_ids)).fetchall()
        return {user_id: WalletState(available, is_active) for user_id, available, is_active in rows}

    def lock_tokens(self, token_ids: Sequence[int]) -> dict[int, TokenState]:
        rows = _run(LOCK_TOKENS, list(token_ids)).fetchall()
        return {row[0]: TokenState(row[1], row[2], row[3], row[4], Spending(*row[5:])) for row in rows}

    def move_wallets(self, moves: Mapping[int, Sequence[int]]) -> None:
        _run(MOVE_WALLETS, *_columns((user_id, *move) for user_id, move in moves.items()))

    def move_tokens(
        self, moves: Mapping[int, Sequence[int]], *, tokens: Mapping[int, TokenState], now: datetime
    ) -> None:
        rows = (token_row(token_id, move, tokens[token_id]) for token_id, move in moves.items())
        _run(MOVE_TOKENS, now, *_columns(rows))

    def open_records(self, holds: Sequence[Hold], *, tokens: Mapping[int, TokenState], lease_until: datetime) -> None:
        _run(OPEN, lease_until, *_columns(hold_row(hold, tokens[hold.token_id]) for hold in holds))


STORE = PostgresStore()


def _run(statement: LiteralString, *parameters: Any) -> psycopg.Cursor[Any]:
    # Not Django's cursor: it interpolates on the client, so that nothing could stay prepared.
    cursor = psycopg.Cursor(connection.connection)
    return cursor.execute(statement, parameters, prepare=True)


def _columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    """Rows turned into one list per column."""
    return [list(column) for column in zip(*rows, strict=True)]
