"""Who saw what whole, and which files left: the records of kind ``sight``."""

from __future__ import annotations

from app.tables.query import Conditions, Listing, Row, count, every
from app.tables.reading import ReadTables
from app.tables.scope import HasPrefixes


def opened(tables: ReadTables, scope: HasPrefixes, who: str, since: str) -> dict[str, str]:
    """Households that this person opened after that moment, each with when last."""
    where = Conditions(scope)
    where.add("who = ? AND household_id <> '' AND whole = 'yes' AND julianday(at) > julianday(?)", who, since)
    sql = f"SELECT household_id, max(at) AS at FROM sights WHERE {where.sql} GROUP BY household_id"  # noqa: S608
    return {row["household_id"]: row["at"] for row in every(tables, sql, where.values)}


def sights_asked(
    tables: ReadTables, scope: HasPrefixes, *, since: str = "", until: str = "", who: str = "", whole: bool = False,
    area: str = "",
) -> Listing:  # fmt: skip
    """The latest first. since and until are days; area as `Conditions.add_within` takes it."""
    where = Conditions(scope, "s.")
    where.add_within(area)
    where.add_if(since, "s.day >= ?")
    where.add_if(until, "s.day <= ?")
    where.add_if(who, "s.who = ?")
    if whole:
        where.add("s.whole = 'yes'")
    source = "sights s LEFT JOIN households h ON h.id = s.household_id"
    return Listing(tables, 's.*, h.head_name, h."group", h.house_no', source, where, "s.at DESC, s.id DESC")


def readers(tables: ReadTables, scope: HasPrefixes) -> list[Row]:
    """Those of whom there is any: id, name; for the filter."""
    where = Conditions(scope, "s.")
    sql = (
        "SELECT s.who AS id, coalesce(nullif(max(u.name), ''), s.who) AS name FROM sights s "  # noqa: S608
        f"LEFT JOIN users u ON u.id = s.who WHERE {where.sql} GROUP BY s.who ORDER BY name"
    )
    return every(tables, sql, where.values)


def files_of(tables: ReadTables, who: str, since: str, *, whole: bool) -> int:
    """How many files this person took along after that moment, wherever they lie: it is about the person."""
    sql = "SELECT count(*) FROM sights WHERE who = ? AND what = 'file' AND whole = ? AND julianday(at) > julianday(?)"
    return count(tables, sql, [who, "yes" if whole else "", since])


def busiest(tables: ReadTables, scope: HasPrefixes, since: str) -> list[Row]:
    """Who took files along since then: who, name, files, whole, rows, most_in_a_day; the most first."""
    where = Conditions(scope, "s.")
    where.add("s.what = 'file' AND julianday(s.at) > julianday(?)", since)
    sql = (
        "SELECT who, coalesce(nullif(max(u.name), ''), who) AS name, sum(files) AS files, sum(whole) AS whole, "  # noqa: S608
        "sum(rows) AS rows, max(files) AS most_in_a_day FROM (SELECT s.who, s.day, count(*) AS files, "
        "sum(s.whole = 'yes') AS whole, sum(CAST(s.rows AS INTEGER)) AS rows FROM sights s "
        f"WHERE {where.sql} GROUP BY s.who, s.day) d LEFT JOIN users u ON u.id = d.who GROUP BY who ORDER BY whole DESC, files DESC"
    )
    return every(tables, sql, where.values)
