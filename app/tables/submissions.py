"""Finding submissions, one by one for a screen or all of them for a download."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.tables.query import Conditions, Found, Row, count, each, every, one, page_of
from app.tables.reading import ReadTables
from app.tables.scope import HasPrefixes

# The names a list shows beside a submission: whose it is and who made it.
_COLUMNS = (
    's.*, h.head_name, h."group", h.house_no, h.code, h.national_no, '
    "coalesce(nullif(s.cadre_name, ''), u.name, s.cadre) AS visitor"
)
_SOURCE = (
    "submissions s LEFT JOIN merged g ON g.id = s.household_id "
    "LEFT JOIN households h ON h.id = coalesce(g.into_id, s.household_id) LEFT JOIN users u ON u.id = s.cadre"
)
_ORDER = "s.ended DESC, s.id"


@dataclass(frozen=True)
class SubmissionWish:
    """What a list of submissions is to hold; '' asks for nothing. since and until are days, both included."""

    form_id: str = ""
    area: str = ""
    since: str = ""
    until: str = ""
    cadre: str = ""
    flagged: bool = False


def find_submissions(tables: ReadTables, scope: HasPrefixes, wish: SubmissionWish, page: int = 1) -> Found:
    return page_of(tables, _COLUMNS, _SOURCE, _asked_for(scope, wish), _ORDER, page)


def each_submission(tables: ReadTables, scope: HasPrefixes, wish: SubmissionWish) -> Iterator[Row]:
    """All of them, one at a time, oldest first, without holding them in memory."""
    where = _asked_for(scope, wish)
    sql = f"SELECT {_COLUMNS} FROM {_SOURCE} WHERE {where.sql} ORDER BY s.ended, s.id"  # noqa: S608
    yield from each(tables, sql, where.values)


def submission(tables: ReadTables, scope: HasPrefixes, id: str) -> Row | None:
    where = Conditions(scope, "s.")
    where.add("s.id = ?", id)
    return one(tables, f"SELECT {_COLUMNS} FROM {_SOURCE} WHERE {where.sql}", where.values)  # noqa: S608


def _asked_for(scope: HasPrefixes, wish: SubmissionWish) -> Conditions:
    where = Conditions(scope, "s.")
    where.add_within(wish.area)
    where.add_if(wish.form_id, "s.form_id = ?")
    where.add_if(wish.since, "s.day >= ?")
    where.add_if(wish.until, "s.day <= ?")
    where.add_if(wish.cadre, "s.cadre = ?")
    if wish.flagged:
        where.add("(s.problem_count > 0 OR s.difference_count > 0)")
    return where


def form_counts(tables: ReadTables, scope: HasPrefixes) -> list[Row]:
    """How many submissions there are of each form and version: form_id, form_version, submissions, latest."""
    where = Conditions(scope)
    sql = (
        "SELECT form_id, form_version, count(*) AS submissions, max(ended) AS latest FROM submissions "  # noqa: S608
        f"WHERE {where.sql} GROUP BY form_id, form_version ORDER BY form_id, form_version DESC"
    )
    return every(tables, sql, where.values)


# What a client sent is kept as it came; one that is no JSON must not stop the count.
_ANSWERS = "json_tree(CASE WHEN json_valid(s.answers) THEN s.answers ELSE '{}' END) t"


def answered(tables: ReadTables, scope: HasPrefixes, form_id: str, names: Sequence[str]) -> dict[str, dict[str, int]]:
    """Question name → version → how many submissions hold an answer to it. Inside repeats a submission counts once."""
    found: dict[str, dict[str, int]] = {}
    for row in _grouped(tables, scope, form_id, names, "s.form_version"):
        found.setdefault(row["name"], {})[row["of"]] = row["submissions"]
    return found


def chosen(tables: ReadTables, scope: HasPrefixes, form_id: str, names: Sequence[str]) -> dict[str, dict[str, int]]:
    """Question name → answer as it was sent → how many submissions hold it."""
    found: dict[str, dict[str, int]] = {}
    for row in _grouped(tables, scope, form_id, names, "t.atom"):
        found.setdefault(row["name"], {})[str(row["of"])] = row["submissions"]
    return found


def _grouped(tables: ReadTables, scope: HasPrefixes, form_id: str, names: Sequence[str], by: str) -> list[Row]:
    """by: a column of ours."""
    if not names:
        return []
    where = Conditions(scope, "s.")
    where.add("s.form_id = ?", form_id)
    where.add(f"t.key IN ({', '.join('?' * len(names))})", *names)
    where.add("t.atom IS NOT NULL AND t.atom <> ''")
    sql = (
        f"SELECT t.key AS name, {by} AS of, count(DISTINCT s.id) AS submissions "  # noqa: S608
        f"FROM submissions s, {_ANSWERS} WHERE {where.sql} GROUP BY t.key, {by}"
    )
    return every(tables, sql, where.values)


def visitors(tables: ReadTables, scope: HasPrefixes) -> list[Row]:
    """Who made submissions in scope: id, name; for the filter of a list. By name, not by number of visits."""
    where = Conditions(scope, "s.")
    sql = (
        "SELECT s.cadre AS id, coalesce(max(nullif(s.cadre_name, '')), max(u.name), s.cadre) AS name "  # noqa: S608
        "FROM submissions s LEFT JOIN users u ON u.id = s.cadre "
        f"WHERE {where.sql} AND s.cadre <> '' GROUP BY s.cadre ORDER BY name"
    )
    return every(tables, sql, where.values)


def arrived_on(tables: ReadTables, scope: HasPrefixes, day: str) -> int:
    """How many submissions came in on that day, by this server's record."""
    where = Conditions(scope)
    where.add("substr(received, 1, 10) = ?", day)
    return count(tables, f"SELECT count(*) FROM submissions WHERE {where.sql}", where.values)  # noqa: S608


def flagged(tables: ReadTables, scope: HasPrefixes) -> int:
    """How many submissions have something a person should look at."""
    where = _asked_for(scope, SubmissionWish(flagged=True))
    return count(tables, f"SELECT count(*) FROM submissions s WHERE {where.sql}", where.values)  # noqa: S608
