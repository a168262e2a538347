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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

import sqlite_utils

from app.tables import rows, schema
from app.tables.clock import local_time
from app.tables.names import arabic, initials, tokens
from app.tables.one_writer import hold
from app.tables.reading import BUSY_MS, ReadTables
from sync.erasing import is_erased
from sync.problems import Problem
from sync.records import Page, Record
from sync.store.base import Maker
from sync.store.sqlite_file import refuse_damaged

log = logging.getLogger("ruhu.tables")

PAGE = 5_000
CACHE_KB = 32 * 1024
CHECKPOINT_PAGES = 4_000  # 16 MB: a first build would else write its pages home after every few hundred records
# Stands between two names, so that a search never matches across them. A
# private-use character: the tokenizer keeps it, and nobody types it.
_BETWEEN = "\ue000"


OnErased = Callable[[set[str], set[str]], None]
"""Told the households and places of what was erased, before its rows go: what else shows it is to go first."""


class Source(Protocol):
    """What the follower needs of a Store."""

    server_id: str
    epoch: str

    def latest_seq(self) -> int: ...
    def changes(self, after_seq: int, limit: int) -> Page: ...
    def get(self, kind: str, id: str) -> Record | None: ...
    def makers(self, kind: str, ids: Sequence[str]) -> Mapping[str, Maker]: ...


class Tables(ReadTables):
    """The read tables of one node and their one writer, at a path that may be deleted at any time the node is stopped.

    checked: somebody has just seen that the file is sound. Raises AnotherWriter.
    """

    def __init__(self, path: Path | str, store: Source, *, checked: bool = False) -> None:
        super().__init__(str(path))
        self.on_erased: OnErased | None = None
        self.store = store
        self._lock = threading.Lock()
        self._held = hold(Path(path))
        try:
            if not checked:
                remove_damaged(Path(path))
            self._writer = sqlite_utils.Database(_connect(self.path))
            self._writer.execute("PRAGMA journal_mode = WAL")
            self._writer.execute("PRAGMA synchronous = NORMAL")
            self._writer.execute(f"PRAGMA cache_size = -{CACHE_KB}")
            self._writer.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
            self._writer.execute("PRAGMA secure_delete = ON")  # an erased value leaves no bytes behind
            self._indexed = False
            self._position = self._read_position()
        except BaseException:
            self._held.close()
            raise

    def catch_up(self, limit: int | None = None, *, wait: bool = False) -> int:
        """Take in what changed since last time, at most about limit records; answers how many.

        0 at once when nothing changed, and, unless wait, when another thread is writing.
        """
        if self._position == self.store.latest_seq() and self._is_same_store() and self._indexed:
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
        return int(meta.get("seq", "0"))

    def _start_over(self) -> int:
        self._source = (self.store.server_id, self.store.epoch)
        with self._transaction() as db:
            schema.create(db)
            self._indexed = False
            _remember(db, version=str(schema.VERSION), server_id=self._source[0], epoch=self._source[1], seq="0")
        self._position = 0
        return 0

    def _is_same_store(self) -> bool:
        return self._source == (self.store.server_id, self.store.epoch)

    # Taking in

    def _catch_up(self, limit: int | None) -> int:
        if not self._is_same_store() or self._position > self.store.latest_seq():
            self._start_over()  # restored from a backup: what we read may never have happened
        taken = 0
        for page in _pages(self.store, self._position):
            self._take(page)
            taken += len(page.records)
            if limit is not None and taken >= limit:
                break
        if taken or not self._indexed:  # the last process may have ended before it came to this
            with self._transaction() as db:
                if not self._indexed:
                    schema.index(db)
                settle(db)
            self._indexed = True
        return taken

    def _take(self, page: Page) -> None:
        records = page.records
        erased = [record for record in records if is_erased(record)]
        if erased and self.on_erased:
            self.on_erased(self._homes_of(erased), {record.area for record in erased})
        with self._transaction() as db:
            for kind, of_kind in groupby(sorted(records, key=_kind), key=_kind):
                if kind in rows.TABLE_OF:
                    take_kind(db, kind, list(of_kind))
            came = [one for one in records if one.kind == "submission" and not one.deleted]
            self._note_senders(db, [one.id for one in came])
            _note_photos(db, came)
            if erased:
                db.execute("INSERT INTO household_search(household_search) VALUES ('optimize')")
            _remember(db, seq=str(page.seq))
        if erased:
            with suppress(sqlite3.OperationalError):  # a reader is at work: the next one does it
                self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._position = page.seq

    def _homes_of(self, records: Sequence[Record]) -> set[str]:
        """The households these are, or belong to as far as their rows still tell."""
        found = {record.id for record in records if record.kind == "household"}
        for record in records:
            if "household_id" in rows.COLUMNS.get(record.kind, ()):
                question = f"SELECT household_id FROM [{rows.TABLE_OF[record.kind]}] WHERE id = ?"  # noqa: S608 - names of ours
                found |= {home for (home,) in self._writer.execute(question, [record.id])}
        return found

    def _note_senders(self, db: sqlite_utils.Database, ids: Sequence[str]) -> None:
        """Who sent a submission and when it came in stands with its op, not in the record."""
        db.conn.executemany(
            "UPDATE submissions SET received = ?, sender = ? WHERE id = ?",
            [
                (local_time(made.received_at), self._author_of(made), id)
                for id, made in self.store.makers("submission", ids).items()
            ],
        )

    def _author_of(self, made: Maker) -> str:
        # Who took a submission up from those set aside did not write it.
        decision = self.store.get("decision", made.cites) if made.cites else None
        author = str(decision.fields.get("author", "")) if decision else ""
        return author or made.actor

    @contextmanager
    def _transaction(self) -> Iterator[sqlite_utils.Database]:
        connection = self._writer.conn
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._writer
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


