"""What an import is going to do and has done, in one small SQLite file beside the roster.

Written by the worker that compares, read by the pages, worked off by the run:
every planned op is marked when the store has it, and again when it was undone.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from app.roster.cells import ASK, ERROR, Finding
from app.roster.compare import Line, Planned

FILE = "plan.db"
OPEN, DONE, UNDONE, KEPT = 0, 1, 2, 3
"""State of a planned op: to do, in the store, taken back, and left as it is because somebody changed it since."""
BUFFER = 2_000

Place = tuple[str, int]
"""(entity, number) of an op, in the order in which they are made."""
BEGINNING: Place = ("household", 0)
# One entity a question: asked for both at once, SQLite sorts everything that is left for every piece.
_IN_ORDER = "WHERE state = ? AND entity = ?"
_BY_STATE = "INDEXED BY op_state"

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE line (n INTEGER PRIMARY KEY, severity TEXT, cells TEXT, findings TEXT, ask TEXT);
CREATE TABLE op (n INTEGER PRIMARY KEY, kind TEXT, entity TEXT, state INTEGER DEFAULT 0, why TEXT DEFAULT '');
CREATE TABLE what (n INTEGER PRIMARY KEY, line INTEGER, id TEXT, area TEXT, base_rev INTEGER, fields TEXT);
"""
# Marking an op writes its row anew: what the op says lies apart, or every piece would write all of it to disk again.
_AFTERWARDS = """
CREATE INDEX op_state ON op(state, entity, n);
CREATE INDEX line_severity ON line(severity, n);
"""


_json = msgspec.json.Encoder()
_fields = msgspec.json.Decoder(dict[str, tuple[str | None, str]]).decode


class Noted(NamedTuple):
    """A line with its findings, as it is kept."""

    number: int
    severity: str
    cells: list[str]
    findings: list[Finding]


@dataclass(frozen=True)
class PlannedOp:
    n: int
    line: int
    kind: str
    entity: str
    id: str
    area: str
    base_rev: int
    fields: dict[str, tuple[str | None, str]]
    state: int = OPEN
    why: str = ""

    @property
    def place(self) -> Place:
        return self.entity, self.n


