"""Putting a query together from conditions, and one page of its answer. Every value is bound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.tables.reading import ReadTables
from app.tables.scope import HasPrefixes, area_clause

Row = dict[str, Any]
PAGE_SIZE = 50


@dataclass
class Conditions:
    """The WHERE of a query: begins with the scope and grows by what was asked for."""

    scope: HasPrefixes
    alias: str = ""
    parts: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        sql, values = area_clause(self.scope, f"{self.alias}area")
        self.add(sql, *values)

    def add(self, sql: str, *values: Any) -> None:
        self.parts.append(sql)
        self.values.extend(values)

    def add_if(self, wanted: str, sql: str) -> None:
        """A condition with one value, when there is something to compare with."""
        if wanted:
            self.add(sql, wanted)

    def add_within(self, area: str) -> None:
        """Only records of this village, township or county, or of one of several with blanks between."""
        if places := area.split():
            ranges = " OR ".join(f"({self.alias}area >= ? AND {self.alias}area < ?)" for _ in places)
            self.add(f"({ranges})", *(end for place in places for end in (place, place + ":")))
            # The scope stays in force, but what was asked for is the narrower way through the index: + keeps it for that.
            self.parts[0] = area_clause(self.scope, f"+{self.alias}area")[0]

    @property
    def sql(self) -> str:
        return " AND ".join(self.parts)


@dataclass(frozen=True)
class Found:
    """One page of a list, and how long the whole list is. number counts from 1."""

    rows: list[Row]
    total: int
    number: int = 1
    size: int = PAGE_SIZE

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.size))

    @property
    def first(self) -> int:
        return (self.number - 1) * self.size + 1 if self.rows else 0

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1 if self.rows else 0


def each(tables: ReadTables, sql: str, values: Sequence[Any] = ()) -> Iterator[Row]:
    """The rows one at a time, as whoever the tables were asked for sees them. Every query of rows comes through here."""
    found = tables.reading().query(sql, list(values))
    return map(tables.eyes, found) if tables.eyes else iter(found)


def every(tables: ReadTables, sql: str, values: Sequence[Any] = ()) -> list[Row]:
    return list(each(tables, sql, values))


def one(tables: ReadTables, sql: str, values: Sequence[Any] = ()) -> Row | None:
    return next(iter(every(tables, sql, values)), None)


def count(tables: ReadTables, sql: str, values: Sequence[Any] = ()) -> int:
    answer = tables.reading().execute(sql, list(values)).fetchone()
    return int(answer[0] or 0)


@dataclass(frozen=True)
class Listing:
    """A list as a question: one page of it for a screen, all of it for a file. The texts are ours, never of a request."""

    tables: ReadTables
    columns: str
    source: str
    where: Conditions
    order: str

    def page(self, number: int) -> Found:
        return page_of(self.tables, self.columns, self.source, self.where, self.order, number)

    def total(self) -> int:
        return count(self.tables, f"SELECT count(*) FROM {self.source} WHERE {self.where.sql}", self.where.values)  # noqa: S608

    def each(self) -> Iterator[Row]:
        sql = f"SELECT {self.columns} FROM {self.source} WHERE {self.where.sql} ORDER BY {self.order}"  # noqa: S608
        return each(self.tables, sql, self.where.values)


def page_of(
    tables: ReadTables, columns: str, source: str, where: Conditions, order: str, number: int, size: int = PAGE_SIZE
) -> Found:
    """One page of a list. columns, source and order are texts of ours, never of a request."""
    total = count(tables, f"SELECT count(*) FROM {source} WHERE {where.sql}", where.values)  # noqa: S608
    number = max(1, min(number, -(-total // size)))
    sql = f"SELECT {columns} FROM {source} WHERE {where.sql} ORDER BY {order} LIMIT ? OFFSET ?"  # noqa: S608
    return Found(every(tables, sql, [*where.values, size, (number - 1) * size]), total, number, size)
