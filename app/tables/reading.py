"""The read tables as whoever asks them has them: connections that can neither write nor checkpoint, one a thread."""

from __future__ import annotations

import copy
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import sqlite_utils

from sync.store.sqlite_file import open_reader

BUSY_MS = 15_000


class ReadTables:
    """Queries of this package take one of these; who writes the tables is another matter (`app.tables.elsewhere`)."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.eyes: Callable[[dict[str, Any]], dict[str, Any]] | None = None
        self._threads = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._file = 0

    @property
    def late(self) -> bool:
        """Whether what was just stored may be missing for longer than a moment."""
        return False

    def through(self, eyes: Callable[[dict[str, Any]], dict[str, Any]]) -> ReadTables:
        """The same tables for one question: their rows as these eyes see them."""
        seen = copy.copy(self)
        seen.eyes = eyes
        return seen

    def reading(self) -> sqlite_utils.Database:
        """This thread's reader. Only modules of this package use it: their queries take a scope."""
        known: tuple[int, sqlite_utils.Database] | None = getattr(self._threads, "db", None)
        if known and known[0] == self._file:
            return known[1]
        if known:
            with suppress(ValueError):  # all were closed meanwhile
                self._readers.remove(known[1].conn)  # it closes when whoever is reading from it has done
        connection = open_reader(self.path)
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        self._readers.append(connection)
        db = sqlite_utils.Database(connection)
        self._threads.db = (self._file, db)
        return db

    def reopen(self) -> None:
        """The file may be another one: every thread opens it anew when it next asks."""
        self._file += 1

    def close(self) -> None:
        for connection in self._readers:
            connection.close()
        self._readers.clear()
