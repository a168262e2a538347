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
from sync.store import disk
from sync.store.credential_memory import CredentialMemory
from sync.store.migrate import migrations

NAME = "store.db"
FULL = 2
CHECKPOINT_PAGES = 8000
"""32 MB of log: pages that every commit touches (the ends of indexes) go to the file once for hundreds of commits."""
CLOSE_SECONDS = 10.0
CHECK_SECONDS = 3.0
"""How long a start may look for damaged pages; what is larger is looked through by every backup."""


class SqliteFile:
    """``store.db`` in a folder. Raises Problem when the folder cannot be used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write_lock = threading.RLock()
        self._local = threading.local()
        self._readers: list[tuple[sqlite3.Connection, threading.RLock]] = []
        self._readers_lock = threading.Lock()
        self.credentials = CredentialMemory()
        self._folder_lock = hold_folder(folder)
        try:
            self._db = self._open_writer()
        except sqlite3.Error as error:
            self._folder_lock.close()
            raise disk.of_sqlite(error, folder) from error
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
        # What an earlier process could not flush may be in the log as if it were on disk: it is written anew.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        refuse_damaged(connection, self.folder)
        db = Database(connection)
        migrations.apply(db)
        # Beside triggers SQLite keeps what would take one statement back: in memory, or a third of an insert is a file's.
        connection.execute("PRAGMA temp_store=MEMORY")
        self.credentials.watch(connection)
        return db

    def reader(self) -> sqlite3.Connection:
        """This thread's query-only connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = open_reader(self.folder / NAME)
            self._local.connection, self._local.busy = connection, threading.RLock()
            with self._readers_lock:
                self._readers.append((connection, self._local.busy))
        return connection

    @contextlib.contextmanager
    def asking(self) -> Iterator[sqlite3.Connection]:
        """This thread's connection, which nobody closes meanwhile: SQLite would go on in memory that was given back."""
        connection = self.reader()
        with self._local.busy:
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction of the one writer: everything inside is on disk afterwards, or nothing is.

        Raises Problem disk_full or store_failed for what the database refuses. A failed flush or a damaged
        page ends the process.
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
                if isinstance(error, sqlite3.DatabaseError):
                    self._refused(error)
                raise

    @contextlib.contextmanager
    def moment(self) -> Iterator[Callable[..., sqlite3.Cursor]]:
        """Several questions about one moment of the database."""
        with self.asking() as connection:
            connection.execute("BEGIN")
            try:
                yield connection.execute
            finally:
                connection.execute("COMMIT")

    def forget_old_pages(self) -> None:
        """Empty the write-ahead log, which still holds pages as they were; a reader at work puts it off to the next time."""
        with self.write_lock:
            try:
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.OperationalError as error:
                disk.of_sqlite(error, self.folder)  # busy is no harm, a failed flush ends the process

    def _refused(self, error: sqlite3.DatabaseError) -> None:
        """Raises what a refusal means; returns where it is a fault of ours."""
        problem = disk.of_sqlite(error, self.folder)
        if problem.code == "folder_damaged":
            disk.give_up(problem.code, str(self.folder))
        if isinstance(error, sqlite3.OperationalError):
            raise Problem(problem.code) from error

    def one(self, sql: str, *values: Any) -> Any:
        try:
            with self.asking() as connection:
                return connection.execute(sql, values).fetchone()
        except sqlite3.DatabaseError as error:
            self._refused(error)
            raise

    def all(self, sql: str, *values: Any) -> list[Any]:
        try:
            with self.asking() as connection:
                return connection.execute(sql, values).fetchall()
        except sqlite3.DatabaseError as error:
            self._refused(error)
            raise

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
            for connection, busy in self._readers:
                # Whoever still asks after all were told to stop keeps its connection to the process's end.
                if busy.acquire(timeout=CLOSE_SECONDS):
                    connection.close()
                    busy.release()
            self._readers.clear()
        with self.write_lock:
            self._db.close()
        self._folder_lock.close()


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that can neither write nor checkpoint. Raises Problem unsafe_file where SQLite does not obey."""
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    connection.execute("PRAGMA query_only=1")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    obeyed = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("query_only", "wal_autocheckpoint")]
    if obeyed != [1, 0] and has_reset_fault(sqlite3.sqlite_version_info):
        connection.close()
        raise Problem("unsafe_file", where=f"SQLite {sqlite3.sqlite_version}")
    return connection


def has_reset_fault(version: tuple[int, ...]) -> bool:
    """Whether a second writer or checkpointer may lose committed data in WAL mode (docs/decisions/0007-sqlite.md)."""
    mended = version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)
    return version >= (3, 7, 0) and not mended


def refuse_damaged(connection: sqlite3.Connection, folder: Path, seconds: float = CHECK_SECONDS) -> None:
    """Raises Problem folder_damaged for a database with an unsound page; what takes longer is left to the backup."""
    try:
        with at_most(connection, seconds):
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if "interrupted" not in str(error):
            raise
        found = "ok"
    if found != "ok":
        connection.close()
        raise Problem("folder_damaged", where=str(folder))


@contextlib.contextmanager
def at_most(connection: sqlite3.Connection, seconds: float) -> Iterator[None]:
    """Interrupts what the connection does after that time, again and again until it ends.

    A progress handler would not do: SQLite asks none while it looks through one table, of hours in a large one.
    """
    over = threading.Event()

    def watch() -> None:
        pause = seconds
        while not over.wait(pause):
            connection.interrupt()
            pause = 0.02

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()


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
    with contextlib.suppress(OSError):  # a full disk: the lock holds without a name on it
        handle.truncate(0)
        os.write(handle.fileno(), str(os.getpid()).encode())
    return handle