def _pages(store: Source, after: int) -> Iterator[Page]:
    """All that changed after that place. A thread that reads ahead makes it slower: both want the interpreter's lock."""
    more = True
    while more:
        page = store.changes(after, PAGE)
        yield page
        after, more = page.seq, page.more


def _note_photos(db: sqlite_utils.Database, submissions: Sequence[Record]) -> None:
    db.conn.executemany(
        "INSERT OR IGNORE INTO photos(sha256, submission_id, household_id) VALUES (?, ?, ?)",
        [
            (sha256, one.id, rows.text_of(one.fields.get("household_id")))
            for one in submissions
            for sha256 in rows.photos_in(rows.text_of(one.fields.get("answers")))
        ],
    )


def take_kind(db: sqlite_utils.Database, kind: str, records: Sequence[Record]) -> None:
    """Put records of one kind into its table, and note what has to be worked out again because of them."""
    table, columns = rows.TABLE_OF[kind], rows.COLUMNS[kind]
    key = columns[0]
    gone = [record for record in records if record.deleted or _is_merged(record)]
    there = [record for record in records if not (record.deleted or _is_merged(record))]
    if kind == "household":
        _note_merged(db, records)
    if kind in ("member", "visit", "issue", "pairing"):
        # The household it belonged to before, in case it moves to another or goes.
        _unsettle_previous(db, table, [record.id for record in records])
    if gone:
        ids = [(rows.area_key(record) if kind == "area" else record.id,) for record in gone]
        if kind == "household":
            db.conn.executemany(
                "DELETE FROM household_search WHERE rowid = (SELECT n FROM households WHERE id = ?)", ids
            )
        db.conn.executemany(f"DELETE FROM [{table}] WHERE [{key}] = ?", ids)  # noqa: S608 - names of ours
    db.conn.executemany(_upsert(table, columns), [rows.row_of(record) for record in there])
    _unsettle(db, kind, records)
    if kind == "rules":
        # Other rules or amounts: everything is looked at again.
        db.execute("INSERT OR IGNORE INTO check_due SELECT id FROM households")


def _is_merged(record: Record) -> bool:
    return record.kind == "household" and bool(record.fields.get("merged_into"))


def _note_merged(db: sqlite_utils.Database, records: Sequence[Record]) -> None:
    """Keep where the id of a merged household leads to, so that it goes on resolving."""
    db.conn.executemany("DELETE FROM merged WHERE id = ?", [(record.id,) for record in records])
    db.conn.executemany(
        "INSERT INTO merged(id, area, into_id) VALUES (?, ?, ?)",
        [(r.id, r.area, rows.text_of(r.fields["merged_into"])) for r in records if _is_merged(r) and not r.deleted],
    )


def _upsert(table: str, columns: Sequence[str]) -> str:
    names = ", ".join(f"[{column}]" for column in columns)
    marks = ", ".join("?" * len(columns))
    key, *others = columns
    changes = ", ".join(f"[{column}] = excluded.[{column}]" for column in others)
    return (
        f"INSERT INTO [{table}] ({names}) VALUES ({marks}) "  # noqa: S608 - names of ours
        f"ON CONFLICT([{key}]) DO UPDATE SET {changes}"
    )


