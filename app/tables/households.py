"""Finding households, and what belongs to one: members, visits, issues, submissions."""

from __future__ import annotations

from collections.abc import Sequence

from app.codes import normalise
from app.tables.household_wish import HouseholdWish, asked_for
from app.tables.query import Conditions, Found, Row, every, one, page_of
from app.tables.reading import ReadTables
from app.tables.scope import HasPrefixes

__all__ = ["SORTS", "HouseholdWish"]

SORTS = {
    "place": "h.area, h.place_key, h.n",
    "head": "h.head_key, h.n",
    "visit": "h.last_visit, h.area, h.place_key, h.n",
    "people": "h.people DESC, h.area, h.place_key, h.n",
    "issues": "h.open_issues DESC, h.area, h.place_key, h.n",
}


def find_households(tables: ReadTables, scope: HasPrefixes, wish: HouseholdWish, page: int = 1) -> Found:
    """The households in scope that answer every part of the wish.

    A text in which nothing can be searched for (only punctuation) finds nothing.
    """
    where, source = asked_for(scope, wish)
    return page_of(tables, "h.*", source, where, SORTS.get(wish.sort, SORTS["place"]), page)


def household_ids(tables: ReadTables, scope: HasPrefixes, wish: HouseholdWish) -> list[str]:
    """The ids of all of them, in the list's order: for printing what a search found."""
    where, source = asked_for(scope, wish)
    order = SORTS.get(wish.sort, SORTS["place"])
    found = every(tables, f"SELECT h.id FROM {source} WHERE {where.sql} ORDER BY {order}", where.values)  # noqa: S608
    return [row["id"] for row in found]


def household(tables: ReadTables, scope: HasPrefixes, id: str) -> Row | None:
    """The household, also under the id of one that was merged into it."""
    where = Conditions(scope)
    where.add("id = ?", current_id(tables, scope, id))
    return one(tables, f"SELECT * FROM households WHERE {where.sql}", where.values)  # noqa: S608


def current_id(tables: ReadTables, scope: HasPrefixes, id: str) -> str:
    """The id of the household that this one is now: itself, or what it was merged into."""
    for _ in range(10):
        where = Conditions(scope)
        where.add("id = ?", id)
        row = one(tables, f"SELECT into_id FROM merged WHERE {where.sql}", where.values)  # noqa: S608
        if row is None:
            break
        id = row["into_id"]
    return id


def merged_ids(tables: ReadTables, scope: HasPrefixes, ids: Sequence[str]) -> list[str]:
    """Ids of households that were merged into these."""
    where = Conditions(scope)
    where.add(f"into_id IN ({', '.join('?' * len(ids))})", *ids)
    return [row["id"] for row in every(tables, f"SELECT id FROM merged WHERE {where.sql}", where.values)]  # noqa: S608


def household_by_code(tables: ReadTables, scope: HasPrefixes, code: str) -> Row | None:
    where = Conditions(scope)
    where.add("code = ?", code)
    return one(tables, f"SELECT * FROM households WHERE {where.sql}", where.values)  # noqa: S608


def by_number(tables: ReadTables, scope: HasPrefixes, typed: str) -> list[Row]:
    """Households by what a person reads off a card or list: the whole code however it is spaced, or the national number."""
    where = Conditions(scope)
    where.add("(code = ? OR (national_no = ? AND national_no <> ''))", normalise(typed), typed.strip())
    return every(tables, f"SELECT * FROM households WHERE {where.sql} LIMIT 3", where.values)  # noqa: S608


def members(tables: ReadTables, scope: HasPrefixes, household_ids: Sequence[str]) -> list[Row]:
    """Members of these households, in the order of the household's book."""
    order = "household_id, CAST(line AS INTEGER), id"
    return _belonging(tables, scope, "members", household_ids, order)


def visits(tables: ReadTables, scope: HasPrefixes, household_ids: Sequence[str]) -> list[Row]:
    """Visits to these households, the latest first."""
    return _belonging(tables, scope, "visits", household_ids, "date DESC, seq DESC")


def issues(tables: ReadTables, scope: HasPrefixes, household_ids: Sequence[str]) -> list[Row]:
    """Issues of these households, what is open first."""
    return _belonging(tables, scope, "issues", household_ids, "state = 'closed', deadline = '', deadline, id")


def submissions(tables: ReadTables, scope: HasPrefixes, household_ids: Sequence[str]) -> list[Row]:
    """Submissions about these households, the latest first."""
    return _belonging(tables, scope, "submissions", household_ids, "ended DESC, id")


def _belonging(
    tables: ReadTables, scope: HasPrefixes, table: str, household_ids: Sequence[str], order: str
) -> list[Row]:
    where = Conditions(scope)
    if table != "members":  # a visit may still come in under the id of a household merged meanwhile
        household_ids = [*household_ids, *merged_ids(tables, scope, household_ids)]
    where.add(f"household_id IN ({', '.join('?' * len(household_ids))})", *household_ids)
    sql = f"SELECT * FROM [{table}] WHERE {where.sql} ORDER BY {order}"  # noqa: S608 - names of ours
    return every(tables, sql, where.values)


def villages(tables: ReadTables, scope: HasPrefixes) -> list[Row]:
    """The villages with households in scope: code, name, households; for the filter of a list."""
    where = Conditions(scope)
    sql = (
        "SELECT v.code, coalesce(a.name, v.code) AS name, v.households FROM "  # noqa: S608
        "(SELECT substr(area, 1, 12) AS code, count(*) AS households FROM households "
        f" WHERE {where.sql} GROUP BY substr(area, 1, 12)) v LEFT JOIN areas a ON a.code = v.code "
        "ORDER BY v.code"
    )
    return every(tables, sql, where.values)


def groups(tables: ReadTables, scope: HasPrefixes, area: str) -> list[str]:
    """The groups (组) of a village, 2组 before 10组."""
    where = Conditions(scope)
    where.add_within(area)
    sql = (
        f'SELECT "group" AS name FROM households WHERE {where.sql} AND "group" <> \'\' '  # noqa: S608
        'GROUP BY "group" ORDER BY min(place_key)'
    )
    return [row["name"] for row in every(tables, sql, where.values)]


def by_status(tables: ReadTables, scope: HasPrefixes) -> list[Row]:
    """Households, people and households visited since, by status: status, households, people, visited."""
    where = Conditions(scope)
    sql = (
        "SELECT status, count(*) AS households, sum(people) AS people, "  # noqa: S608
        "sum(last_visit <> '') AS visited FROM households "
        f"WHERE {where.sql} GROUP BY status"
    )
    return every(tables, sql, where.values)
