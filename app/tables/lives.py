"""Dated entries in the life of households, and where one went."""

from __future__ import annotations

from app.tables.query import Conditions, Row, every, one
from app.tables.reading import ReadTables
from app.tables.scope import HasPrefixes
from forms.lives import MOVED_OUT


def events_of(tables: ReadTables, scope: HasPrefixes, household_id: str) -> list[Row]:
    """What happened to a household, the latest first."""
    where = Conditions(scope)
    where.add("household_id = ?", household_id)
    return every(tables, f"SELECT * FROM events WHERE {where.sql} ORDER BY date DESC, seq DESC", where.values)  # noqa: S608


def moved_out(tables: ReadTables, scope: HasPrefixes, household_id: str) -> Row | None:
    """The entry that a household left behind in the reader's places when it moved away; the latest."""
    where = Conditions(scope)
    where.add("household_id = ? AND what = ?", household_id, MOVED_OUT)
    return one(tables, f"SELECT * FROM events WHERE {where.sql} ORDER BY date DESC, seq DESC", where.values)  # noqa: S608


def split_off(tables: ReadTables, scope: HasPrefixes, household_id: str) -> list[Row]:
    """Households that were split from this one: id, head_name, area."""
    where = Conditions(scope)
    where.add("split_from = ? AND split_from <> ''", household_id)
    return every(tables, f"SELECT id, head_name, area FROM households WHERE {where.sql} ORDER BY n", where.values)  # noqa: S608
