"""A second pair of hands while read tables are made from nothing: a process that takes in the later part of the log meanwhile.

Its part goes into a file of its own, which the writer then copies, at a
quarter of what taking in costs. After that it works out what households are
found by, while the writer makes the indexes. Whatever it does not manage the
writer does alone: it can die or hang at any moment.

    python -m app.tables.hands

JSON in lines. In: what to work on, {"folder", "database", "tables"} → {"ready"}, then
{"part", "after", "upto"} → {"taken", "erased", "areas_gone"} and {"entries"} → lists of entries, the last one empty.
"""

from __future__ import annotations

import os
import queue
import sqlite3
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
from sqlite_utils import Database

from app.tables import rows, schema, settling, taking
from app.tables.follow import CACHE_KB, Part, Source, is_erased, note_senders, pages
from app.tables.line_child import LineChild
from sync.store.sqlite_history import look_on

PATIENCE = 30.0
"""Seconds for one answer. Longer than the writer is ever ahead, shorter than its own silence may last."""
ENTRIES_AT_ONCE = 250
LINES_AHEAD = 200
_json = msgspec.json.Encoder()
_entries: msgspec.json.Decoder[list[settling.Entry]] = msgspec.json.Decoder(list[settling.Entry])
_part: msgspec.json.Decoder[Part] = msgspec.json.Decoder(Part)


class Hands:
    """The process, from the writer's side; close it. Its answers are missing once it has died or is late."""

    def __init__(self, folder: Path, database: str, tables: Path, *, seconds: float = PATIENCE,
                 command: Sequence[str] = (sys.executable, "-m", "app.tables.hands")) -> None:
        self._seconds = seconds
        self._ready = self._late = False
        self._child = LineChild(command)
        self._ask({"folder": str(folder), "database": database, "tables": str(tables)})

    def are_ready(self) -> bool:
        """Whether it has started, and was not late since; does not wait for it."""
        self._ready = self._ready or self._child.answer(time.monotonic()) is not None
        return self._ready and not self._late

    def begin_part(self, path: Path, after: int, upto: int) -> None:
        """Take in what changed after that place and up to the other, into a file at that path."""
        self._ask({"part": str(path), "after": after, "upto": upto})

    def part(self) -> Part | None:
        """What was taken in, when all of it is."""
        line = self._child.answer(time.monotonic() + self._seconds)
        self._late = line is None  # its answer may come yet, where another is expected
        return _part.decode(line) if line else None

    def begin_entries(self) -> None:
        """Work out what all households of the tables, as they are committed, are found by."""
        self._ask({"entries": True})

    def entries(self) -> Iterator[list[settling.Entry]]:
        """In the order of n; they may break off."""
        while line := self._child.answer(time.monotonic() + self._seconds):
            found = _entries.decode(line)
            if not found:
                return
            yield found

    def close(self) -> None:
        self._child.end()

    def _ask(self, what: dict[str, Any]) -> None:
        self._child.ask(_json.encode(what), time.monotonic() + self._seconds)


def store_to_look_at(folder: Path, database: str) -> Any:
    """What another process than the server has of the store."""
    if database:
        from sync.store.postgres import PostgresStore  # not loaded on a village box

        return PostgresStore(database, connections=2)
    from sync.store.sqlite_looking import SqliteLooking

    return SqliteLooking(folder)


def take_part(store: Source, path: Path, after: int, upto: int) -> Part:
    """Into a file that is thrown away if anything breaks off, so it needs no journal."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for setting in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{CACHE_KB}"):
            connection.execute(f"PRAGMA {setting}")
        db = Database(connection)
        connection.execute("BEGIN")
        schema.create(db)
        part = Part(0, [], [])
        for page in pages(store, after, upto):
            came = taking.take(db, page.records, marking=False)
            note_senders(db, store, [row[0] for row in came])
            part.taken += len(page.records)
            part.erased += [(one.kind, one.id, one.area) for one in page.records if is_erased(one)]
            part.areas_gone += [rows.area_key(one) for one in page.records if one.kind == "area" and one.deleted]
        connection.execute("COMMIT")
    return part


def main() -> None:
    heard: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(heard,), daemon=True).start()
    work = heard.get()
    store = store_to_look_at(Path(work["folder"]), work["database"])
    _tell([b'{"ready":true}'])
    while True:
        asked = heard.get()
        if "part" in asked:
            _tell([_json.encode(take_part(store, Path(asked["part"]), asked["after"], asked["upto"]))])
        else:
            with closing(look_on(Path(work["tables"]))) as looked:
                _tell(_ahead(map(_json.encode, settling.entries_of_all(looked, ENTRIES_AT_ONCE))))


def _listen(heard: queue.SimpleQueue[dict[str, Any]]) -> None:
    for line in sys.stdin.buffer:
        heard.put(msgspec.json.decode(line))
    os._exit(0)  # nobody is there any more: what is half done is of no use


def _ahead(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The same lines; while nobody reads them the next are made, up to a measure: a pipe holds but a few."""
    made: queue.Queue[bytes | None] = queue.Queue(LINES_AHEAD)

    def make() -> None:
        try:
            for line in lines:
                made.put(line)
        finally:
            made.put(None)

    threading.Thread(target=make, daemon=True).start()
    while (line := made.get()) is not None:
        yield line
    yield b"[]"


def _tell(lines: Iterable[bytes]) -> None:
    try:
        for line in lines:
            sys.stdout.buffer.write(line + b"\n")
            sys.stdout.buffer.flush()
    except BrokenPipeError:  # nobody is there to hear it
        os._exit(0)


if __name__ == "__main__":
    main()
