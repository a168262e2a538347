"""A SQLite store as another process may have it: what changed, what was there, and nothing to write with."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any, BinaryIO

from sync.records import UnreadPage
from sync.store.blobs import BlobFolder
from sync.store.sqlite_file import NAME
from sync.store.sqlite_history import SqliteHistory, look_on


class SqliteLooking(SqliteHistory):
    """Over the data folder of a store that serves. Its connections are opened read-only, one a thread."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._blobs = BlobFolder(folder / "blobs")
        self._threads = threading.local()
        super().__init__(self._rows)

    def _rows(self, sql: str, *values: Any) -> list[Any]:
        connection: sqlite3.Connection | None = getattr(self._threads, "connection", None)
        if connection is None:
            connection = self._threads.connection = look_on(self._path)
        return connection.execute(sql, values).fetchall()

    @property
    def server_id(self) -> str:
        return self._meta("server_id")

    @property
    def epoch(self) -> str:
        return self._meta("epoch")

    def _meta(self, key: str) -> str:
        return str(self._rows("SELECT value FROM meta WHERE key = ?", key)[0][0])

    def latest_seq(self) -> int:
        return int(self._rows("SELECT coalesce(max(seq), 0) FROM change")[0][0])

    def changes_unread(self, after_seq: int, limit: int) -> UnreadPage:
        # Where the log ends is asked first: a record changed meanwhile is then found by the next page.
        end = self.latest_seq()
        return self._page_unread(after_seq, limit, end)

    def has_blob(self, sha256: str) -> bool:
        return bool(self._rows("SELECT 1 FROM blob WHERE sha256 = ?", sha256))

    def open_blob(self, sha256: str) -> BinaryIO:
        return self._blobs.open(sha256)
