"""Issues by place and lateness. What counts as late is said in ``forms/issues.py``; here it is put to the database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.tables.query import Conditions, Found, Row, each, every, one, page_of
from app.tables.reading import ReadTables
from app.tables.scope import HasPrefixes
from forms.issues import CLOSED, OVERDUE, SOON, SUBMITTED, soon_until
from sync.scope import prefix_of

LATE = (OVERDUE, SOON)
UNCLOSED = "unclosed"
ORDER = f"i.state = '{CLOSED}', i.state = '{SUBMITTED}', i.deadline = '', i.deadline, i.id"
_SOURCE = "issues i LEFT JOIN households h ON h.id = i.household_id LEFT JOIN members m ON m.id = i.member_id"
_COLUMNS = 'i.*, h.head_name, h."group", h.house_no, m.full_name'
_RUNNING = f"i.state NOT IN ('{SUBMITTED}', '{CLOSED}') AND i.deadline <> ''"


@dataclass(frozen=True)
class IssueWish:
    """today: the day lateness is measured on. late: 'overdue' | 'soon' | ''. state may be 'unclosed'. owner: a user's id."""

    today: str
    area: str = ""
    state: str = ""
    kind: str = ""
    late: str = ""
    owner: str = ""
    since: str = ""
    until: str = ""


def find_issues(tables: ReadTables, scope: HasPrefixes, wish: IssueWish, page: int = 1) -> Found:
    """What is open first, the nearest deadline first; then what waits for closing, then what is closed."""
    return page_of(tables, _COLUMNS, _SOURCE, _asked_for(scope, wish), ORDER, page)


def each_issue(tables: ReadTables, scope: HasPrefixes, wish: IssueWish) -> Iterator[Row]:
    where = _asked_for(scope, wish)
    sql = f"SELECT {_COLUMNS} FROM {_SOURCE} WHERE {where.sql} ORDER BY i.area, {ORDER}"  # noqa: S608
    yield from each(tables, sql, where.values)


def issue(tables: ReadTables, scope: HasPrefixes, id: str) -> Row | None:
    where = Conditions(scope, "i.")
    where.add("i.id = ?", id)
    return one(tables, f"SELECT {_COLUMNS} FROM {_SOURCE} WHERE {where.sql}", where.values)  # noqa: S608


def unclosed_of_check(tables: ReadTables, scope: HasPrefixes, household: str, member: str, rule: str) -> str:
    """The id of the issue that was already raised from this finding and is not closed; '' when there is none."""
    where = Conditions(scope, "i.")
    where.add("i.household_id = ? AND i.member_id = ? AND i.rule = ? AND i.state <> ?", household, member, rule, CLOSED)
    found = one(tables, f"SELECT i.id FROM issues i WHERE {where.sql}", where.values)  # noqa: S608
    return found["id"] if found else ""


def counts(tables: ReadTables, scope: HasPrefixes, today: str) -> Row:
    """unclosed, overdue, soon, submitted, closed; over the whole scope."""
    where = Conditions(scope, "i.")
    sums, values = _sums(today)
    row = one(tables, f"SELECT {sums} FROM issues i WHERE {where.sql}", [*values, *where.values])  # noqa: S608
    return {name: value or 0 for name, value in (row or {}).items()}


def by_place(tables: ReadTables, scope: HasPrefixes, today: str, area: str = "") -> list[Row]:
    """The counts of every village in a place, or of every township when there are several; place: its code."""
    found = _by_place(tables, scope, today, area, 9)
    if len(found) < 2:
        found = _by_place(tables, scope, today, area, 12)
    return found


def _by_place(tables: ReadTables, scope: HasPrefixes, today: str, area: str, digits: int) -> list[Row]:
    where = Conditions(scope, "i.")
    where.add_within(prefix_of(area))
    sums, values = _sums(today)
    sql = f"SELECT substr(i.area, 1, {digits}) AS place, {sums} FROM issues i WHERE {where.sql} GROUP BY 1 ORDER BY 1"  # noqa: S608
    return every(tables, sql, [*values, *where.values])


def _sums(today: str) -> tuple[str, list[Any]]:
    until = soon_until(today)
    sql = (
        f"sum(i.state <> '{CLOSED}') AS unclosed, sum({_RUNNING} AND i.deadline < ?) AS overdue, "
        f"sum({_RUNNING} AND i.deadline >= ? AND i.deadline <= ?) AS soon, "
        f"sum(i.state = '{SUBMITTED}') AS submitted, sum(i.state = '{CLOSED}') AS closed"
    )
    return sql, [today, today, until]


def _asked_for(scope: HasPrefixes, wish: IssueWish) -> Conditions:
    where = Conditions(scope, "i.")
    where.add_within(prefix_of(wish.area))
    if wish.state == UNCLOSED:
        where.add("i.state <> ?", CLOSED)
    else:
        where.add_if(wish.state, "i.state = ?")
    where.add_if(wish.kind, "i.problem_kind = ?")
    where.add_if(wish.owner, "i.owner_id = ?")
    where.add_if(wish.since, "i.closed_on >= ?")
    where.add_if(wish.until, "i.closed_on <= ?")
    if wish.late == OVERDUE:
        where.add(f"{_RUNNING} AND i.deadline < ?", wish.today)
    if wish.late == SOON:
        where.add(f"{_RUNNING} AND i.deadline >= ? AND i.deadline <= ?", wish.today, soon_until(wish.today))
    return where
