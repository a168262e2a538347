"""What has been kept longer than it may be. Days are compared as text, as they are written."""

from __future__ import annotations

from app.tables.query import Conditions, Row, count, every
from app.tables.reading import ReadTables
from app.tables.scope import HasPrefixes

_GONE = "(SELECT max(m.change_date) FROM members m WHERE m.household_id = h.id)"
_STAYS = "EXISTS (SELECT 1 FROM members m WHERE m.household_id = h.id AND m.state IN ('', 'active'))"

# kind → (source, alias, the day it counts from, what else must be true)
_KINDS = {
    "submission": ("submissions s LEFT JOIN households h ON h.id = s.household_id", "s.", "s.day", ""),
    "visit": ("visits v LEFT JOIN households h ON h.id = v.household_id", "v.", "v.date", "v.submission_id = ''"),
    "issue": ("issues i LEFT JOIN households h ON h.id = i.household_id", "i.", "i.closed_on", "i.state = 'closed'"),
    "household": ("households h", "h.", _GONE, f"NOT {_STAYS} AND h.last_visit < ?"),
}


def due(tables: ReadTables, scope: HasPrefixes, kind: str, before: str, limit: int, area: str = "") -> list[Row]:
    """The oldest first: id, area, day, household_id, head_name, group, house_no. before: a day; area: as `add_within` takes it."""
    source, where, day = _asked(scope, kind, before, area)
    alias = _KINDS[kind][1]
    household = "h.id" if kind == "household" else f"{alias}household_id"
    sql = (
        f"SELECT {alias}id AS id, {alias}area AS area, {day} AS day, {household} AS household_id, "  # noqa: S608 - names of ours
        f'h.head_name, h."group", h.house_no FROM {source} WHERE {where.sql} ORDER BY day, {alias}id LIMIT ?'
    )
    return every(tables, sql, [*where.values, limit])


def how_many(tables: ReadTables, scope: HasPrefixes, kind: str, before: str, area: str = "") -> int:
    source, where, _day = _asked(scope, kind, before, area)
    return count(tables, f"SELECT count(*) FROM {source} WHERE {where.sql}", where.values)  # noqa: S608 - names of ours


def _asked(scope: HasPrefixes, kind: str, before: str, area: str) -> tuple[str, Conditions, str]:
    source, alias, day, more = _KINDS[kind]
    where = Conditions(scope, alias)
    where.add_within(area)
    where.add(f"{day} <> '' AND {day} < ?", before)
    if more:
        where.add(more, *[before] * more.count("?"))
    return source, where, day
