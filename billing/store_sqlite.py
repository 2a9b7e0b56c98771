"""The money tables' SQL on SQLite. The transaction is IMMEDIATE, so nobody else writes until it commits."""

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db import connection, transaction

from billing.admission import TokenState, WalletState
from billing.caps import Spending
from billing.holds import Heartbeat, Settlement
from billing.store import Closed, Locked, Moves, Opened, hold_row, settlement_row, token_row

CLOSE = """
UPDATE billing_usagerecord SET
    status = ?2, end_reason = ?3, rule = ?4, charge = ?5, input_tokens = ?6, cache_read_tokens = ?7,
    cache_write_tokens = ?8, output_tokens = ?9, reasoning_tokens = ?10, is_suspect = ?11, channel_id = ?12,
    channel_name = ?13, attempts = ?14, http_status = ?15, error_code = ?16, first_byte_ms = ?17, total_ms = ?18,
    cache_write_1h_tokens = ?19, audio_input_tokens = ?20, audio_output_tokens = ?21, image_input_tokens = ?22,
    cost = ?23, settled_at = ?24
WHERE id = ?1 AND status = 'open'
RETURNING user_id, token_id, hold, counted_on
"""

PROLONG = """
UPDATE billing_usagerecord SET lease_until = ?, input_tokens = ?, output_tokens = ? WHERE id = ? AND status = 'open'
"""

READ_REVOKED = """
SELECT u.id FROM billing_usagerecord AS u
JOIN tokens_token AS t ON t.id = u.token_id JOIN accounts_user AS a ON a.id = u.user_id
WHERE u.id IN (SELECT value FROM json_each(?)) AND u.status = 'open'
    AND (t.deleted_at IS NOT NULL OR NOT t.is_enabled OR NOT a.is_active)
"""

READ = """
SELECT w.user_id, w.balance - w.held, a.is_active,
    t.id, t.deleted_at IS NOT NULL, t.is_enabled, t.expires_at, t.quota - t.used - t.held,
    t.day, t.day_spent, t.month_spent, t.daily_cap, t.monthly_cap
FROM tokens_token AS t JOIN billing_wallet AS w ON w.user_id = t.user_id JOIN accounts_user AS a ON a.id = t.user_id
WHERE t.id IN (SELECT value FROM json_each(?))
"""

MOVE_WALLETS = "UPDATE billing_wallet SET balance = balance + ?, held = held + ? WHERE user_id = ?"
MOVE_TOKENS = """
UPDATE tokens_token SET used = used + ?2, held = held + ?3, day = ?4, day_spent = ?5, month_spent = ?6,
    last_used_at = ?7
WHERE id = ?1
"""

OPEN = """
INSERT INTO billing_usagerecord (
    id, user_id, token_id, token_name, "group", endpoint, is_stream, model, price_id, prices, ratio_ppm, hold,
    created_at, counted_on, lease_until, status, charge, channel_name, attempts, end_reason, rule, is_suspect,
    error_code
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', 0, '', '[]', '', '', 0, '')
"""


class SqliteStore:
    """See `billing.store.Store`."""

    def __init__(self) -> None:
        self._closed: dict[UUID, Closed] = {}
        self._revoked: set[UUID] = set()

    @classmethod
    @contextmanager
    def transaction(cls) -> Iterator["SqliteStore"]:
        """A store whose steps are committed when the block ends."""
        with transaction.atomic():
            yield cls()

    def close_records(self, settlements: Sequence[Settlement], *, now: datetime) -> None:
        for item in settlements:
            row = connection.connection.execute(CLOSE, (*_plain(settlement_row(item)), _stamp(now))).fetchone()
            if row is not None:
                self._closed[item.id] = Closed(row[0], row[1], row[2], _day(row[3]))

    def prolong_leases(self, heartbeats: Sequence[Heartbeat], *, lease: timedelta) -> None:
        until = _stamp(datetime.now(UTC) + lease)
        rows = [(until, beat.usage.input, beat.usage.output, beat.id.hex) for beat in heartbeats]
        connection.connection.executemany(PROLONG, rows)
        ids = json.dumps([beat.id.hex for beat in heartbeats])
        self._revoked = {UUID(record_id) for (record_id,) in connection.connection.execute(READ_REVOKED, (ids,))}

    def lock_tokens(self, token_ids: Sequence[int]) -> Opened:
        wanted = {*token_ids, *(record.token_id for record in self._closed.values())}
        return Opened(self._closed, self._revoked, self._locked(wanted) if wanted else Locked({}, {}))

    def _locked(self, token_ids: Collection[int]) -> Locked:
        locked = Locked({}, {})
        rows = connection.connection.execute(READ, (json.dumps(list(token_ids)),))
        for user_id, available, is_active, token_id, is_deleted, is_enabled, expires_at, left, day, *figures in rows:
            locked.wallets[user_id] = WalletState(available, bool(is_active))
            spending = Spending(_day(day), *figures)
            locked.tokens[token_id] = TokenState(
                bool(is_deleted), bool(is_enabled), _moment(expires_at), left, spending
            )
        return locked

    def write(self, moves: Moves, locked: Locked, *, now: datetime, lease: timedelta) -> None:
        lease_until, stamp = _stamp(datetime.now(UTC) + lease), _stamp(now)
        tokens = [token_row(token_id, move, locked.tokens[token_id]) for token_id, move in moves.tokens.items()]
        placed = [hold_row(hold, locked.tokens[hold.token_id]) for hold in moves.placed]
        run = connection.connection.executemany
        run(MOVE_WALLETS, [(*move, user_id) for user_id, move in moves.wallets.items()])
        run(MOVE_TOKENS, [(*_plain(row), stamp) for row in tokens])
        run(OPEN, [(*_plain(row), lease_until) for row in placed])


def _plain(row: dict[str, Any]) -> list[Any]:
    """Values as Django's SQLite backend stores them: UUIDs as hex, moments as naive UTC text, days and JSON as text."""
    return [_plain_value(value) for value in row.values()]


def _plain_value(value: Any) -> Any:
    match value:
        case UUID():
            return value.hex
        case datetime():
            return _stamp(value)
        case date():  # after datetime, which is a date too
            return value.isoformat()
        case dict() | tuple():
            return orjson.dumps(value).decode()
    return value


def _stamp(moment: datetime) -> str:
    return str(moment.astimezone(UTC).replace(tzinfo=None))


def _day(text: Any) -> date | None:
    return date.fromisoformat(text) if isinstance(text, str) else text


def _moment(text: Any) -> datetime | None:
    # Django's connection turns columns declared as datetime into naive datetimes by itself.
    if text is None:
        return None
    moment = text if isinstance(text, datetime) else datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
