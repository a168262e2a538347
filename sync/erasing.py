"""Erasing by law: the values of a record go everywhere, its id, the hashes and the reason stay. Pure.

An erased record is a tombstone whose only field is the reason. The ops about
it become stubs, which keep who, when and the hash of what they said: so the
log has no gap, chains over hashes hold, and nobody can read the values.
"""

from __future__ import annotations

from typing import Any

import msgspec

from sync.conflict import plain
from sync.records import Op, Record

ERASE = "erase"
FIELD = "erased"
_KEPT = ("v", "op_id", "install_id", "dseq", "entity", "id", "kind", "area", "actor", "device_time")
_json = msgspec.json.Encoder()


def is_erased(record: Record | None) -> bool:
    return record is not None and record.deleted and FIELD in record.fields


def reason_of(op: Op) -> str:
    """Why, as the op that erases says it."""
    change = op.fields.get(FIELD)
    return str(plain(change.new)) if change else ""


def erased_record(op: Op, current: Record | None) -> Record:
    """What is left of the record after the op."""
    left = current or Record(kind=op.entity, id=op.id, area=op.area, rev=0, seq=0, fields={}, since={})
    return msgspec.structs.replace(left, fields={FIELD: reason_of(op)}, since={}, deleted=True)


def erased_conflict(conflict: Record) -> Record:
    """An open question about an erased record: closed, without the values it was about."""
    kept = {name: conflict.fields[name] for name in ("entity", "id", "op_id") if name in conflict.fields}
    return msgspec.structs.replace(conflict, fields=kept | {"state": "closed", FIELD: "1"}, since={}, deleted=True)


def stub_of(body: bytes, op: Op, hash: str, reason: str) -> bytes | None:
    """What is kept of an op's bytes; None for one that holds no values: an erasing op, or a stub already."""
    if op.kind == ERASE or is_stub(msgspec.json.decode(body)):
        return None
    return _json.encode({name: getattr(op, name) for name in _KEPT} | {"hash": hash, FIELD: reason})


def is_stub(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get(FIELD), str) and "fields" not in value
