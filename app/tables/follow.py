"""The follower: reads what changed in the store and brings the read tables up to it.

One writer connection, which is also the only one that checkpoints (SQLite
before 3.51.3 can lose pages otherwise), and one process that has it. A page of
changes and the new position are one transaction.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

import msgspec
import sqlite_utils

from app.tables import rows, schema, settling, taking
from app.tables.clock import local_time
from app.tables.one_writer import hold
from app.tables.reading import BUSY_MS, ReadTables
from sync.erasing import FIELD
from sync.problems import Problem
from sync.records import Record, UnreadPage, UnreadRecord
from sync.store.base import Maker
from sync.store.sqlite_file import refuse_damaged

log = logging.getLogger("ruhu.tables")

PAGE = 5_000
CACHE_KB = 32 * 1024
BEAT_STEPS = 100_000  # of SQLite's machine: some milliseconds
WORTH_HANDS = 10_000
"""Positions of the log from which on a second process is worth its start."""
WORTH_PART = 4_000
"""Positions that are left when it has started, from which on it takes in half of them."""
CHECKPOINT_PAGES = 4_000  # 16 MB: a first build would else write its pages home after every few hundred records


OnErased = Callable[[set[str], set[str]], None]
"""Told the households and places of what was erased, before its rows go: what else shows it is to go first."""


class Source(Protocol):
    """What the follower needs of a Store."""

    server_id: str
    epoch: str

    def latest_seq(self) -> int: ...
    def changes_unread(self, after_seq: int, limit: int) -> UnreadPage: ...
    def get(self, kind: str, id: str) -> Record | None: ...
    def makers(self, kind: str, ids: Sequence[str]) -> Mapping[str, Maker]: ...


class Part(msgspec.Struct):
    """Records that somebody else took in, for a `Tables` that was made from nothing. erased: kind, id and area of those."""

    taken: int
    erased: list[tuple[str, str, str]]
    areas_gone: list[str]


class Hands(Protocol):
    """Who does a part of making tables from nothing (`app.tables.hands`)."""

    def are_ready(self) -> bool: ...
    def begin_part(self, path: Path, after: int, upto: int) -> None: ...
    def part(self) -> Part | None: ...
    def begin_entries(self) -> None: ...
    def entries(self) -> Iterator[Sequence[settling.Entry]]: ...
    def close(self) -> None: ...


class Tables(ReadTables):
    """The read tables of one node and their one writer, at a path that may be deleted at any time the node is stopped.

    checked: somebody has just seen that the file is sound.
    hands: calls for help where much is to be taken in from nothing; None is to do it alone. Raises AnotherWriter.
    """

    def __init__(self, path: Path | str, store: Source, *, checked: bool = False,
                 hands: Callable[[], Hands] | None = None) -> None:
        super().__init__(str(path))
        self._hands = hands
        self._part = Path(path).with_name(Path(path).name + "-part")
        self.on_erased: OnErased | None = None
        self.pulse = 0
        """Rises while somebody works with the tables, and whenever they are looked after."""
        self.store = store
        self._lock = threading.Lock()
        self._held = hold(Path(path))
        try:
            self._part.unlink(missing_ok=True)  # of one who was killed
            if not checked:
                remove_damaged(Path(path))
            self._writer = sqlite_utils.Database(_connect(self.path))
            self._writer.execute("PRAGMA journal_mode = WAL")
            self._writer.execute("PRAGMA synchronous = NORMAL")
            self._writer.execute(f"PRAGMA cache_size = -{CACHE_KB}")
            self._writer.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
            self._writer.execute("PRAGMA secure_delete = ON")  # an erased value leaves no bytes behind
            self._writer.conn.set_progress_handler(self._beat, BEAT_STEPS)
            self._position = self._read_position()
        except BaseException:
            self._held.close()
            raise

    def catch_up(self, limit: int | None = None, *, wait: bool = False) -> int:
        """Take in what changed since last time, at most about limit records; answers how many.

        0 at once when nothing changed, and, unless wait, when another thread is writing.
        """
        self._beat()
        if self._position == self.store.latest_seq() and self._is_same_store() and self._whole:
            return 0
        if not self._lock.acquire(blocking=wait):
            return 0
        try:
            return self._catch_up(limit)
        finally:
            self._lock.release()

    def behind(self) -> int:
        """How many positions of the store's log are not yet in the tables."""
        return max(0, self.store.latest_seq() - self._position)

    def rebuild(self) -> int:
        """Throw everything away and read the whole store again."""
        with self._lock:
            self._start_over()
            return self._catch_up(None)

    @contextmanager
    def writing(self) -> Iterator[sqlite_utils.Database]:
        """One transaction on the writer connection; for the modules of this package."""
        with self._lock, self._transaction() as db:
            yield db

    def close(self) -> None:
        super().close()
        self._writer.conn.close()
        self._held.close()

    # Position

    def _read_position(self) -> int:
        if not self._writer["meta"].exists():
            return self._start_over()
        meta = dict(self._writer.execute("SELECT name, value FROM meta").fetchall())
        if meta.get("version") != str(schema.VERSION):
            return self._start_over()
        self._source = (meta.get("server_id", ""), meta.get("epoch", ""))
        self._whole = "whole" in meta
        return int(meta.get("seq", "0"))

    def _start_over(self) -> int:
        self._source = (self.store.server_id, self.store.epoch)
        with self._transaction() as db:
            schema.create(db)
            _remember(db, version=str(schema.VERSION), server_id=self._source[0], epoch=self._source[1], seq="0")
        self._position, self._whole = 0, False
        return 0

    def _is_same_store(self) -> bool:
        return self._source == (self.store.server_id, self.store.epoch)

    # Taking in

    def _catch_up(self, limit: int | None) -> int:
        if not self._is_same_store() or self._position > self.store.latest_seq():
            self._start_over()  # restored from a backup: what we read may never have happened
        if limit is None and not self._whole and self.behind() >= WORTH_HANDS and (hands := self._called()):
            with contextlib.closing(hands):
                taken = self._take_with(hands) + self._take_all()
                self._settle(hands)
            return taken
        taken = self._take_all(limit)
        if taken or not self._whole:  # the last process may have ended before it came to this
            self._settle()
        return taken

    def _called(self) -> Hands | None:
        with suppress(OSError):  # no memory for another process
            return self._hands() if self._hands else None
        return None

    def _take_all(self, limit: int | None = None, upto: int | None = None) -> int:
        taken = 0
        for page in pages(self.store, self._position, upto):
            self._take(page)
            taken += len(page.records)
            if limit is not None and taken >= limit:
                break
        return taken

    def _take_with(self, hands: Hands) -> int:
        """Take in up to where the log ends now, the later part by other hands as soon as they are there; less if they fail.

        Only from the very beginning: otherwise what is changed or gone in the later part may be in the tables already.
        For the same reason the end is asked for before anything is read.
        """
        if self._position > 0:
            return 0
        taken, end = 0, self.store.latest_seq()
        while self._position < end and not hands.are_ready():
            taken += self._take_all(limit=1, upto=end)  # a page
        if end - self._position < WORTH_PART:
            return taken
        middle = self._position + (end - self._position) // 2
        try:
            hands.begin_part(self._part, middle, end)
            taken += self._take_all(upto=middle)
            part = hands.part()
            return taken + (self._add(part, end) if part else 0)
        finally:
            self._part.unlink(missing_ok=True)

    def _add(self, part: Part, end: int) -> int:
        self._beat()
        if part.erased and self.on_erased:
            self.on_erased({id for kind, id, _ in part.erased if kind == "household"}, {area for _, _, area in part.erased})
        try:
            self._writer.execute("ATTACH ? AS part", [str(self._part)])
            try:
                with self._transaction() as db:
                    taking.add_part(db, part.areas_gone)
                    _remember(db, seq=str(end))
            finally:
                self._writer.execute("DETACH part")
        except sqlite3.Error as error:
            log.error("the part of other hands is of no use: %s", type(error).__name__)
            return 0
        self._position = end
        return part.taken

    def _beat(self) -> None:
        self.pulse += 1

    def _take(self, page: UnreadPage) -> None:
        self._beat()
        erased = [one for one in page.records if is_erased(one)]
        if erased and self.on_erased:
            self.on_erased(self._homes_of(erased), {record.area for record in erased})
        with self._transaction() as db:
            came = taking.take(db, page.records, marking=self._whole)
            note_senders(db, self.store, [row[0] for row in came])
            if erased:
                db.execute("INSERT INTO household_search(household_search) VALUES ('optimize')")
            _remember(db, seq=str(page.seq))
        if erased:
            with suppress(sqlite3.OperationalError):  # a reader is at work: the next one does it
                self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._position = page.seq

    def _settle(self, hands: Hands | None = None) -> None:
        if hands and not hands.are_ready():
            hands = None
        if hands:
            hands.begin_entries()
        with self._transaction() as db:
            if self._whole:
                settling.settle(db)
            else:
                schema.index(db)
                settling.settle_all(db, hands.entries() if hands else ())
                _remember(db, whole="yes")
        self._whole = True

    def _homes_of(self, records: Sequence[UnreadRecord]) -> set[str]:
        """The households these are, or belong to as far as their rows still tell."""
        found = {record.id for record in records if record.kind == "household"}
        for record in records:
            if "household_id" in rows.COLUMNS.get(record.kind, ()):
                question = f"SELECT household_id FROM [{rows.TABLE_OF[record.kind]}] WHERE id = ?"  # noqa: S608 - names of ours
                found |= {home for (home,) in self._writer.execute(question, [record.id])}
        return found

    @contextmanager
    def _transaction(self) -> Iterator[sqlite_utils.Database]:
        connection = self._writer.conn
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._writer
        except BaseException:
            if connection.in_transaction:  # a broken constraint has ended it
                connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


