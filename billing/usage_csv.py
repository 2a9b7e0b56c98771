"""The usage log as CSV: a row is written when its chunk has been read, however long the log is."""

from collections.abc import Iterator
from datetime import tzinfo

from accounts.models import User
from billing.csv_lines import BYTE_ORDER_MARK, Dollars, csv_lines
from billing.models import UsageRecord
from billing.usage_log import LogFilter, log_chunks
from config.kernel.money import format_ratio

COLUMNS = (
    "time", "request_id", "token", "model", "group", "group_ratio", "endpoint", "stream", "status", "end_reason",
    "http_status", "error_code", "first_byte_ms", "total_ms", "input_tokens", "cached_input_tokens",
    "cache_write_tokens", "output_tokens", "reasoning_tokens", "charge_usd",
    "cache_write_1h_tokens", "audio_input_tokens", "image_input_tokens", "audio_output_tokens",
)  # fmt: skip


def csv_of(user: User, where: LogFilter, *, zone: tzinfo) -> Iterator[str]:
    """The header and every record the filter finds, in pieces of many lines."""
    yield BYTE_ORDER_MARK + csv_lines([COLUMNS])
    for chunk in log_chunks(user, where):
        yield csv_lines(_row(record, zone) for record in chunk)


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
        Dollars(record.charge),
        record.cache_write_1h_tokens,
        record.audio_input_tokens,
        record.image_input_tokens,
        record.audio_output_tokens,
    )
