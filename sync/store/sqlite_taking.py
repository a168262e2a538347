"""How a SQLite store opens, takes ops in and tells what is new; the connections are in `sqlite_file`, the rules in `intake`."""

from __future__ import annotations

import contextlib
import sqlite3
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sync.failpoints import reach
from sync.problems import Problem
from sync.records import (
    CENTRE,
    Arrival,
    Pushed,
    PushReply,
    Scope,
    UnreadPage,
)
from sync.scope import scope_version
from sync.store import sqlite_audit
from sync.store.blobs import BlobFolder
from sync.store.both import Both
from sync.store.group import GroupCommit
from sync.store.high_water import HighWater
from sync.store.intake import Intake
from sync.store.pages import moment_text, place_of
from sync.store.scope_sql import scope_sql
from sync.store.sqlite_audit import chain_of
from sync.store.sqlite_file import SqliteFile, set_meta
from sync.store.sqlite_history import SqliteHistory
from sync.store.sqlite_intake import (
    DROP_BLOB,
    RECORD,
    SqliteMemory,
    record_of,
    write_down,
    write_pushes,
)

# The inner question reads the index only and stops at the limit. Left to itself the planner reads all records of the
# kinds asked for and sorts them, for every page and for every phone that asks whether there is news.
PULL = (
    f"SELECT {RECORD} FROM record JOIN (SELECT n AS row, seq AS s FROM record INDEXED BY record_by_seq"  # noqa: S608
    " WHERE seq > ? AND {where} ORDER BY seq LIMIT ?) ON n = row ORDER BY s"
)


class SqliteTaking(SqliteHistory, Both):
    """The file behind a store, its one writer, and the end of its log."""

    _record_of = staticmethod(record_of)

    def __init__(self, folder: Path, *, clock: Callable[[], datetime] | None = None) -> None:
        self.folder = folder
        self._clock = clock or (lambda: datetime.now(UTC))
        self._file = SqliteFile(folder)
        super().__init__(self._file.all)
        self._one, self._writing = self._file.one, self._file.writing
        self._blobs = BlobFolder(folder / "blobs")
        try:
            self._begin()
        except BaseException:
            self._file.close()
            raise
        self._push_together = GroupCommit(self._push_all)

    def _begin(self) -> None:
        """Who this store is and how far it has come. Raises Problem folder_moved, folder_rolled_back, disk_full."""
        self._server_id = self._file.meta_or("server_id", uuid.uuid4)
        self._epoch = self._file.meta_or("epoch", uuid.uuid4)
        self._tier = self._file.meta_or("tier", lambda: CENTRE)
        if moved := self._one("SELECT value FROM meta WHERE key = 'moved_to'"):
            raise Problem("folder_moved", where=str(moved[0]))
        self._latest = int(self._one("SELECT coalesce(max(seq), 0) FROM change")[0])
        self._last_n = int(self._one("SELECT coalesce(max(n), 0) FROM op")[0])
        self._high_water = HighWater(self.folder)
        if self._high_water.is_above(self._epoch, self._last_n, self._latest):
            self._high_water.close()
            raise Problem("folder_rolled_back", where=str(self.folder))
        self._high_water.note(self._epoch, self._last_n, self._latest)
        sqlite_audit.begin(self._file, self._server_id, self._epoch, moment_text(self._clock()))
        self._drop_blobs()

    @property
    def server_id(self) -> str:
        return self._server_id

    @property
    def epoch(self) -> str:
        return self._epoch

    @property
    def tier(self) -> str:
        return self._tier

    # --- moving house --------------------------------------------------------------------------------------

    def rows(self, question: str, **functions: Callable[..., Any]) -> Iterator[Any]:
        """Rows of the tables themselves, for copies; functions: of Python, that the question calls."""
        connection = self._file.reader()
        for name, function in functions.items():
            connection.create_function(name, -1, function, deterministic=True)
        yield from connection.execute(question)

    def ends(self) -> tuple[int, int]:
        """The last op and the last place of the log."""
        return self._last_n, self._latest

    def mark(self, key: str, value: str) -> None:
        """Write a note about the folder into it."""
        with self._writing() as write:
            set_meta(write, key, value)

    # --- taking ops in ------------------------------------------------------------------------------------

    def _push_all(self, work: Sequence[tuple[Pushed, datetime]], _: Callable[[], None]) -> Sequence[PushReply]:
        """Several bodies, from as many threads, in one commit. The file has one writer, so no round passes the lead on."""
        pushes = [pushed for pushed, _ in work]
        received = moment_text(max(now for _, now in work))
        with self._taking_in(received) as (write, intake):
            intake.expect(pushes)
            replies = intake.placed([intake.push(pushed) for pushed in pushes], self._last_n, self._latest)
            write_pushes(write, pushes, replies, received)
        return replies

    @contextlib.contextmanager
    def _taking_in(self, received: str) -> Iterator[tuple[sqlite3.Connection, Intake]]:
        """A transaction whose intake is written down at its end. Whoever places it does so inside."""
        with self._file.write_lock:
            with self._writing() as write:
                intake = Intake(SqliteMemory(write), self._tier, self._server_id, self._epoch, received)
                intake.chain = chain_of(write)
                yield write, intake
                write_down(write, intake)
                reach("push.written")
            reach("push.committed")
            # Only now may a cursor pass these places: a puller that ran ahead of the commit would skip them.
            self._latest += len(intake.puts)
            self._last_n += len(intake.kept)
            self._high_water.note(self._epoch, self._last_n, self._latest)
            if intake.erased:
                self._drop_blobs()
                self._file.forget_old_pages()

    def _drop_blobs(self) -> None:
        """Delete the files of blobs that an erased record alone had named."""
        marks = [row[0] for row in self._all("SELECT key FROM meta WHERE key >= ? AND key < ?", DROP_BLOB, DROP_BLOB + "~")]
        for mark in marks:
            self._blobs.remove(mark.removeprefix(DROP_BLOB))
        if marks:
            with self._writing() as write:
                write.executemany("DELETE FROM meta WHERE key = ?", [(mark,) for mark in marks])

    def _load(self, made: Sequence[Arrival]) -> int:
        with self._taking_in(moment_text(self._clock())) as (_, intake):
            count = intake.load(made)
            intake.placed((), self._last_n, self._latest)
        return count

    # --- what is new --------------------------------------------------------------------------------------

    def latest_seq(self) -> int:
        return self._latest

    def _rows_changed(self, after_seq: int, limit: int) -> tuple[list[Any], int]:
        end = self._latest
        return self._all(f"SELECT {RECORD} FROM record WHERE seq > ? ORDER BY seq LIMIT ?", after_seq, limit + 1), end  # noqa: S608

    def changes_unread(self, after_seq: int, limit: int) -> UnreadPage:
        return self._page_unread(after_seq, limit, self._latest)

    def _rows_after(self, scope: Scope, cursor: str | None, limit: int) -> tuple[list[Any], int, str]:
        prefix = f"{self.epoch}.{scope_version(scope)}."
        after = place_of(cursor, prefix, self._latest)
        where, values = scope_sql(scope)
        # Where the log ends is read first: a record changed meanwhile is then found by the next page.
        end = self._latest
        return self._all(PULL.format(where=where), after, *values, limit + 1), max(after, end), prefix
