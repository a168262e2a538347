"""Records into their tables; what is worked out of several of them is for `app.tables.settling`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby

import sqlite_utils

from app.tables import rows, schema, settling
from app.tables.rows import Row
from sync.records import UnreadRecord
from sync.store.sqlite_rows import insert

WIDE = 16
"""Columns of a table from which on many rows in one statement cost more than a statement a row."""

_AT = {kind: {name: place for place, name in enumerate(columns)} for kind, columns in rows.COLUMNS.items()}
_MERGED_INTO = _AT["household"]["merged_into"]


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
    before = settling.before(db, kind, [record.id for record in records]) if marking else {}
    if gone:
        ids = [(id,) for id in gone]
        if kind == "household":
            db.conn.executemany(
                "DELETE FROM household_search WHERE rowid = (SELECT n FROM households WHERE id = ?)", ids
            )
        db.conn.executemany(f"DELETE FROM [{table}] WHERE [{columns[0]}] = ?", ids)  # noqa: S608 - names of ours
    _put(db, table, columns, there)
    if before:
        settling.mark(db, kind, before, there)
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
    db.execute("DELETE FROM merged WHERE id IN (SELECT value FROM json_each(?))", [json.dumps([one.id for one in records])])
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
