"""The usage log as CSV: a row is written when its chunk has been read, however long the log is."""

from collections.abc import Callable, Iterator, Sequence
from datetime import tzinfo
from typing import Any, Final

from accounts.models import User
from billing.csv_lines import BYTE_ORDER_MARK, Dollars, csv_lines
from billing.usage_log import LogFilter, log_chunks
from config.kernel.money import format_ratio

COLUMNS: Final = {  # of the file, and what of a record each shows
    "time": "created_at",
    "request_id": "id",
    "token": "token_name",
    "model": "model",
    "group": "group",
    "group_ratio": "ratio_ppm",
    "endpoint": "endpoint",
    "stream": "is_stream",
    "status": "status",
    "end_reason": "end_reason",
    "http_status": "http_status",
    "error_code": "error_code",
    "first_byte_ms": "first_byte_ms",
    "total_ms": "total_ms",
    "input_tokens": "input_tokens",
    "cached_input_tokens": "cache_read_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "output_tokens": "output_tokens",
    "reasoning_tokens": "reasoning_tokens",
    "charge_usd": "charge",
    "cache_write_1h_tokens": "cache_write_1h_tokens",
    "audio_input_tokens": "audio_input_tokens",
    "image_input_tokens": "image_input_tokens",
    "audio_output_tokens": "audio_output_tokens",
}
_Writers = Sequence[tuple[int, Callable[[Any], object]]]


def csv_of(user: User, where: LogFilter, *, zone: tzinfo) -> Iterator[str]:
    """The header and every record the filter finds, in pieces of many lines."""
    yield BYTE_ORDER_MARK + csv_lines([tuple(COLUMNS)])
    writers = _writers(zone)
    for chunk in log_chunks(user, where, tuple(COLUMNS.values())):
        yield csv_lines(_row(values, writers) for values in chunk)


def _writers(zone: tzinfo) -> _Writers:
    """How the values are written that are not written as they are, by their places."""
    written: dict[str, Callable[[Any], object]] = {
        "time": lambda at: at.astimezone(zone).isoformat(timespec="milliseconds"),
        "group_ratio": lambda ppm: format_ratio(ppm).removesuffix("x"),
        "stream": {True: "yes", False: "no"}.get,
        "charge_usd": Dollars,
    }
    places = list(COLUMNS)
    return [(places.index(name), write) for name, write in written.items()]


def _row(values: Sequence[object], writers: _Writers) -> list[object]:
    row = list(values)
    for place, write in writers:
        row[place] = write(row[place])
    return row
