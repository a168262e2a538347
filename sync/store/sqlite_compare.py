"""What a node's SQLite tells when its records are compared with the tier above."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import msgspec

from sync.digest import Key
from sync.records import Record
from sync.store.base import Copy
from sync.store.scope_sql import IN_PLACE, in_place
from sync.store.sqlite_file import SqliteFile
from sync.store.sqlite_intake import RECORD, record_of

# An op of the record itself, or the one that a conflict record tells of, lacks the centre's word.
_OPEN = (
    "EXISTS (SELECT 1 FROM op WHERE op.entity = record.kind AND op.id = record.id AND op.variant = 0"
    " AND op.status != 'quarantined' AND op.centre_receipt IS NULL)"
    " OR (record.kind = 'conflict' AND EXISTS (SELECT 1 FROM op WHERE op.op_id = record.fields ->> '$.op_id'"
    " AND op.variant = 0 AND op.centre_receipt IS NULL))"
)


def copies_in(file: SqliteFile, place: str) -> list[Copy]:
    with file.moment() as ask:
        rows = ask(f"SELECT {RECORD}, upstream, {_OPEN} FROM record WHERE {IN_PLACE}", in_place(place))  # noqa: S608
        return [
            Copy(record_of(row[:9]), msgspec.json.decode(row[9], type=Record) if row[9] else None, bool(row[10])) for row in rows
        ]


def has_open_op(ask: Callable[..., sqlite3.Cursor], key: Key) -> bool:
    found = ask(f"SELECT {_OPEN} FROM record WHERE kind = ? AND id = ?", key).fetchone()  # noqa: S608
    return bool(found and found[0])
