"""The register as the author of a submission saw it, from the record as it stands and the ops since."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from sqlite_utils import Database

from app.tables.names import natural_key
from app.tables.rows import text_of as _text
from forms.register import FIELDS
from sync.records import Change, Op, Record

IN_EFFECT = ("applied", "conflict", "duplicate")
KINDS = ("household", "village", "member", "visit", "issue")
Row = dict[str, str]
_TABLES = {"member": "members", "visit": "visits", "issue": "issues"}
_BLANK = {kind: {field.name: "" for field in FIELDS[kind]} for kind in KINDS}
_LABEL = {"household": "head_name", "member": "full_name", "issue": "description", "village": "village_title"}


class Readable(Protocol):
    """Read tables to ask."""

    def reading(self) -> Database: ...


class History(Protocol):
    """What taking a record back needs of a Store."""

    def records(self, kind: str, ids: Sequence[str]) -> Mapping[str, Record]: ...
    def histories(self, kind: str, ids: Sequence[str], since: int = 0) -> Mapping[str, Sequence[Change]]: ...
    def ops_of_submissions(self, ids: Sequence[str]) -> Mapping[str, Sequence[Change]]: ...


def fields_before(current: Mapping[str, Any], history: Sequence[Change], seq: int) -> dict[str, str] | None:
    """A record's fields as they stood before that place in the log; None when it did not exist yet.

    Takes back, from the latest on, every value that was set since. So it also
    works where a record came from above and only its latest steps are here.
    """
    fields = {name: value if value.__class__ is str else _text(value) for name, value in current.items()}
    for change in reversed(history):
        if change.seq < seq:
            break
        if change.op.kind == "create" and change.status in IN_EFFECT:
            return None
        for name, step in change.op.fields.items():
            if fields.get(name, "") == _text(step.new):
                fields[name] = _text(step.old)
    return fields


def as_seen(fields: Mapping[str, str], ops: Iterable[Op]) -> dict[str, str]:
    """The fields as the form was opened with: where the submission's own ops say what they were, as they say."""
    seen = {name: _text(step.old) for op in ops if op.kind == "update" for name, step in op.fields.items()}
    return {**fields, **seen}


@dataclass(frozen=True)
class Asked:
    """A submission whose author's register is asked for.

    changes: its ops as the store keeps them; none on a node that got the submission from above, which then takes the
    register as it stands. village_id: of a form about a village.
    """

    household_id: str
    changes: Sequence[Change] = ()
    village_id: str = ""

    @property
    def seq(self) -> int:
        return self.changes[0].seq if self.changes else sys.maxsize

    def ops_about(self, kind: str, id: str) -> list[Op]:
        return [change.op for change in self.changes if change.op.entity == kind and change.op.id == id]


def register_seen(tables: Readable, store: History, asked: Asked) -> Mapping[str, list[Row]]:
    """The household, its active members, visits and issues as rows for the form, as the submission's author saw them."""
    return Register(tables, store, [asked]).seen(asked)


class Register:
    """The register that the authors of some submissions saw: read for all of them at once, and only the kinds somebody asks for.

    A household has years of visits, and hardly a form asks for them.
    """

    def __init__(self, tables: Readable, store: History, every: Sequence[Asked]) -> None:
        self._tables, self._store, self._every = tables, store, every
        self._since = min((one.seq for one in every), default=sys.maxsize)
        self._read: dict[str, _OfKind] = {}

    def seen(self, asked: Asked) -> Mapping[str, list[Row]]:
        return _Seen(self, asked)

    def rows(self, kind: str, asked: Asked) -> list[Row]:
        read = self._read.get(kind) or self._read_kind(kind)
        rows = []
        for id in read.ids.get(_whose(kind, asked), ()):
            record = read.records.get(id)
            before = fields_before(record.fields, read.histories.get(id, ()), asked.seq) if record else None
            if before is None:
                continue
            fields = as_seen(before, asked.ops_about(kind, id))
            rows.append(_BLANK[kind] | fields | {"name": id, "label": fields.get(_LABEL.get(kind, ""), "")})
        if kind == "member":
            rows = [row for row in rows if row["state"] in ("", "active")]
            rows.sort(key=lambda row: natural_key(row["line"]))
        return rows

    def _read_kind(self, kind: str) -> _OfKind:
        whose = sorted({_whose(kind, one) for one in self._every} - {""})
        ids = self._ids_below(_TABLES[kind], whose) if kind in _TABLES else {id: [id] for id in whose}
        every = [id for below in ids.values() for id in below]
        # Records first: what is changed between the two is then in the history, and taken back or left alone.
        records = self._store.records(kind, every)
        read = self._read[kind] = _OfKind(ids, records, self._store.histories(kind, every, self._since))
        return read

    def _ids_below(self, table: str, households: Sequence[str]) -> dict[str, list[str]]:
        sql = f"SELECT household_id, id FROM [{table}] WHERE household_id IN (SELECT value FROM json_each(?)) ORDER BY id"  # noqa: S608
        found: dict[str, list[str]] = {}
        for household, id in self._tables.reading().execute(sql, [json.dumps(households)]).fetchall():
            found.setdefault(household, []).append(id)
        return found


class _OfKind(NamedTuple):
    """ids: by household, or of the record itself."""

    ids: Mapping[str, Sequence[str]]
    records: Mapping[str, Record]
    histories: Mapping[str, Sequence[Change]]


class _Seen(Mapping[str, list[Row]]):
    """Rows by kind, made when they are first asked for."""

    def __init__(self, register: Register, asked: Asked) -> None:
        self._register, self._asked = register, asked
        self._rows: dict[str, list[Row]] = {}

    def __getitem__(self, kind: str) -> list[Row]:
        found = self._rows.get(kind)
        if found is None:
            if kind not in KINDS:
                raise KeyError(kind)
            found = self._rows[kind] = self._register.rows(kind, self._asked)
        return found

    def get(self, kind: str, default: Any = None) -> Any:
        """Asked for every list of a form."""
        return self[kind] if kind in KINDS else default

    def __iter__(self) -> Iterator[str]:
        return iter(KINDS)

    def __len__(self) -> int:
        return len(KINDS)


def _whose(kind: str, asked: Asked) -> str:
    return asked.village_id if kind == "village" else asked.household_id
