"""A merger of villages (并村) taken back: who goes home, and who stays because somebody changed something since. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.merging import FORM_ID as TWO_BECAME_ONE
from app.steps import Step, moved, moved_back, text
from sync.conflict import plain
from sync.records import Change, Record

MERGED, PARTED = "areas_merge", "areas_part"
"""Stand in form_id of every op of a merger and of its undoing, with the merger's id as version."""
WIDE = frozenset({"area", "user", "small_area"})
"""Kinds a merger changes wherever they lie."""
_SETTLED = frozenset({"area", "group", "merged_into"})
"""Of a household: who changes one of these has decided where it belongs."""

Told = tuple[Record, Sequence[Change]]


@dataclass(frozen=True)
class Parting:
    """steps: what brings everything home. homes: how many households go. stay: (record, why) of what was changed since."""

    steps: tuple[Step, ...]
    homes: int
    stay: tuple[tuple[Record, str], ...]


def merger_of(history: Sequence[Change]) -> str:
    """The id of the merger that closed a village, from the history of its area; '' for none that stands."""
    last = next((change.op for change in reversed(history) if change.op.form_id in (MERGED, PARTED)), None)
    return str(last.form_version) if last and last.form_id == MERGED else ""


def touched_by(merger: str, history: Iterable[Change]) -> bool:
    return any(change.op.form_id == MERGED and change.op.form_version == merger for change in history)


def parted(merger: str, told: Sequence[Told]) -> Parting:
    """What takes the merger back.

    told: every record that lies in the village now and those of the `WIDE` kinds, each with its history. What belongs
    to a household goes with it, also what was written since; a household that was there before stays where it is.
    """
    ours = [(record, history) for record, history in told if touched_by(merger, history)]
    stay: list[tuple[Record, str]] = []
    targets: dict[str, str] = {}
    steps: list[Step] = []
    for record, history in ours:
        if record.kind != "household":
            continue
        why = _changed_since(merger, history)
        if why:
            stay.append((record, why))
        elif (to := _came_from(merger, record, history)) and to != record.area:
            targets[record.id] = to
            steps += _back(merger, record, history)
    staying = {record.id for record, _history in told if record.kind == "household"} - set(targets)
    for record, _history in told:
        home = text(record.fields, "household_id")
        if record.kind != "household" and home in targets:
            steps += moved(record, targets[home])
    people: list[Step] = []
    closed: list[Step] = []
    for record, history in ours:
        home = text(record.fields, "household_id")
        if record.kind == "household" or home in targets or home in staying:
            continue
        if record.kind in WIDE and not _still(merger, record, history):
            stay.append((record, "changed"))
            continue
        found = _back(merger, record, history)
        (people if record.kind == "user" else closed if record.kind == "area" else steps).extend(found)
    # Whoever works there has the place before its households are back; the place is open again when all is done.
    return Parting((*people, *steps, *closed), sum(not record.deleted for record, _h in ours if record.id in targets), tuple(stay))


def _changed_since(merger: str, history: Sequence[Change]) -> str:
    """Why a household stays: 'gone', 'merged' or 'changed'; '' when it may go."""
    last = max(at for at, change in enumerate(history) if _of(merger, change))
    for change in history[last + 1 :]:
        op = change.op
        if op.form_id == PARTED:
            continue
        if op.kind == "void":
            return "gone"
        if op.form_id == TWO_BECAME_ONE:
            return "merged"
        if _SETTLED & set(op.fields):
            return "changed"
    return ""


def _of(merger: str, change: Change) -> bool:
    return change.op.form_id == MERGED and change.op.form_version == merger


def _came_from(merger: str, record: Record, history: Sequence[Change]) -> str:
    """Where the merger found it, as long as it lies where the merger put it; else ''."""
    for change in reversed(history):
        if _of(merger, change) and change.op.kind == "move" and plain(change.op.fields["area"].new) == record.area:
            return str(plain(change.op.fields["area"].old))
    return ""


def _still(merger: str, record: Record, history: Sequence[Change]) -> bool:
    """Whether everything the merger wrote into it stands as it wrote it."""
    last: dict[str, Any] = {}
    for change in history:
        if _of(merger, change) and change.op.kind == "update":
            last |= {name: plain(said.new) for name, said in change.op.fields.items()}
    return not record.deleted and all((plain(record.fields.get(name)) or "") == (value or "") for name, value in last.items())


def _back(merger: str, record: Record, history: Sequence[Change]) -> list[Step]:
    """The merger's ops on one record turned round, the last first."""
    steps: list[Step] = []
    area = record.area
    for change in reversed(history):
        op = change.op
        if not _of(merger, change):
            continue
        if op.kind == "move":
            if back := moved_back(record, area, op):
                steps.append(back)
                area = back.fields["area"][1]
        elif op.kind == "update" and not record.deleted:
            fields = _turned(record.fields, op.fields)
            if fields:
                steps.append(Step("update", record.kind, record.id, area, record.rev, fields))
    return steps


def _turned(now: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    pairs = {name: (plain(change.new), plain(change.old)) for name, change in said.items()}
    return {name: (new, "" if old is None else old) for name, (new, old) in pairs.items()
            if (plain(now.get(name)) or "") == (new or "") and new != old}  # fmt: skip
