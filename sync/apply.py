"""One op and the record as it is → what the op does. Pure; the store writes it down."""

from __future__ import annotations

import re
import uuid
from typing import Any

import msgspec

from sync.conflict import merge, plain
from sync.erasing import ERASE, erased_record, is_erased
from sync.records import APPLIED, CONFLICT, HELD, MOVE, QUARANTINED, Op, Record

# Documents: made once, never merged into by a second create.
DOCUMENTS = frozenset({"submission"})
# Said once: whoever comes second finds it said, which is no error.
FIRST_WINS = frozenset({"decision"})
KEPT_BOTH = "kept_both"
"""The code of an op that lost a merge."""
_PLACE = re.compile("[0-9]{2,20}")
_CONFLICT_IDS = uuid.UUID("0c1f1c0e-3d0a-5c77-9a2e-7275687500c1")


class Effect(msgspec.Struct, frozen=True, gc=False):
    """record: the new state, with the rev and seq of the old, or None when nothing is there still.

    changed: whether record differs from what was there. conflicts: records of
    kind conflict to keep beside it.
    """

    status: str
    record: Record | None
    changed: bool = False
    conflicts: tuple[Record, ...] = ()
    code: str = ""


def effect_of(op: Op, current: Record | None) -> Effect:
    """What a checked op does to the record it names. Order and rights are settled before.

    A create meeting a record, and an update, merge field by field. What cannot
    be set because the head moved, or because the record was voided, becomes a
    conflict record; nothing is dropped.
    """
    if op.kind == ERASE:
        return _erase(op, current)
    if is_erased(current):
        return Effect(QUARANTINED, current, code="erased")
    if op.kind == "create":
        return _create(op, current)
    if op.kind == "update":
        return _update(op, current)
    if op.kind == "void":
        return _void(op, current)
    if op.kind == MOVE:
        return _move(op, current)
    return Effect(QUARANTINED, current, code="unknown_kind")


def _create(op: Op, current: Record | None) -> Effect:
    if current is None:
        day = local_date(op.device_time)
        # `plain`, spelled out: nearly every op makes a record, of dozens of fields.
        fields = {name: "" if (new := change.new) is None else new for name, change in op.fields.items()}
        record = Record(kind=op.entity, id=op.id, area=op.area, rev=0, seq=0, fields=fields,
                        since=dict.fromkeys(fields, day))
        return Effect(APPLIED, record, changed=True)
    if op.entity in FIRST_WINS:
        return Effect(APPLIED, current)
    if op.entity in DOCUMENTS:
        return Effect(QUARANTINED, current, code="already_exists")
    return _update(op, current)


def _update(op: Op, current: Record | None) -> Effect:
    if current is None:
        return Effect(HELD, None, code="waiting_for_record")
    if current.deleted:
        # No tombstone rises without a person: the edit is kept beside it.
        names = tuple(op.fields)
        return Effect(CONFLICT, current, False, (conflict_record(op, current, names),), KEPT_BOTH)
    merged = merge(current.fields, op.fields)
    day = local_date(op.device_time)
    since = current.since | dict.fromkeys((*merged.set, *merged.same), day)
    changed = bool(merged.set) or since != current.since
    record = msgspec.structs.replace(current, fields=current.fields | merged.set, since=since) \
        if changed else current
    if merged.conflicts:
        conflicts = tuple(conflict_record(op, current, names) for names in merged.conflicts)
        return Effect(CONFLICT, record, changed, conflicts, KEPT_BOTH)
    return Effect(APPLIED, record, changed)


def _void(op: Op, current: Record | None) -> Effect:
    """A void lists the fields as the person saw them (old equals new), and may set a reason."""
    if current is None:
        return Effect(HELD, None, code="waiting_for_record")
    if current.deleted:
        return Effect(APPLIED, current)
    stale = tuple(name for name, change in op.fields.items()
                  if plain(current.fields.get(name)) not in (plain(change.old), plain(change.new)))
    if stale:
        # Delete against edit: the edit stays until a person decides.
        return Effect(CONFLICT, current, False, (conflict_record(op, current, stale),), KEPT_BOTH)
    reasons = {name: plain(change.new) for name, change in op.fields.items()}
    return Effect(APPLIED, msgspec.structs.replace(current, deleted=True, fields=current.fields | reasons), True)


def _move(op: Op, current: Record | None) -> Effect:
    """The record lies in another place from now on. Everything else of it stays, tombstones move as well."""
    if current is None:
        return Effect(HELD, None, code="waiting_for_record")
    change = op.fields.get("area")
    to = plain(change.new) if change else None
    if change is None or not isinstance(to, str) or not _PLACE.fullmatch(to):
        return Effect(QUARANTINED, current, code="bad_op")
    if current.area == to:
        return Effect(APPLIED, current)
    if current.area != plain(change.old):
        return Effect(CONFLICT, current, False, (conflict_record(op, current, ("area",)),), KEPT_BOTH)
    return Effect(APPLIED, msgspec.structs.replace(current, area=to), True)


def _erase(op: Op, current: Record | None) -> Effect:
    """The values go and never come back; a record that is not here yet is erased before it comes."""
    if is_erased(current):
        return Effect(APPLIED, current)
    return Effect(APPLIED, erased_record(op, current), True)


def disputed(op: Op, current: Record | None) -> Effect:
    """What an op does that one person took up and another had turned down: both stay, for a person to settle."""
    if current is None or is_erased(current):
        return Effect(QUARANTINED, current, code="turned_down")
    return Effect(CONFLICT, current, False, (conflict_record(op, current, tuple(op.fields)),), KEPT_BOTH)


def conflict_record(op: Op, current: Record, names: tuple[str, ...]) -> Record:
    """The open question for a person: what stays (ours) and what the op wanted (theirs).

    Its id follows from the op and the first field, so that node and centre,
    each finding the same conflict, make the same record.
    """
    fields: dict[str, Any] = {
        "entity": op.entity,
        "id": op.id,
        "op_kind": op.kind,
        "fields": list(names),
        "base": {name: plain(op.fields[name].old) for name in names},
        "ours": {name: plain(current.fields.get(name)) for name in names},
        "theirs": {name: plain(op.fields[name].new) for name in names},
        "op_id": op.op_id,
        "actor": op.actor,
        "device_time": op.device_time,
        "submission": plain(op.submission),
        "state": "open",
    }
    record_id = conflict_id(op.op_id, names[0] if names else "")
    return Record(kind="conflict", id=record_id, area=current.area, rev=0, seq=0, fields=fields, since={})


def conflict_id(op_id: str, first_field: str) -> str:
    """The id of the conflict record about an op's fields that begin with this one."""
    return str(uuid.uuid5(_CONFLICT_IDS, f"{op_id}/{first_field}"))


def local_date(device_time: str) -> str:
    """The calendar day where the device was, of RFC 3339 text with its offset."""
    return device_time[:10]
