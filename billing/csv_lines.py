"""Lines of CSV files for spreadsheets, and how they are sent: piece by piece, however many there are."""

import csv
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse
from django.utils import timezone

from config.kernel.money import decimal_usd

BYTE_ORDER_MARK = "\ufeff"  # without it Excel takes the file for its old code page and garbles every Chinese name
FORMULA_STARTS = frozenset("=+-@\t\r")


@dataclass(frozen=True, slots=True)
class Dollars:
    """An amount in a cell, exact and without a sign for the currency: `-0.0042` is a number and stays one."""

    nano: int

    def __str__(self) -> str:
        return decimal_usd(self.nano)


def csv_lines(rows: Iterable[Sequence[object]]) -> str:
    """The rows as text, safe to be opened in a spreadsheet: what it would run as a formula gets an apostrophe before
    it, for names are anybody's text."""
    text = StringIO(newline="")
    csv.writer(text).writerows(
        [f"'{cell}" if isinstance(cell, str) and cell[:1] in FORMULA_STARTS else cell for cell in row] for row in rows
    )
    return text.getvalue()


def csv_response(pieces: Iterator[str], *, name: str) -> StreamingHttpResponse:
    """A download called `name-20260318-1030.csv`, by the reader's clock."""
    file = timezone.localtime().strftime(f"{name}-%Y%m%d-%H%M.csv")
    headers = {"Content-Disposition": f'attachment; filename="{file}"', "Cache-Control": "no-store"}
    return StreamingHttpResponse(_one_by_one(pieces), content_type="text/csv; charset=utf-8", headers=headers)


async def _one_by_one(pieces: Iterator[str]) -> AsyncIterator[str]:
    """Each piece is made when the one before has been sent: a plain iterator would be read to its end at once."""
    while piece := await sync_to_async(lambda: next(pieces, ""))():
        yield piece