def pages(store: Source, after: int, upto: int | None = None) -> Iterator[UnreadPage]:
    """All that changed after that place. A thread that reads ahead makes it slower: both want the interpreter's lock.

    upto: a place of the log beyond which nothing is asked for.
    """
    more = True
    while more:
        page = store.changes_unread(after, PAGE)
        if upto is not None and page.seq >= upto:
            page = UnreadPage(upto, False, [record for record in page.records if record.seq <= upto])
        yield page
        after, more = page.seq, page.more


def is_erased(record: UnreadRecord) -> bool:
    return record.deleted and FIELD in rows.fields_of(record)


def note_senders(db: sqlite_utils.Database, store: Source, ids: Sequence[str]) -> None:
    """Who sent a submission and when it came in stands with its op, not in the record."""
    db.conn.executemany(
        "UPDATE submissions SET received = ?, sender = ? WHERE id = ?",
        [
            (local_time(made.received_at), _author_of(store, made), id)
            for id, made in store.makers("submission", ids).items()
        ],
    )


def _author_of(store: Source, made: Maker) -> str:
    # Who took a submission up from those set aside did not write it.
    decision = store.get("decision", made.cites) if made.cites else None
    author = str(decision.fields.get("author", "")) if decision else ""
    return author or made.actor


def remove_damaged(path: Path) -> None:
    """Delete read tables with an unsound page: they are made anew from the store."""
    try:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as looked:
            refuse_damaged(looked, path.parent)
    except (Problem, sqlite3.DatabaseError) as error:
        if isinstance(error, sqlite3.OperationalError):
            return  # no room, or not ours to read: told when it is opened
        log.error("read tables were damaged; they are made anew")
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)


def _connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_MS / 1000)
    return connection


def _remember(db: sqlite_utils.Database, **values: str) -> None:
    db.conn.executemany(
        "INSERT INTO meta(name, value) VALUES (?, ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value",
        list(values.items()),
    )
