"""Statements that are put together once and run often.

To build and compile a queryset of sums takes ten times the CPU of running it, and a page has several. A prepared one
has parameters in the place of values, and each run fills them in.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Expression, Field, QuerySet
from django.db.models.sql.compiler import SQLCompiler

_Converter = Callable[[Any, Any, BaseDatabaseWrapper], Any]


class Parameter(Expression):
    """A value of a field's type that is given when the statement runs, under a name."""

    def __init__(self, name: str, field: "Field[Any, Any]") -> None:
        super().__init__(output_field=field)
        self.name = name

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        return "%s", (self,)

    def bound(self, values: Mapping[str, Any]) -> Any:
        """The value as the database takes it."""
        return self.output_field.get_db_prep_value(values[self.name], connection)


class Unforeseen(Parameter):
    """One whose value is hidden from the planner.

    PostgreSQL knows no distances between UUIDs and takes any range of them to hold a single row: the primary key, with
    everybody's rows of that time, then looks as good as the index of one account's.
    """

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        sql, parameters = super().as_sql(compiler, connection)
        return f"(SELECT {sql})", parameters


@dataclass(frozen=True, slots=True)
class Statement:
    """Compiled SQL with its parameters and constants in order, and what turns its columns into Python's values."""

    sql: str
    parameters: tuple[Any, ...]
    converters: tuple[tuple[int, Any, Sequence[_Converter]], ...]

    def rows(self, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run it and fetch all rows."""
        given = [each.bound(values) if isinstance(each, Parameter) else each for each in self.parameters]
        with connection.cursor() as cursor:
            cursor.execute(self.sql, given)
            return self._converted(cursor.fetchall())

    def _converted(self, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        if not rows or not self.converters:
            return rows
        columns: list[Iterable[Any]] = list(zip(*rows, strict=True))  # a column at a time takes half as long
        for position, column, converters in self.converters:
            for convert in converters:
                columns[position] = [convert(value, column, connection) for value in columns[position]]
        return list(zip(*columns, strict=True))


def prepare(rows: "QuerySet[Any, Any]") -> Statement:
    """Compile a queryset of values."""
    compiler = rows.query.get_compiler(connection=connection)
    sql, parameters = compiler.as_sql()
    columns = [each[0] for each in compiler.select[: compiler.col_count]]
    converters = compiler.get_converters(columns)
    return Statement(
        sql,
        tuple(parameters),
        tuple((position, column, found) for position, (found, column) in converters.items()),
    )
