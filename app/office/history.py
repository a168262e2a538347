"""Who changed what in a record, when and from which visit; and who said each value that stands. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.tables.clock import local_time
from sync.conflict import plain
from sync.records import Change

IN_EFFECT = ("applied", "conflict")


@dataclass(frozen=True)
class Line:
    """One field of a step. confirmed: it was found as it stood."""

    name: str
    old: str
    new: str
    confirmed: bool


@dataclass(frozen=True)
class Step:
    """One op of a record's history. when is the device's own clock."""

    seq: int
    entity: str
    id: str
    kind: str
    status: str
    actor: str
    when: str
    received: str
    submission: str
    lines: tuple[Line, ...]
    code: str = ""
    cites: str = ""


@dataclass(frozen=True)
class Said:
    """Who last set or confirmed a value, when by their device, and in which submission ('' for none)."""

    actor: str
    when: str
    submission: str
    confirmed: bool


def steps(changes: Sequence[Change]) -> list[Step]:
    """The history, the latest first. A field that was never filled and still is not is left out."""
    return [_step(change) for change in reversed(changes)]


def said(changes: Sequence[Change], fields: Mapping[str, Any]) -> dict[str, Said]:
    """For every field that holds a value, the last step that gave or confirmed exactly this value."""
    found: dict[str, Said] = {}
    for change in changes:
        if change.status not in IN_EFFECT:
            continue
        op = change.op
        for name, step in op.fields.items():
            now = _text(step.new)
            if now and now == _text(fields.get(name)):
                confirmed = _text(step.old) == now
                found[name] = Said(op.actor, short_time(op.device_time), op.submission or "", confirmed)
    return found


def short_time(moment: str) -> str:
    """2026-11-24T20:15:03.123+08:00 → 2026-11-24 20:15."""
    return local_time(moment)[:16].replace("T", " ")


def _step(change: Change) -> Step:
    op = change.op
    lines = tuple(
        Line(name, _text(step.old), _text(step.new), _text(step.old) == _text(step.new))
        for name, step in op.fields.items()
        if _text(step.old) or _text(step.new)
    )
    submission = op.submission or (op.id if op.entity == "submission" else "")
    return Step(
        seq=change.seq, entity=op.entity, id=op.id, kind=op.kind, status=change.status, actor=op.actor,
        when=short_time(op.device_time), received=change.received_at, submission=submission, lines=lines,
        code=change.code, cites=op.cites or "",
    )  # fmt: skip


def _text(value: Any) -> str:
    value = plain(value)
    return value if isinstance(value, str) else "" if value is None else "…"
