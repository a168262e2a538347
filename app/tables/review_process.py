"""The second look at submissions, and the checks over households, in a process of its own: taking visits in waits for neither.

The child reads the store and the read tables and writes nothing; it runs at
low priority, is started when there is something to look at and ended when
there has been nothing for a while. A submission that it cannot manage in time
is told to be unreadable, and the next one meets a new child.

    python -m app.tables.review_process STORE READ_TABLES

One line of JSON in, one out: {"row", "form", "definition"} → {"problems", "differences", "checks"};
{"households", "now", "limits"} → {"lines"}.
"""

from __future__ import annotations

import json
import os
import select
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlite_utils import Database

from app.checks import amounts
from app.config import ROOT
from app.tables.checks import NICE, Line, look_at
from app.tables.review import UNREADABLE, Findings, FormReviewer, Shelf
from app.tables.seen import History
from forms.definition import Form
from forms.isolated import end
from sync.store.opening import is_database
from sync.store.sqlite_history import SqliteHistory

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
        self._child: subprocess.Popen[bytes] | None = None
        self._told: set[tuple[str, str]] = set()
        self._used = 0.0

    def __call__(self, row: Mapping[str, Any]) -> Findings | None:
        named = (row["form_id"], row["form_version"])
        form = self._forms.get(*named)
        if form is None:
            return None
        until = time.monotonic() + self._seconds
        for _ in range(2):  # a second child, should the first have died of something else
            answer = self._ask(row, named, form, until)
            if answer is not None:
                return Findings(answer["problems"], answer["differences"], answer.get("checks", []))
        return Findings([UNREADABLE])

    def _ask(self, row: Mapping[str, Any], named: tuple[str, str], form: Form, until: float) -> dict[str, Any] | None:
        child = self._child or self._start()
        # A definition goes to a child once: it is larger than the answers.
        definition = None if named in self._told else form.definition
        self._told.add(named)
        asked = {"row": {name: row.get(name, "") for name in _ASKED}, "form": named, "definition": definition}
        return self._told_by(child, asked, until)

    def look_at(self, ids: Sequence[str], now: datetime, defaults: Mapping[str, str]) -> list[Line] | None:
        """What the checks find of these households (`app.tables.checks.look_at`); None when the child could not do it."""
        asked = {"households": list(ids), "now": now.isoformat(), "limits": dict(defaults)}
        answer = self._told_by(self._child or self._start(), asked, time.monotonic() + self._seconds)
        return None if answer is None else [tuple(line) for line in answer["lines"]]

    def _told_by(self, child: subprocess.Popen[bytes], asked: dict[str, Any], until: float) -> dict[str, Any] | None:
        line = _exchanged(child, json.dumps(asked).encode() + b"\n", until)
        self._used = time.monotonic()
        if line is None:
            self.close()
            return None
        answer: dict[str, Any] = json.loads(line)
        return answer

    def rest(self) -> None:
        """There was nothing to do: an office PC gets the memory back after a while."""
        if self._child and time.monotonic() - self._used > IDLE_SECONDS:
            self.close()

    def _start(self) -> subprocess.Popen[bytes]:
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        self._child = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C is for the server, which ends the child when it is done with it
        )  # fmt: skip
        return self._child

    def close(self) -> None:
        child, self._child = self._child, None
        self._told.clear()
        if child:
            end(child)


def _exchanged(child: subprocess.Popen[bytes], line: bytes, until: float) -> bytes | None:
    """The child's line; None when it ended, or it is late."""
    assert child.stdin and child.stdout
    try:
        child.stdin.write(line)
        child.stdin.flush()
    except OSError:
        return None
    got, out = b"", child.stdout.fileno()
    while not got.endswith(b"\n"):
        ready, _, _ = select.select([out], [], [], max(0.0, until - time.monotonic()))
        part = os.read(out, 1 << 16) if ready else b""
        if not part:
            return None
        got += part
    return got


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
    known = _Known()
    looking = _Looking(tables)
    reviewer = FormReviewer(looking, _history(store), known, amounts())
    for line in sys.stdin.buffer:
        asked = json.loads(line)
        if "households" in asked:
            moment = datetime.fromisoformat(asked["now"])
            told: dict[str, Any] = {"lines": look_at(looking.reading().conn, asked["households"], moment, asked["limits"])}
        else:
            if asked["definition"] is not None:
                known.forms[tuple(asked["form"])] = Form(asked["definition"], [])
            found = reviewer(asked["row"]) or Findings([UNREADABLE])
            told = {"problems": found.problems, "differences": found.differences, "checks": found.checks}
        sys.stdout.buffer.write(json.dumps(told).encode() + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