def _unsettle(db: sqlite_utils.Database, kind: str, records: Iterable[Record]) -> None:
    marks: list[tuple[str, str]] = []
    for record in records:
        if kind == "household" or kind == "submission":
            marks.append((kind, record.id))
        elif kind in ("member", "issue", "exemption", "pairing"):
            marks.append(("household", str(record.fields.get("household_id") or "")))
        elif kind == "visit":
            marks.append(("submission", str(record.fields.get("submission_id") or "")))
    db.conn.executemany("INSERT OR IGNORE INTO unsettled(kind, id) VALUES (?, ?)", marks)


def _unsettle_previous(db: sqlite_utils.Database, table: str, ids: Sequence[str]) -> None:
    if not db.execute(f"SELECT EXISTS (SELECT 1 FROM [{table}])").fetchone()[0]:  # noqa: S608 - names of ours
        return
    kind, column = ("submission", "submission_id") if table == "visits" else ("household", "household_id")
    db.conn.executemany(
        f"INSERT OR IGNORE INTO unsettled(kind, id) SELECT '{kind}', [{column}] FROM [{table}] "  # noqa: S608
        f"WHERE id = ?",
        [(id,) for id in ids],
    )


def settle(db: sqlite_utils.Database) -> None:
    """Work out what depends on several records: search words, head counts, who made a submission."""
    db.execute(
        "UPDATE households SET "
        "people = (SELECT count(*) FROM members m WHERE m.household_id = households.id "
        "  AND m.state IN ('', 'active')), "
        "open_issues = (SELECT count(*) FROM issues i WHERE i.household_id = households.id "
        "  AND i.state <> 'closed') "
        "WHERE id IN (SELECT id FROM unsettled WHERE kind = 'household')"
    )
    db.execute(
        "UPDATE submissions SET (cadre, cadre_name) = (SELECT coalesce(max(v.cadre), sender), "
        "  coalesce(max(v.cadre_name), '') "
        "  FROM visits v WHERE v.submission_id = submissions.id AND v.cadre <> '') "
        "WHERE id IN (SELECT id FROM unsettled WHERE kind = 'submission')"
    )
    _index(db)
    db.execute("INSERT OR IGNORE INTO check_due SELECT id FROM unsettled WHERE kind = 'household' AND id <> ''")
    db.execute("UPDATE submissions SET reviewed = 0 WHERE reviewed = -1")  # its form may have come
    db.execute("DELETE FROM unsettled")


def _index(db: sqlite_utils.Database) -> None:
    found = db.execute(
        "SELECT h.n, h.head_name, h.\"group\", h.house_no, h.code || ' ' || h.other_codes, m.full_name, m.id_no "
        "FROM households h LEFT JOIN members m ON m.household_id = h.id "
        "WHERE h.id IN (SELECT id FROM unsettled WHERE kind = 'household') ORDER BY h.n"
    ).fetchall()
    entries = [search_entry(list(people)) for _n, people in groupby(found, key=lambda row: row[0])]
    db.conn.executemany("DELETE FROM household_search WHERE rowid = ?", [entry[:1] for entry in entries])
    db.conn.executemany(
        "INSERT INTO household_search(rowid, names, initials, tails, place, code) VALUES (?, ?, ?, ?, ?, ?)",
        entries,
    )


def search_entry(people: Sequence[tuple[Any, ...]]) -> tuple[int, str, str, str, str, str]:
    """What one household is found by, from its rows (n, head, group, house number, code, member, ID number)."""
    n, head, group, house_no, code = people[0][:5]
    names = sorted({name for name in (head, *(row[5] for row in people)) if name})
    ids = sorted({row[6] for row in people if row[6]})
    return (
        n,
        f" {_BETWEEN} ".join(" ".join(tokens(name)) for name in names),
        " ".join(sorted({way for name in names for way in initials(name)})),
        " ".join("".join(tokens(id_no))[::-1] for id_no in ids),
        f" {_BETWEEN} ".join(" ".join(tokens(arabic(part))) for part in (group, house_no) if part),
        " ".join(tokens(code)),
    )


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


def _kind(record: Record) -> str:
    return record.kind


def _remember(db: sqlite_utils.Database, **values: str) -> None:
    db.conn.executemany(
        "INSERT INTO meta(name, value) VALUES (?, ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value",
        list(values.items()),
    )
