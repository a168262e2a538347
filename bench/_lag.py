"""How far read tables are behind their store while it is written, looked at from outside the server."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

import psycopg

from sync.store.postgres_asking import SCHEMA

LOOK_SECONDS = 0.05
LogEnd = Callable[[], int]


class Lag:
    """Watches as long as it is entered. worst: seconds for which something was in the store and not in the tables.

    Raises on leaving what kept it from looking.
    """

    def __init__(self, log_end: contextlib.AbstractContextManager[LogEnd], read_tables: Path) -> None:
        self.worst = 0.0
        self._log_end, self._tables = log_end, read_tables
        self._stop = threading.Event()
        self._looking = ThreadPoolExecutor(1)

    def __enter__(self) -> Lag:
        self._looked = self._looking.submit(self._watch)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._looking.shutdown()
        if kind is None:
            self._looked.result()

    def _watch(self) -> None:
        came: list[tuple[float, int]] = []
        with self._log_end as log_end, _read_only(self._tables) as tables:
            while not self._stop.wait(LOOK_SECONDS):
                now = time.perf_counter()
                came.append((now, log_end()))
                here = int(tables.execute("SELECT value FROM meta WHERE name = 'seq'").fetchone()[0])
                came = [(at, end) for at, end in came if end > here]
                self.worst = max(self.worst, now - came[0][0] if came else 0.0)


@contextlib.contextmanager
def of_folder(folder: Path) -> Iterator[LogEnd]:
    """The end of the log of a store in one file."""
    with _read_only(folder / "store.db") as store:
        yield lambda: int(store.execute("SELECT coalesce(max(seq), 0) FROM change").fetchone()[0])


@contextlib.contextmanager
def of_database(url: str) -> Iterator[LogEnd]:
    with psycopg.connect(url, autocommit=True, options=f"-c search_path={SCHEMA}") as connection:
        yield lambda: int((connection.execute("SELECT seq FROM counter").fetchone() or (0,))[0])


@contextlib.contextmanager
def _read_only(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as connection:
        yield connection