class Writer:
    """Writes a plan anew; it can be read once `close` was called."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._part = folder / f"{FILE}.part"
        self._part.unlink(missing_ok=True)
        self._db = sqlite3.connect(self._part)
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.executescript(_SCHEMA)
        self._count = 0
        self._ops: list[tuple[Any, ...]] = []
        self._whats: list[tuple[Any, ...]] = []
        self._lines: list[tuple[Any, ...]] = []

    def plan(self, op: Planned) -> None:
        fields = _json.encode(op.fields).decode()
        self._count += 1
        self._ops.append((self._count, op.kind, op.entity))
        self._whats.append((self._count, op.line, op.id, op.area, op.base_rev, fields))
        if len(self._ops) >= BUFFER:
            self._flush()

    def say(self, line: Line) -> None:
        severities = {one.severity for one in line.findings}
        severity = ERROR if ERROR in severities else ASK if ASK in severities else "warning"
        ask = next((one.values["first"] for one in line.findings if one.severity == ASK), "")
        cells = _json.encode(line.cells).decode()
        findings = _json.encode([(*one[:3], dict(one.values)) for one in line.findings]).decode()
        self._lines.append((line.number, severity, cells, findings, ask))

    def close(self, meta: Mapping[str, Any]) -> None:
        self._flush()
        self._db.executemany("INSERT INTO meta VALUES (?, ?)", [(name, json.dumps(v)) for name, v in meta.items()])
        self._db.executescript(_AFTERWARDS)
        self._db.commit()
        self._db.close()
        self._part.replace(self.path)

    def _flush(self) -> None:
        self._db.executemany("INSERT INTO op (n, kind, entity) VALUES (?, ?, ?)", self._ops)
        self._db.executemany("INSERT INTO what VALUES (?, ?, ?, ?, ?, ?)", self._whats)
        self._db.executemany("INSERT OR REPLACE INTO line VALUES (?, ?, ?, ?, ?)", self._lines)
        self._ops.clear()
        self._whats.clear()
        self._lines.clear()


class Plan:
    """A plan that is there. Opens its file for each question: pages ask seldom, and from any thread."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE

    def meta(self) -> dict[str, Any]:
        return {name: json.loads(value) for name, value in self._all("SELECT name, value FROM meta")}

    def counted(self) -> dict[int, int]:
        """How many ops are in each state."""
        return dict(self._all("SELECT state, count(*) FROM op GROUP BY state"))

    def lines(self, severity: str = "", limit: int = -1, offset: int = 0) -> list[Noted]:
        where = "WHERE severity = ?" if severity else ""
        sql = f"SELECT n, severity, cells, findings FROM line {where} ORDER BY n LIMIT ? OFFSET ?"  # noqa: S608
        return [_noted(row) for row in self._all(sql, *([severity] if severity else []), limit, offset)]

    def each_line(self) -> Iterator[Noted]:
        with closing(self._open()) as db:
            for row in db.execute("SELECT n, severity, cells, findings FROM line ORDER BY n"):
                yield _noted(row)

    def severities(self) -> dict[str, int]:
        return dict(self._all("SELECT severity, count(*) FROM line GROUP BY severity"))

    def asked(self) -> list[Noted]:
        """The first line of every household that a person has to decide about."""
        rows = self._all("SELECT min(n), severity, cells, findings FROM line WHERE ask <> '' GROUP BY ask ORDER BY 1")
        return [_noted(row) for row in rows]

    def sample(self, kind: str, entity: str, limit: int) -> list[PlannedOp]:
        return self._ops("WHERE kind = ? AND entity = ? ORDER BY n LIMIT ?", kind, entity, limit)

    def left(self, state: int, limit: int, after: Place = BEGINNING) -> list[PlannedOp]:
        """The next ops in that state, households before their members; after: those behind this one only."""
        entity, n = after
        found = []
        if entity == "household":
            found = self._ops(f"{_IN_ORDER} AND n > ? ORDER BY n LIMIT ?", state, "household", n, limit, by=_BY_STATE)
        if len(found) < limit:
            n = n if entity == "member" else 0
            found += self._ops(f"{_IN_ORDER} AND n > ? ORDER BY n LIMIT ?", state, "member", n, limit - len(found), by=_BY_STATE)
        return found

    def some(self, numbers: Sequence[int]) -> list[PlannedOp]:
        """Ops by number, in the order of the numbers."""
        found = {one.n: one for one in self._ops("WHERE n BETWEEN ? AND ?", min(numbers), max(numbers))}
        return [found[n] for n in numbers]

    def left_backwards(self, limit: int) -> list[PlannedOp]:
        """What is done and may be undone, members before their households."""
        found = self._ops(f"{_IN_ORDER} ORDER BY n DESC LIMIT ?", DONE, "member", limit, by=_BY_STATE)
        if len(found) < limit:
            found += self._ops(f"{_IN_ORDER} ORDER BY n DESC LIMIT ?", DONE, "household", limit - len(found), by=_BY_STATE)
        return found

    def made(self) -> set[str]:
        """Ids of the records this import made."""
        return {row[0] for row in self._all(f"SELECT id FROM op {self._what} WHERE kind = 'create'")}  # noqa: S608

    def kept(self, limit: int) -> list[PlannedOp]:
        return self._ops(f"WHERE state = {KEPT} ORDER BY n LIMIT ?", limit)

    def mark(self, marks: Iterable[tuple[int, int, str]]) -> None:
        """(op number, state, why) for each, in one commit on disk."""
        alike: dict[tuple[int, str], list[int]] = {}
        for n, state, why in marks:
            alike.setdefault((state, why), []).append(n)
        with closing(self._open()) as db, db:
            db.execute("PRAGMA synchronous = FULL")
            for said, numbers in alike.items():
                sql = "UPDATE op SET state = ?, why = ? WHERE n IN (SELECT value FROM json_each(?))"
                db.execute(sql, (*said, _json.encode(numbers).decode()))

    def _ops(self, where: str, *values: Any, by: str = "") -> list[PlannedOp]:
        names = "n, line, kind, entity, id, area, base_rev, fields, state, why"
        rows = self._all(f"SELECT {names} FROM op {by} {self._what} {where}", *values)  # noqa: S608 - texts of ours
        return [PlannedOp(*row[:7], _fields(row[7]), *row[8:]) for row in rows]

    @cached_property
    def _what(self) -> str:
        """What the ops say. In a plan of an earlier version it stands in their own rows."""
        apart = self._all("SELECT 1 FROM sqlite_master WHERE name = 'what'")
        return "CROSS JOIN what USING (n)" if apart else ""

    def _all(self, sql: str, *values: Any) -> list[Any]:
        with closing(self._open()) as db:
            return db.execute(sql, values).fetchall()

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=15)


def _noted(row: Sequence[Any]) -> Noted:
    number, severity, cells, findings = row
    return Noted(number, severity, json.loads(cells), [Finding(*one) for one in json.loads(findings)])
