"""What is worked out of several records: search words, head counts, who made a submission.

What has to be worked out again is marked as records come in (`unsettled`) and
settled once for many pages. Of most records that come nothing changes that
others depend on: a visit leaves names and heads of a household as they were,
and writing search words anew costs more than all else of it. While the tables
are made from nothing, nothing is marked: all of it is worked out at the end.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec
import sqlite_utils

from app.tables import rows
from app.tables.names import backwards, spaced, spaced_and_initials, spaced_place
from app.tables.rows import Row
from sync.store.sqlite_rows import insert

HOUSEHOLDS_AT_ONCE = 2_000
# Stands between two names, so that a search never matches across them. A
# private-use character: the tokenizer keeps it, and nobody types it.
_BETWEEN = " \ue000 "
_list = msgspec.json.Decoder(list[str | None]).decode
_NOTHING = frozenset(("", None))

Entry = tuple[int, str, str, str, str, str]
"""What a household is found by: its n, then the columns of household_search."""

FOUND, COUNTED, DUE, MADE_BY = "found", "counted", "due", "made by"
"""Marks: of households their search words, their head counts, that the checks look at them; of submissions who made them."""


class _Watch(NamedTuple):
    """What is to be marked with the first of these columns, before and after: always, or when one of them is another."""

    mark: str
    columns: tuple[str, ...]
    always: bool = False


_WATCHES = {
    "household": (
        _Watch(FOUND, ("id", "head_name", "group", "house_no", "code", "other_codes")),
        _Watch(COUNTED, ("id",)),
        _Watch(DUE, ("id",), always=True),
    ),
    "member": (
        _Watch(FOUND, ("household_id", "full_name", "id_no")),
        _Watch(COUNTED, ("household_id", "state")),
        _Watch(DUE, ("household_id",), always=True),
    ),
    "issue": (_Watch(COUNTED, ("household_id", "state")), _Watch(DUE, ("household_id",), always=True)),
    "exemption": (_Watch(DUE, ("household_id",), always=True),),
    "pairing": (_Watch(DUE, ("household_id",), always=True),),
    "visit": (_Watch(MADE_BY, ("submission_id",), always=True),),
    "submission": (_Watch(MADE_BY, ("id",), always=True),),
}

Before = Mapping[_Watch, Mapping[str, Row]]


def before(db: sqlite_utils.Database, kind: str, ids: Sequence[str]) -> Before:
    """What others depend on, of records that are about to change; empty for kinds of which nothing depends."""
    return {watch: _watched(db, kind, watch.columns, ids) for watch in _WATCHES.get(kind, ())}


def _watched(db: sqlite_utils.Database, kind: str, columns: Sequence[str], ids: Sequence[str]) -> dict[str, Row]:
    wanted = ", ".join(f"[{column}]" for column in columns)
    question = f"SELECT id, {wanted} FROM [{rows.TABLE_OF[kind]}] WHERE id IN (SELECT value FROM json_each(?))"  # noqa: S608
    return {row[0]: row[1:] for row in db.execute(question, [json.dumps(ids)])}


def mark(db: sqlite_utils.Database, kind: str, was: Before, there: Sequence[Row]) -> None:
    """Note what has to be worked out again. was: as they were (`before`); there: the rows of those that are there now."""
    marks: set[tuple[str, str]] = set()
    for watch, old in was.items():
        places = [rows.COLUMNS[kind].index(column) for column in watch.columns]
        new = {row[0]: tuple([row[place] for place in places]) for row in there}
        for id in old.keys() | new.keys():
            sides = old.get(id), new.get(id)
            if watch.always or sides[0] != sides[1]:
                marks.update((watch.mark, side[0]) for side in sides if side)
    insert(db.conn, "unsettled (mark, id)", list(marks), " ON CONFLICT DO NOTHING")


_COUNTS = (
    "UPDATE households SET "
    "people = (SELECT count(*) FROM members m WHERE m.household_id = households.id AND m.state IN ('', 'active')), "
    "open_issues = (SELECT count(*) FROM issues i WHERE i.household_id = households.id AND i.state <> 'closed')"
)
_CADRES = (
    "UPDATE submissions SET (cadre, cadre_name) = (SELECT coalesce(max(v.cadre), sender), coalesce(max(v.cadre_name), '') "
    "FROM visits v WHERE v.submission_id = submissions.id AND v.cadre <> '')"
)
_FOUND_BY = (
    "SELECT h.n, h.head_name, h.\"group\", h.house_no, h.code || ' ' || h.other_codes, "
    "json_group_array(m.full_name), json_group_array(m.id_no) "
    "FROM households h LEFT JOIN members m ON m.household_id = h.id {} GROUP BY h.n ORDER BY h.n"
)


def settle(db: sqlite_utils.Database) -> None:
    """Work out again what was marked."""
    marked = "SELECT id FROM unsettled WHERE mark = '{}'"
    db.execute(f"{_COUNTS} WHERE id IN ({marked.format(COUNTED)})")
    db.execute(f"{_CADRES} WHERE id IN ({marked.format(MADE_BY)})")
    entries = _entries(db, f"WHERE h.id IN ({marked.format(FOUND)})")
    db.conn.executemany("DELETE FROM household_search WHERE rowid = ?", [entry[:1] for entry in entries])
    _add_entries(db, entries)
    db.execute(f"INSERT OR IGNORE INTO check_due {marked.format(DUE)} AND id <> ''")
    _wait_no_longer(db)
    db.execute("DELETE FROM unsettled")


def settle_all(db: sqlite_utils.Database, ready: Iterable[Sequence[Entry]] = ()) -> None:
    """Work everything out, of tables that were made from nothing. ready: the first search entries, by n; it may be all of them."""
    db.execute(_COUNTS)
    db.execute(_CADRES)
    db.execute("DELETE FROM household_search")
    done = 0
    for entries in ready:
        _add_entries(db, entries)
        done = entries[-1][0]
    last = db.execute("SELECT coalesce(max(n), 0) FROM households").fetchone()[0]
    for first in range(done + 1, last + 1, HOUSEHOLDS_AT_ONCE):
        _add_entries(db, _entries(db, f"WHERE h.n >= {first} AND h.n < {first + HOUSEHOLDS_AT_ONCE}"))
    db.execute("INSERT OR IGNORE INTO check_due SELECT id FROM households")
    _wait_no_longer(db)


def _wait_no_longer(db: sqlite_utils.Database) -> None:
    db.execute("UPDATE submissions SET reviewed = 0 WHERE reviewed = -1")  # its form may have come


def _entries(db: sqlite_utils.Database, where: str) -> list[Entry]:
    return [_entry(*found) for found in db.execute(_FOUND_BY.format(where))]


def entries_of_all(looked: sqlite3.Connection, at_once: int) -> Iterator[list[Entry]]:
    """The search entries of all households by n, some at once; for another process, which only looks."""
    found = looked.execute(_FOUND_BY.format(""))
    while some := found.fetchmany(at_once):
        yield [_entry(*one) for one in some]


def _add_entries(db: sqlite_utils.Database, entries: Sequence[Entry]) -> None:
    db.conn.executemany(
        "INSERT INTO household_search (rowid, names, initials, tails, place, code) VALUES (?, ?, ?, ?, ?, ?)", entries
    )


def _entry(n: int, head: str | None, group: str, house_no: str, code: str, members: str, numbers: str) -> Entry:
    """What one household is found by. members, numbers: names and ID numbers of its people, as JSON."""
    names = sorted({head, *_list(members)} - _NOTHING)
    ways = [spaced_and_initials(name) for name in names]
    return (
        n,
        _BETWEEN.join([way[0] for way in ways]),
        " ".join(sorted({letters for way in ways for letters in way[1]})),
        " ".join(map(backwards, sorted(set(_list(numbers)) - _NOTHING))),
        _BETWEEN.join([spaced_place(part) for part in (group, house_no) if part]),
        spaced(code),
    )
