"""Looking at submissions again, behind the receipt: what a phone may not send, and what it should have changed.

Nothing is refused or repaired here; a person decides. The register is taken
as it stood before the submission, so the outcome does not depend on when the
tables are built.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from app.tables.follow import Tables
from app.tables.names import natural_key
from forms.register import FIELDS
from sync.conflict import plain
from sync.records import Change, Op, Record

IN_EFFECT = ("applied", "conflict", "duplicate")
_LABEL = {"household": "head_name", "member": "full_name", "issue": "description"}
REGISTER = ("household", "member", "visit", "issue")
# The phone adds these to what the form says.
ADDED = frozenset({"last_visit", "household_id", "submission_id", "state"})


@dataclass(frozen=True)
class Findings:
    """What a person should look at: lists of {path, code, message: {zh, en}}, JSON-able."""

    problems: list[dict[str, Any]] = field(default_factory=list)
    differences: list[dict[str, Any]] = field(default_factory=list)


class RecordSource(Protocol):
    """What taking a record back needs of a Store."""

    def get(self, kind: str, id: str) -> Record | None: ...
    def history(self, kind: str, id: str) -> Sequence[Change]: ...


class Reviewer(Protocol):
    """Judges one submission; None when it cannot be judged yet (its form version is not here)."""

    def __call__(self, row: Mapping[str, Any]) -> Findings | None: ...


def review_some(tables: Tables, reviewer: Reviewer, limit: int) -> int:
    """Review submissions that have not been, oldest first; answers how many were."""
    with tables.writing() as db:
        waiting = list(db.query("SELECT * FROM submissions WHERE reviewed = 0 ORDER BY seq LIMIT ?", [limit]))
    done = 0
    for row in waiting:
        findings = reviewer(row)
        if findings is None:
            with tables.writing() as db:
                # Again when something new has come in, which may be the form.
                db.execute("UPDATE submissions SET reviewed = -1 WHERE id = ? AND seq = ?", [row["id"], row["seq"]])
            continue
        done += 1
        with tables.writing() as db:
            db.execute(
                "UPDATE submissions SET reviewed = 1, problems = ?, problem_count = ?, differences = ?, "
                "difference_count = ? WHERE id = ? AND seq = ?",
                [
                    *(_json(findings.problems), len(findings.problems)),
                    *(_json(findings.differences), len(findings.differences), row["id"], row["seq"]),
                ],
            )
    return done


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
    tables: Tables, store: RecordSource, household_id: str, changes: Sequence[Change]
) -> dict[str, list[dict[str, str]]]:
    """The household, its active members, visits and issues as rows for the form, as the submission's author saw them.

    changes: the submission's ops as the store keeps them; none on a node that
    got the submission from above, which then takes the register as it stands.
    """
    seq = changes[0].seq if changes else sys.maxsize
    ids = {"household": [household_id] if household_id else []}
    for kind, table in (("member", "members"), ("visit", "visits"), ("issue", "issues")):
        sql = f"SELECT id FROM [{table}] WHERE household_id = ? AND household_id <> '' ORDER BY id"  # noqa: S608
        ids[kind] = [row[0] for row in tables.reading().execute(sql, [household_id]).fetchall()]
    found: dict[str, list[dict[str, str]]] = {}
    for kind, of_kind in ids.items():
        rows = []
        for id in of_kind:
            record = store.get(kind, id)
            before = fields_before(record.fields, store.history(kind, id), seq) if record else None
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


def differences(derived: Iterable[Any], ops: Iterable[Op]) -> list[dict[str, Any]]:
    """Where the register changes that came differ from those the answers lead to.

    derived: changes with entity, id, kind and fields {name: {old, new}}.
    Confirmations are nobody's duty and are not compared.
    """
    expected = {(one.entity, one.id, name): new for one in derived for name, new in _changed(one.fields)}
    told = {
        (op.entity, op.id, name): new
        for op in ops
        if op.entity in REGISTER and op.entity != "visit"
        for name, new in _changed(op.fields)
    }
    found = []
    for entity, id, name in sorted({*expected, *told}):
        wanted, came = expected.get((entity, id, name)), told.get((entity, id, name))
        if wanted == came or (wanted is None and name in ADDED):
            continue
        code = "missing" if came is None else "unasked" if wanted is None else "other"
        found.append({"entity": entity, "id": id, "field": name, "code": code, "wanted": wanted, "came": came})
    return found


def _changed(fields: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """(name, new value) of every field that really changes."""
    for name, step in fields.items():
        old, new = (step["old"], step["new"]) if isinstance(step, Mapping) else (step.old, step.new)
        if _text(old) != _text(new):
            yield name, _text(new)


def _text(value: Any) -> str:
    value = plain(value)
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
