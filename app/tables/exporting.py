"""The rows of a list for a download, all of them, one at a time, in the list's own order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.tables.household_wish import HouseholdWish, asked_for
from app.tables.households import SORTS
from app.tables.query import Conditions, count
from app.tables.reading import ReadTables
from app.tables.scope import HasPrefixes, area_clause

LISTS = ("households", "members", "visits", "issues", "submissions")
_ALIAS = {"households": "h", "members": "m", "visits": "v", "issues": "i", "submissions": "s"}
_ORDER = {"visits": "v.date DESC, v.id DESC", "issues": "i.state = 'closed', i.deadline = '', i.deadline, i.id",
          "submissions": "s.ended, s.id"}  # fmt: skip


@dataclass(frozen=True)
class ExportWish:
    """Which rows. households: for households and members. The others: area and equal values or days by column."""

    households: HouseholdWish = field(default_factory=HouseholdWish)
    area: str = ""
    equal: tuple[tuple[str, str], ...] = ()
    since: str = ""
    until: str = ""


def each_row(
    tables: ReadTables, scope: HasPrefixes, name: str, columns: Sequence[str], wish: ExportWish
) -> Iterator[tuple[Any, ...]]:
    """The area and the columns asked for of every row in scope. A column is a name of the list's own table, or ``home.NAME``.

    columns are names of ours, never of a request.
    """
    alias = _ALIAS[name]
    listed = ", ".join([f"{alias}.area", *(_column(alias, column) for column in columns)])
    source, where, order = _asked_for(scope, name, wish)
    sql = f"SELECT {listed} FROM {source} WHERE {where.sql} ORDER BY {order}"  # noqa: S608
    yield from tables.reading().execute(sql, where.values)


def count_rows(tables: ReadTables, scope: HasPrefixes, name: str, wish: ExportWish) -> int:
    """How many of them there are."""
    source, where, _order = _asked_for(scope, name, wish)
    return count(tables, f"SELECT count(*) FROM {source} WHERE {where.sql}", where.values)  # noqa: S608


def _asked_for(scope: HasPrefixes, name: str, wish: ExportWish) -> tuple[str, Conditions, str]:
    """Source, conditions and order of a list."""
    alias = _ALIAS[name]
    if name in ("households", "members"):
        where, source = asked_for(scope, wish.households)
        order = SORTS.get(wish.households.sort, SORTS["place"])
        if name == "members":
            source += " JOIN members m ON m.household_id = h.id"
            where.add(*_within_scope(scope, "m."))
            order += ", CAST(m.line AS INTEGER), m.id"
        return source, where, order
    where = Conditions(scope, f"{alias}.")
    where.add_within(wish.area)
    for column, value in wish.equal:
        where.add_if(value, f"{alias}.[{column}] = ?")
    day = "day" if name == "submissions" else "date" if name == "visits" else "deadline"
    where.add_if(wish.since, f"{alias}.[{day}] >= ?")
    where.add_if(wish.until, f"{alias}.[{day}] <= ?")
    return f"[{name}] {alias} LEFT JOIN households h ON h.id = {alias}.household_id", where, _ORDER[name]


def _within_scope(scope: HasPrefixes, alias: str) -> tuple[Any, ...]:
    clause, values = area_clause(scope, f"{alias}area")
    return (clause, *values)


def _column(alias: str, name: str) -> str:
    of_home = name.partition("home.")[2]
    return f"h.[{of_home}]" if of_home else f"{alias}.[{name}]"
