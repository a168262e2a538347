"""The second look at submissions, and the checks over households, in a process of its own: taking visits in waits for neither.

The child reads the store and the read tables and writes nothing; it runs at
low priority, is started when there is something to look at and ended when
there has been nothing for a while. A submission that it cannot manage in time
is told to be unreadable, and the next one meets a new child.

    python -m app.tables.review_process STORE READ_TABLES

JSON in lines: {"rows", "forms": [[id, version, definition], …]} → {"problems", "differences", "checks"} for each row,
as soon as it is known; {"households", "now", "limits"} → {"lines"}.
"""

from __future__ import annotations

import gc
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from sqlite_utils import Database

from app.checks import amounts
from app.tables.checks import NICE, Line, look_at
from app.tables.line_child import LineChild
from app.tables.review import UNREADABLE, Findings, FormReviewer, Shelf, Submission
from app.tables.seen import History
from forms.definition import Form
from sync.store.opening import is_database
from sync.store.sqlite_history import SqliteHistory

Named = tuple[str, str]
"""A form's id and version."""
_json = msgspec.json.Encoder()
YOUNG = 20_000
"""A filled form is a thousand objects that know each other: they are cleared away some dozens at a time."""
WORTH_TWO = 40
"""Visits from which on a second child is worth its memory."""
SECONDS = 30.0
IDLE_SECONDS = 60.0
_ASKED = ("id", "form_id", "form_version", "household_id", "area", "answers", "started", "ended", "sender", "reasons",
          "answers_digest")  # fmt: skip


class ReviewProcess:
    """A Reviewer whose work another process does. For one thread; close it.

    store: the database's URL, or the path of the store's file.
    """

    def __init__(self, store: str, tables: Path, forms: Shelf, *, seconds: float = SECONDS,
                 command: Sequence[str] | None = None) -> None:
        self._command = list(command or (sys.executable, "-m", "app.tables.review_process", store, str(tables)))
        self._forms, self._seconds = forms, seconds
        self._child: LineChild | None = None
        self._used = 0.0

    def __call__(self, row: Submission) -> Findings | None:
        return self.many([row])[0]

    def many(self, rows: Sequence[Submission]) -> list[Findings | None]:
        forms = {named: form for named in set(map(_named, rows)) if (form := self._forms.get(*named))}
        found = self._each([row for row in rows if _named(row) in forms], forms)
        return [next(found) if _named(row) in forms else None for row in rows]

    def _each(self, rows: Sequence[Submission], forms: Mapping[Named, Form]) -> Iterator[Findings]:
        """As many as one child manages; the next one has the rest."""
        done, died_at = 0, -1
        while done < len(rows):
            child = self._asked(rows[done:], forms)
            while done < len(rows):
                until = time.monotonic() + self._seconds
                answer = self._answer(child, until)
                if answer is None:
                    break
                yield Findings(answer["problems"], answer["differences"], answer.get("checks", []))
                done += 1
            else:
                return
            # A second child looks at it, should the first have died of something else.
            if time.monotonic() >= until or died_at == done:
                yield Findings([UNREADABLE])
                done += 1
            else:
                died_at = done

    def _asked(self, rows: Sequence[Submission], forms: Mapping[Named, Form]) -> LineChild:
        child = self._running()
        # A definition goes to a child once: it is larger than the answers.
        new = [(*named, form.definition) for named, form in forms.items() if named not in child.told]
        child.told |= set(forms)
        asked = {"rows": [{name: row.get(name, "") for name in _ASKED} for row in rows], "forms": new}
        child.ask(_json.encode(asked), time.monotonic() + self._seconds)
        return child

    def look_at(self, ids: Sequence[str], now: datetime, defaults: Mapping[str, str]) -> list[Line] | None:
        """What the checks find of these households (`app.tables.checks.look_at`); None when the child could not do it."""
        child, until = self._running(), time.monotonic() + self._seconds
        child.ask(_json.encode({"households": list(ids), "now": now.isoformat(), "limits": dict(defaults)}), until)
        answer = self._answer(child, until)
        return None if answer is None else [tuple(line) for line in answer["lines"]]

    def _answer(self, child: LineChild, until: float) -> dict[str, Any] | None:
        line = child.answer(until)
        self._used = time.monotonic()
        if line is None:
            self.close()
            return None
        answer: dict[str, Any] = msgspec.json.decode(line)
        return answer

    def rest(self) -> None:
        """There was nothing to do: an office PC gets the memory back after a while."""
        if self._child and time.monotonic() - self._used > IDLE_SECONDS:
            self.close()

    def _running(self) -> LineChild:
        self._child = self._child or LineChild(self._command)
        return self._child

    def close(self) -> None:
        child, self._child = self._child, None
        if child:
            child.end()


class ReviewProcesses:
    """Two of them, the second for when there are many: the backlog of an evening is looked at on both cores."""

    def __init__(self, make: Callable[[], ReviewProcess]) -> None:
        self._first, self._second = make(), make()
        self._beside = ThreadPoolExecutor(1, "ruhu-review")

    def many(self, rows: Sequence[Submission]) -> list[Findings | None]:
        if len(rows) < WORTH_TWO:
            return self._first.many(rows)
        # In turns: those of one phone are alike, and come together.
        there = self._beside.submit(self._second.many, rows[1::2])
        here = self._first.many(rows[::2])
        found: list[Findings | None] = [None] * len(rows)
        found[::2], found[1::2] = here, there.result()
        return found

    def look_at(self, ids: Sequence[str], now: datetime, defaults: Mapping[str, str]) -> list[Line] | None:
        return self._first.look_at(ids, now, defaults)

    def rest(self) -> None:
        self._first.rest()
        self._second.rest()

    def close(self) -> None:
        self._beside.shutdown()
        self._first.close()
        self._second.close()


def _named(row: Submission) -> Named:
    return row["form_id"], row["form_version"]


class _Looking:
    """The read tables, looked at only."""

    def __init__(self, path: str) -> None:
        connection = sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=15)
        self._db = Database(connection)

    def reading(self) -> Database:
        return self._db


class _Known:
    """The forms that were told."""

    def __init__(self) -> None:
        self.forms: dict[tuple[str, str], Form] = {}

    def get(self, form_id: str, version: str) -> Form | None:
        return self.forms.get((form_id, version))


def _history(store: str) -> History:
    if is_database(store):
        from sync.store.postgres import PostgresStore

        return PostgresStore(store, connections=1)
    return SqliteHistory.looking_on(Path(store))


def main(store: str, tables: str) -> None:
    os.nice(NICE)
    gc.set_threshold(YOUNG)
    known = _Known()
    looking = _Looking(tables)
    reviewer = FormReviewer(looking, _history(store), known, amounts())
    for line in sys.stdin.buffer:
        asked = msgspec.json.decode(line)
        if "households" in asked:
            moment = datetime.fromisoformat(asked["now"])
            _tell({"lines": look_at(looking.reading().conn, asked["households"], moment, asked["limits"])})
            continue
        for form_id, version, definition in asked["forms"]:
            known.forms[form_id, version] = Form(definition, [])
            gc.freeze()  # it stays: no reason to walk through it again and again
        for found in reviewer.many(asked["rows"]):
            told = found or Findings([UNREADABLE])
            _tell({"problems": told.problems, "differences": told.differences, "checks": told.checks})


def _tell(answer: dict[str, Any]) -> None:
    try:
        sys.stdout.buffer.write(_json.encode(answer) + b"\n")
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # nobody is there to hear it
        os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
