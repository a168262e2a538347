"""What happened to records, read from a SQLite store; also by a process that only looks on."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from sync.records import Change, Record, UnreadPage
from sync.store.base import Maker
from sync.store.pages import unread_page_of
from sync.store.sqlite_intake import RECORD, record_of, unread_record
from sync.store.steps import CHANGE, by_record, by_submission, changes_of, makers_of

_json = msgspec.json.Encoder()
# Values as bytes: they are UTF-8 in the file and are read from UTF-8, so text would be made and taken apart for nothing.
_UNREAD = RECORD.replace("fields", "CAST(fields AS BLOB)")


class SqliteHistory:
    """all: answers a question with its values by the rows."""

    def __init__(self, all: Callable[..., list[Any]]) -> None:
        self._all = all

    @classmethod
    def looking_on(cls, path: Path) -> SqliteHistory:
        """Over a file that another process writes."""
        connection = look_on(path)
        return cls(lambda sql, *values: connection.execute(sql, values).fetchall())

    def get(self, kind: str, id: str) -> Record | None:
        found = self._all(f"SELECT {RECORD} FROM record WHERE kind = ? AND id = ?", kind, id)  # noqa: S608
        return record_of(found[0]) if found else None

    def records(self, kind: str, ids: Sequence[str]) -> dict[str, Record]:
        rows = self._all(
            f"SELECT {RECORD} FROM record WHERE kind = ? AND id IN (SELECT value FROM json_each(?))",  # noqa: S608
            kind, _json.encode(ids).decode(),
        )  # fmt: skip
        return {record.id: record for record in map(record_of, rows)}

    def history(self, kind: str, id: str, since: int = 0) -> list[Change]:
        return self._changes_where("entity = ? AND id = ? AND n >= ? AND status != 'quarantined'", kind, id, since)

    def histories(self, kind: str, ids: Sequence[str], since: int = 0) -> dict[str, list[Change]]:
        return by_record(self._changes_where(
            "entity = ? AND id IN (SELECT value FROM json_each(?)) AND n >= ? AND status != 'quarantined'",
            kind, _json.encode(ids).decode(), since,
        ))  # fmt: skip

    def makers(self, kind: str, ids: Sequence[str]) -> dict[str, Maker]:
        rows = self._all(
            "SELECT id, body, received_at, min(n) FROM op WHERE entity = ? AND id IN (SELECT value FROM json_each(?))"
            " AND status != 'quarantined' GROUP BY id",
            kind, _json.encode(ids).decode(),
        )  # fmt: skip
        return makers_of(row[:3] for row in rows)

    def ops_of_submission(self, id: str) -> list[Change]:
        return self.ops_of_submissions([id]).get(id, [])

    def ops_of_submissions(self, ids: Sequence[str]) -> dict[str, list[Change]]:
        told = _json.encode(ids).decode()
        made = self._changes_where("entity = 'submission' AND id IN (SELECT value FROM json_each(?))", told)
        caused = self._changes_where(
            "submission IN (SELECT value FROM json_each(?)) AND NOT (entity = 'submission' AND id = submission)", told)
        return by_submission(made, caused)

    def quarantined(self) -> list[Change]:
        return self._changes_where("status IN ('held', 'quarantined')")

    def undecided(self) -> list[Change]:
        return self._changes_where(
            "status IN ('held', 'quarantined') AND code NOT IN ('turned_down', 'erased')"
            " AND coalesce(up_status, '') NOT IN ('applied', 'conflict')"
            " AND NOT EXISTS (SELECT 1 FROM record r WHERE r.kind = 'decision' AND r.id = op.hash)"
            " AND NOT EXISTS (SELECT 1 FROM record r WHERE r.kind = op.entity AND r.id = op.id"
            " AND (op.status = 'held' OR r.deleted = 1 AND r.fields ->> '$.erased' IS NOT NULL))"
        )

    def _page_unread(self, after_seq: int, limit: int, end: int) -> UnreadPage:
        rows = self._all(f"SELECT {_UNREAD} FROM record WHERE seq > ? ORDER BY seq LIMIT ?", after_seq, limit + 1)  # noqa: S608
        return unread_page_of([unread_record(row) for row in rows], limit, max(after_seq, end))

    def _changes_where(self, where: str, *values: Any) -> list[Change]:
        return changes_of(self._all(f"SELECT {CHANGE} FROM op WHERE {where} ORDER BY n", *values))  # noqa: S608 - our own


def look_on(path: Path) -> sqlite3.Connection:
    """A connection to a file that another process writes. Opened read-only, it can neither write nor checkpoint."""
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, check_same_thread=False, isolation_level=None)
