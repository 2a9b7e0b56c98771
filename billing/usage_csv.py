"""The usage log as CSV, streamed: a row is written when its chunk has been read, however long the log is."""

import csv
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import tzinfo
from decimal import Decimal

from asgiref.sync import sync_to_async

from accounts.models import User
from billing.models import UsageRecord
from billing.usage_log import LogFilter, log_chunks
from config.kernel.money import NANO_PER_USD, format_ratio

BYTE_ORDER_MARK = "\ufeff"  # without it Excel takes the file for its old code page and garbles every Chinese name
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
COLUMNS = (
    "time", "request_id", "token", "model", "group", "group_ratio", "endpoint", "stream", "status", "end_reason",
    "http_status", "error_code", "first_byte_ms", "total_ms", "input_tokens", "cached_input_tokens",
    "cache_write_tokens", "output_tokens", "reasoning_tokens", "charge_usd",
    "cache_write_1h_tokens", "audio_input_tokens", "image_input_tokens", "audio_output_tokens",
)  # fmt: skip


class _Echo:
    """What csv.writer writes to: hands the line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line


async def csv_of(user: User, where: LogFilter, *, zone: tzinfo) -> AsyncIterator[str]:
    """The header and every record the filter finds, in pieces of many lines."""
    yield BYTE_ORDER_MARK + _lines([COLUMNS])
    chunks = log_chunks(user, where)
    while chunk := await sync_to_async(lambda: next(chunks, None))():
        yield _lines(_row(record, zone) for record in chunk)


def _lines(rows: Iterable[Sequence[object]]) -> str:
    writer = csv.writer(_Echo())
    return "".join(writer.writerow([_cell(value) for value in row]) for row in rows)


def _cell(value: object) -> object:
    """Text that a spreadsheet would run as a formula gets an apostrophe before it; token names are anybody's text."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


def _row(record: UsageRecord, zone: tzinfo) -> tuple[object, ...]:
    return (
        record.created_at.astimezone(zone).isoformat(timespec="milliseconds"),
        record.pk,
        record.token_name,
        record.model,
        record.group,
        format_ratio(record.ratio_ppm).removesuffix("x"),
        record.endpoint,
        "yes" if record.is_stream else "no",
        record.status,
        record.end_reason,
        record.http_status,
        record.error_code,
        record.first_byte_ms,
        record.total_ms,
        record.input_tokens,
        record.cache_read_tokens,
        record.cache_write_tokens,
        record.output_tokens,
        record.reasoning_tokens,
        f"{Decimal(record.charge) / NANO_PER_USD:f}",
        record.cache_write_1h_tokens,
        record.audio_input_tokens,
        record.image_input_tokens,
        record.audio_output_tokens,
    )
