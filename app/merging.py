"""Two records of one household become one, by a person's word, and can be parted again. Pure.

The one that goes keeps its record, its history and its code: it only says
into which it was merged. So nothing has to rise from the dead to undo it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.steps import Step, moved_back
from app.steps import text as _text
from forms.register import FIELDS
from sync.conflict import plain
from sync.records import Change, Record

FORM_ID = "merge"
"""Stands in form_id of every op of a merge, with the merge's id as version: that is how it is found again."""
NOT_CHOSEN = frozenset({"code", "other_codes", "merged_into", "last_visit", "split_from"})
_GONE_WITH_IT = ("member", "visit", "issue", "pairing", "event", "exemption")


def differing(kept: Mapping[str, Any], gone: Mapping[str, Any]) -> list[str]:
    """The fields in which the two say something different; one that is empty on one side is no question."""
    names = [field.name for field in FIELDS["household"] if field.name not in NOT_CHOSEN]
    return [name for name in names if _text(kept, name) and _text(gone, name) and _text(kept, name) != _text(gone, name)]


def same_person(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """By number where both have one; else by name and a birth date that does not speak against it."""
    for name in ("id_no", "national_no"):
        if _text(one, name) and _text(other, name):
            return _text(one, name) == _text(other, name)
    born = {_text(one, "birth_date"), _text(other, "birth_date")} - {""}
    return bool(_text(one, "full_name")) and _text(one, "full_name") == _text(other, "full_name") and len(born) < 2


def steps_of_merge(
    kept: Record, gone: Record, chosen_from_gone: Iterable[str], belonging: Sequence[Record], stay: Iterable[str]
) -> list[Step]:
    """Everything a merge does.

    chosen_from_gone: fields whose value the other one knows better. belonging:
    members, visits, issues, pairings, events and exemptions of the one that goes. stay: ids of members that
    are people whom the kept household has already; they stay behind with it.
    """
    wanted, behind = set(chosen_from_gone), set(stay)
    fields: dict[str, tuple[Any, Any]] = {}
    for name in (field.name for field in FIELDS["household"] if field.name not in NOT_CHOSEN):
        here, there = _text(kept.fields, name), _text(gone.fields, name)
        if there and here != there and (not here or name in wanted):
            fields[name] = (here, there)
    visited = _text(kept.fields, "last_visit"), _text(gone.fields, "last_visit")
    if visited[1] > visited[0]:
        fields["last_visit"] = visited
    known = _text(kept.fields, "other_codes")
    codes = [code for code in (known, _text(gone.fields, "code"), _text(gone.fields, "other_codes")) if code]
    if codes:
        fields["other_codes"] = (known, " ".join(codes))
    steps = [Step("update", "household", kept.id, kept.area, kept.rev, fields)] if fields else []
    for record in belonging:
        if record.deleted or record.id in behind or record.kind not in _GONE_WITH_IT:
            continue
        moved = {"household_id": (_text(record.fields, "household_id"), kept.id)}
        if record.kind == "member" and _text(record.fields, "relation") == "01":
            moved["relation"] = ("01", "99")  # a household has one head; a person corrects what this one is to them
        steps.append(Step("update", record.kind, record.id, record.area, record.rev, moved))
        if record.area != kept.area:
            steps.append(Step("move", record.kind, record.id, record.area, record.rev, {"area": (record.area, kept.area)}))
    into = (_text(gone.fields, "merged_into"), kept.id)
    return [*steps, Step("update", "household", gone.id, gone.area, gone.rev, {"merged_into": into})]


def merge_of(history: Sequence[Change], kept_id: str) -> str:
    """The id of the merge that put a household into that one; '' when there was none."""
    for change in reversed(history):
        op = change.op
        if op.form_id == FORM_ID and "merged_into" in op.fields and plain(op.fields["merged_into"].new) == kept_id:
            return op.form_version or ""
    return ""


def steps_back(merge: str, records: Sequence[tuple[Record, Sequence[Change]]]) -> tuple[list[Step], list[tuple[Record, str]]]:
    """What parts them again, and (record, field) of what somebody changed since, which stays as it is."""
    steps: list[Step] = []
    left: list[tuple[Record, str]] = []
    for record, history in records:
        area = record.area
        for change in reversed(history):
            op = change.op
            if op.form_id != FORM_ID or op.form_version != merge:
                continue
            if op.kind == "move":
                if back := moved_back(record, area, op):
                    steps.append(back)
                    area = back.fields["area"][1]
                continue
            fields = {}
            for name, said in op.fields.items():
                if _text(record.fields, name) == (plain(said.new) or ""):
                    fields[name] = (plain(said.new), plain(said.old) or "")
                else:
                    left.append((record, name))
            if fields:
                steps.append(Step("update", record.kind, record.id, area, record.rev, fields))
    return steps, left
