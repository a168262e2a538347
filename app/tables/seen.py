"""The register as the author of a submission saw it, from the record as it stands and the ops since."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from sqlite_utils import Database

from app.tables.names import natural_key
from app.tables.rows import text_of as _text
from forms.register import FIELDS
from sync.records import Change, Op, Record

IN_EFFECT = ("applied", "conflict", "duplicate")
_LABEL = {"household": "head_name", "member": "full_name", "issue": "description", "village": "village_title"}


class Readable(Protocol):
    """Read tables to ask."""

    def reading(self) -> Database: ...


class History(Protocol):
    """What taking a record back needs of a Store."""

    def records(self, kind: str, ids: Sequence[str]) -> Mapping[str, Record]: ...
    def histories(self, kind: str, ids: Sequence[str], since: int = 0) -> Mapping[str, Sequence[Change]]: ...
    def ops_of_submission(self, id: str) -> Sequence[Change]: ...


def fields_before(current: Mapping[str, Any], history: Sequence[Change], seq: int) -> dict[str, str] | None:
    """A record's fields as they stood before that place in the log; None when it did not exist yet.

    Takes back, from the latest on, every value that was set since. So it also
    works where a record came from above and only its latest steps are here.
    """
    fields = {name: _text(value) for name, value in current.items()}
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


def register_seen(
    tables: Readable, store: History, household_id: str, changes: Sequence[Change], village_id: str = ""
) -> dict[str, list[dict[str, str]]]:
    """The household, its active members, visits and issues as rows for the form, as the submission's author saw them.

    village_id: of a form about a village. changes: the submission's ops as the store keeps them; none on a node that
    got the submission from above, which then takes the register as it stands.
    """
    seq = changes[0].seq if changes else sys.maxsize
    ids = {"household": [household_id] if household_id else [], "village": [village_id] if village_id else []}
    for kind, table in (("member", "members"), ("visit", "visits"), ("issue", "issues")):
        sql = f"SELECT id FROM [{table}] WHERE household_id = ? AND household_id <> '' ORDER BY id"  # noqa: S608
        ids[kind] = [row[0] for row in tables.reading().execute(sql, [household_id]).fetchall()]
    found: dict[str, list[dict[str, str]]] = {}
    for kind, of_kind in ids.items():
        rows = []
        # Years of visits are asked for at once; hardly one of them was changed since.
        records, since = store.records(kind, of_kind), store.histories(kind, of_kind, seq)
        for id in of_kind:
            record = records.get(id)
            before = fields_before(record.fields, since.get(id, ()), seq) if record else None
            if before is None:
                continue
            own = [change.op for change in changes if change.op.entity == kind and change.op.id == id]
            fields = as_seen(before, own)
            label = fields.get(_LABEL.get(kind, ""), "")
            rows.append({name.name: "" for name in FIELDS[kind]} | fields | {"name": id, "label": label})
        found[kind] = rows
    found["member"] = sorted(
        (row for row in found["member"] if row["state"] in ("", "active")), key=lambda row: natural_key(row["line"])
    )
    return found
