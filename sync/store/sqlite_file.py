"""One SQLite file with one writer: the connections of a store, and the folder they hold.

The writer, behind a lock, is also the only one that checkpoints the
write-ahead log; readers are query-only. One process holds the data folder.
Together that stays clear of the WAL-reset fault of older SQLite versions
(docs/decisions/0007-sqlite.md).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from sync.problems import Problem
from sync.store.credential_memory import CredentialMemory
from sync.store.migrate import migrations

NAME = "store.db"
FULL = 2
CHECKPOINT_PAGES = 8000
"""32 MB of log: pages that every commit touches (the ends of indexes) go to the file once for hundreds of commits."""


class SqliteFile:
    """``store.db`` in a folder. Raises Problem when the folder cannot be used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write_lock = threading.RLock()
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._readers_lock = threading.Lock()
        self.credentials = CredentialMemory()
        self._folder_lock = hold_folder(folder)
        try:
            self._db = self._open_writer()
        except sqlite3.Error as error:
            self._folder_lock.close()
            code = "folder_read_only" if "readonly" in str(error) else "folder_damaged"
            raise Problem(code, where=str(folder)) from error
        except Problem:
            self._folder_lock.close()
            raise

    def _open_writer(self) -> Database:
        connection = sqlite3.connect(self.folder / NAME, check_same_thread=False, isolation_level=None)
        mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        connection.execute("PRAGMA synchronous=FULL")
        if mode != "wal" or connection.execute("PRAGMA synchronous").fetchone()[0] != FULL:
            connection.close()
            raise Problem("unsafe_file", where=f"{self.folder / NAME}: {mode}")
        connection.execute("PRAGMA cache_size=-65536")
        connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        # What is overwritten or deleted leaves no bytes behind in the file: an erased value must be gone.
        connection.execute("PRAGMA secure_delete=ON")
        db = Database(connection)
        migrations.apply(db)
        self.credentials.watch(connection)
        return db

    def reader(self) -> sqlite3.Connection:
        """This thread's query-only connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self.folder / NAME, check_same_thread=False, isolation_level=None)
            connection.execute("PRAGMA query_only=1")
            connection.execute("PRAGMA wal_autocheckpoint=0")
            self._local.connection = connection
            with self._readers_lock:
                self._readers.append(connection)
        return connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction of the one writer: everything inside is on disk afterwards, or nothing is.

        Raises Problem disk_full or store_failed for what the database refuses.
        """
        with self.write_lock:
            connection = self._db.conn
            assert connection is not None
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
                self.credentials.committed()
            except BaseException as error:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                if isinstance(error, sqlite3.OperationalError):
                    code = "disk_full" if "full" in str(error) else "store_failed"
                    raise Problem(code) from error
                raise

    @contextlib.contextmanager
    def moment(self) -> Iterator[Callable[..., sqlite3.Cursor]]:
        """Several questions about one moment of the database."""
        connection = self.reader()
        connection.execute("BEGIN")
        try:
            yield connection.execute
        finally:
            connection.execute("COMMIT")

    def forget_old_pages(self) -> None:
        """Empty the write-ahead log, which still holds pages as they were; a reader at work puts it off to the next time."""
        with self.write_lock, contextlib.suppress(sqlite3.OperationalError):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def one(self, sql: str, *values: Any) -> Any:
        return self.reader().execute(sql, values).fetchone()

    def all(self, sql: str, *values: Any) -> list[Any]:
        return self.reader().execute(sql, values).fetchall()

    def meta_or(self, key: str, make: Callable[[], object]) -> str:
        found = self.one("SELECT value FROM meta WHERE key = ?", key)
        if found:
            return str(found[0])
        value = str(make())
        with self.writing() as write:
            set_meta(write, key, value)
        return value

    def close(self) -> None:
        with self._readers_lock:
            for connection in self._readers:
                connection.close()
            self._readers.clear()
        with self.write_lock:
            self._db.close()
        self._folder_lock.close()


def set_meta(write: sqlite3.Connection, key: str, value: str) -> None:
    write.execute("INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, value))


def hold_folder(folder: Path) -> Any:
    """Take the folder for this process; a second process gets a clear answer instead of two writers."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = open(folder / "lock", "a+")  # noqa: SIM115 - held until close()
    except OSError as error:
        raise Problem("folder_read_only", where=str(folder)) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.seek(0)
        holder = handle.read().strip()
        handle.close()
        raise Problem("folder_in_use", where=f"pid {holder}" if holder else str(folder)) from error
    handle.truncate(0)
    handle.write(str(os.getpid()))
    handle.flush()
    return handle
