"""Records into their tables, and what is worked out of several of them: search words, head counts, who made a submission.

What has to be worked out again is marked as records come in (`unsettled`) and
settled once for many pages. While the tables are made from nothing, nothing is
marked: all of it is worked out at the end.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import msgspec
import sqlite_utils

from app.tables import rows, schema
from app.tables.names import backwards, spaced, spaced_and_initials, spaced_place
from app.tables.rows import Row
from sync.records import UnreadRecord
from sync.store.sqlite_rows import insert

HOUSEHOLDS_AT_ONCE = 2_000
WIDE = 16
"""Columns of a table from which on many rows in one statement cost more than a statement a row."""
# Stands between two names, so that a search never matches across them. A
# private-use character: the tokenizer keeps it, and nobody types it.
_BETWEEN = " \ue000 "
_list = msgspec.json.Decoder(list[str | None]).decode
_NOTHING = frozenset(("", None))

_AT = {kind: {name: place for place, name in enumerate(columns)} for kind, columns in rows.COLUMNS.items()}
_MERGED_INTO = _AT["household"]["merged_into"]
_BELONGS_TO = {
    **{kind: ("household", _AT[kind]["household_id"]) for kind in ("member", "issue", "exemption", "pairing")},
    "visit": ("submission", _AT["visit"]["submission_id"]),
}
"""Kinds of which something is worked out for another record: the kind of that one, and the column of its id."""


def take(db: sqlite_utils.Database, records: Sequence[UnreadRecord], *, marking: bool) -> list[Row]:
    """Put records into their tables; answers the rows of submissions. marking: note what to work out again."""
    came: list[Row] = []
    for kind, of_kind in groupby(sorted(records, key=_kind), key=_kind):
        if kind in rows.TABLE_OF:
            there = _take_kind(db, kind, list(of_kind), marking)
            if kind == "submission":
                came = there
    _note_photos(db, came)
    return came


def _kind(record: UnreadRecord) -> str:
    return record.kind


def add_part(db: sqlite_utils.Database, areas_gone: Sequence[str]) -> None:
    """Copy the tables of `part`, an attached file with the records that come after those that are here.

    A record is in one of the two only. But an area may go by two ids, so it may be in both, or gone by its other one.
    """
    db.conn.executemany("DELETE FROM areas WHERE code = ?", [(code,) for code in areas_gone])
    for table in (*rows.TABLE_OF.values(), "merged", "photos"):
        columns = ", ".join(f"[{column}]" for column in schema.TABLES[table] if column != "n")  # numbered on from those here
        db.execute(f"INSERT OR REPLACE INTO main.[{table}] ({columns}) SELECT {columns} FROM part.[{table}] ORDER BY rowid")  # noqa: S608


def _take_kind(db: sqlite_utils.Database, kind: str, records: Sequence[UnreadRecord], marking: bool) -> list[Row]:
    table, columns = rows.TABLE_OF[kind], rows.COLUMNS[kind]
    row_of = rows.maker(kind)
    there = [row_of(record) for record in records if not record.deleted]
    gone = [rows.area_key(record) if kind == "area" else record.id for record in records if record.deleted]
    if kind == "household":
        merged = [row for row in there if row[_MERGED_INTO]]
        _note_merged(db, records, merged)
        if merged:
            gone += [row[0] for row in merged]
            there = [row for row in there if not row[_MERGED_INTO]]
    if marking and kind in ("member", "visit", "issue", "pairing"):
        # The household it belonged to before, in case it moves to another or goes.
        _mark_previous(db, table, kind, [record.id for record in records])
    if gone:
        ids = [(id,) for id in gone]
        if kind == "household":
            db.conn.executemany(
                "DELETE FROM household_search WHERE rowid = (SELECT n FROM households WHERE id = ?)", ids
            )
        db.conn.executemany(f"DELETE FROM [{table}] WHERE [{columns[0]}] = ?", ids)  # noqa: S608 - names of ours
    _put(db, table, columns, there)
    if marking:
        _mark(db, kind, records, there)
    if kind == "rules":
        # Other rules or amounts: everything is looked at again.
        db.execute("INSERT OR IGNORE INTO check_due SELECT id FROM households")
    return there


def _put(db: sqlite_utils.Database, table: str, columns: Sequence[str], there: Sequence[Row]) -> None:
    key, *others = columns
    changes = ", ".join(f"[{column}] = excluded.[{column}]" for column in others)
    names = ", ".join(f"[{column}]" for column in columns)
    behind = f" ON CONFLICT([{key}]) DO UPDATE SET {changes}"
    if len(columns) < WIDE:
        insert(db.conn, f"[{table}] ({names})", there, behind)
    else:
        marks = ", ".join("?" * len(columns))
        db.conn.executemany(f"INSERT OR ROLLBACK INTO [{table}] ({names}) VALUES ({marks}){behind}", there)  # noqa: S608


def _note_merged(db: sqlite_utils.Database, records: Sequence[UnreadRecord], merged: Sequence[Row]) -> None:
    """Keep where the id of a merged household leads to, so that it goes on resolving."""
    db.conn.executemany("DELETE FROM merged WHERE id = ?", [(record.id,) for record in records])
    db.conn.executemany(
        "INSERT INTO merged(id, area, into_id) VALUES (?, ?, ?)",
        [(row[0], row[1], row[_MERGED_INTO]) for row in merged],
    )


_HOUSEHOLD_ID, _ANSWERS = _AT["submission"]["household_id"], _AT["submission"]["answers"]


def _note_photos(db: sqlite_utils.Database, submissions: Sequence[Row]) -> None:
    db.conn.executemany(
        "INSERT OR IGNORE INTO photos(sha256, submission_id, household_id) VALUES (?, ?, ?)",
        [(sha256, row[0], row[_HOUSEHOLD_ID]) for row in submissions for sha256 in rows.photos_in(row[_ANSWERS])],
    )


Entry = tuple[int, str, str, str, str, str]
"""What a household is found by: its n, then the columns of household_search."""


# --- what has to be worked out again -----------------------------------------------------------------------


def _mark(db: sqlite_utils.Database, kind: str, records: Sequence[UnreadRecord], there: Sequence[Row]) -> None:
    if kind in ("household", "submission"):
        marks = {(kind, record.id) for record in records}
    elif kind in _BELONGS_TO:
        whose, column = _BELONGS_TO[kind]
        marks = {(whose, row[column]) for row in there}
    else:
        return
    db.conn.executemany("INSERT OR IGNORE INTO unsettled(kind, id) VALUES (?, ?)", list(marks))


def _mark_previous(db: sqlite_utils.Database, table: str, kind: str, ids: Sequence[str]) -> None:
    whose, place = _BELONGS_TO[kind]
    column = rows.COLUMNS[kind][place]
    db.conn.executemany(
        f"INSERT OR IGNORE INTO unsettled(kind, id) SELECT '{whose}', [{column}] FROM [{table}] WHERE id = ?",  # noqa: S608
        [(id,) for id in ids],
    )


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
    db.execute(_COUNTS + " WHERE id IN (SELECT id FROM unsettled WHERE kind = 'household')")  # noqa: S608 - texts of ours
    db.execute(_CADRES + " WHERE id IN (SELECT id FROM unsettled WHERE kind = 'submission')")  # noqa: S608 - texts of ours
    entries = _entries(db, "WHERE h.id IN (SELECT id FROM unsettled WHERE kind = 'household')")
    db.conn.executemany("DELETE FROM household_search WHERE rowid = ?", [entry[:1] for entry in entries])
    _add_entries(db, entries)
    db.execute("INSERT OR IGNORE INTO check_due SELECT id FROM unsettled WHERE kind = 'household' AND id <> ''")
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
