"""Lines of CSV files for spreadsheets, and how they are sent: piece by piece, however many there are."""

import csv
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse
from django.utils import timezone

from config.kernel.money import NANO_PER_USD

BYTE_ORDER_MARK = "\ufeff"  # without it Excel takes the file for its old code page and garbles every Chinese name
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Dollars:
    """An amount in a cell, exact and without a sign for the currency: `-0.0042` is a number and stays one."""

    nano: int

    def __str__(self) -> str:
        return f"{Decimal(self.nano) / NANO_PER_USD:f}"


class _Echo:
    """What csv.writer writes to: hands the line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def csv_lines(rows: Iterable[Sequence[object]]) -> str:
    """The rows as text, safe to be opened in a spreadsheet."""
    writer = csv.writer(_Echo())
    return "".join(writer.writerow([_cell(value) for value in row]) for row in rows)


def _cell(value: object) -> object:
    """Text that a spreadsheet would run as a formula gets an apostrophe before it; names are anybody's text."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


def csv_response(pieces: Iterator[str], *, name: str) -> StreamingHttpResponse:
    """A download called `name-20260318-1030.csv`, by the reader's clock."""
    file = timezone.localtime().strftime(f"{name}-%Y%m%d-%H%M.csv")
    headers = {"Content-Disposition": f'attachment; filename="{file}"', "Cache-Control": "no-store"}
    return StreamingHttpResponse(_one_by_one(pieces), content_type="text/csv; charset=utf-8", headers=headers)


async def _one_by_one(pieces: Iterator[str]) -> AsyncIterator[str]:
    """Each piece is made when the one before has been sent: a plain iterator would be read to its end at once."""
    while piece := await sync_to_async(lambda: next(pieces, ""))():
        yield piece
