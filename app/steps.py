"""What a guided act does, step by step, before it becomes ops. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sync.conflict import plain
from sync.records import Op, Record


class Step(NamedTuple):
    """One op to make: create, update or move. fields: name → (old, new)."""

    kind: str
    entity: str
    id: str
    area: str
    base_rev: int
    fields: dict[str, tuple[Any, Any]]


def created(kind: str, id: str, area: str, fields: Mapping[str, str]) -> Step:
    return Step("create", kind, id, area, 0, {name: (None, value) for name, value in fields.items()})


def updated(record: Record, wished: Mapping[str, str]) -> list[Step]:
    """One update of what differs, none when nothing does."""
    fields = {name: (text(record.fields, name), value) for name, value in wished.items() if text(record.fields, name) != value}
    return [Step("update", record.kind, record.id, record.area, record.rev, fields)] if fields else []


def moved(record: Record, to: str) -> list[Step]:
    """The record to another area, none when it lies there."""
    return [] if record.area == to else [Step("move", record.kind, record.id, record.area, record.rev, {"area": (record.area, to)})]


def moved_back(record: Record, area: str, op: Op) -> Step | None:
    """A move turned round, of a record that lies in that area by now; None when it moved on since, or never left."""
    old = str(plain(op.fields["area"].old))
    if area != plain(op.fields["area"].new) or area == old:
        return None
    return Step("move", record.kind, record.id, area, record.rev, {"area": (area, old)})


def text(fields: Mapping[str, Any], name: str) -> str:
    value = plain(fields.get(name))
    return value if isinstance(value, str) else ""
