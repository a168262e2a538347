"""What a person of the office decides about ops that were set aside or wait too long. Pure.

Taking one up makes an op of that person which says the same and cites the
original; turning it down changes nothing. Either way a record of kind
``decision`` says who, why and about whose op. Its id is the original's content
hash, so every tier, and two people at once, mean the same decision.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sync.apply import DOCUMENTS, effect_of
from sync.author import Author
from sync.conflict import equal, plain
from sync.erasing import ERASE, is_erased
from sync.problems import Problem
from sync.records import HELD, Change, FieldChange, Grant, Op, Record
from sync.scope import refusal

ACCEPT, REJECT = "accept", "reject"
HELD_TOO_LONG = timedelta(days=5)
_UNREADABLE = frozenset({"zero_character", "bad_op", "unknown_kind"})


class Item(NamedTuple):
    """What is decided as one: the ops of one visit, or a single op. key: content hash of the first."""

    key: str
    changes: tuple[Change, ...]

    @property
    def held(self) -> bool:
        """Whether it only waits for its record."""
        return all(change.status == HELD for change in self.changes)


def items(changes: Iterable[Change]) -> list[Item]:
    """What waits for a person, the oldest first; a content that came twice is one."""
    groups: dict[tuple[str, str], dict[str, Change]] = {}
    for change in changes:
        op = change.op
        visit = op.submission or (op.id if op.entity == "submission" else "")
        group = (HELD if change.status == HELD else "", f"{op.install_id} {visit}" if visit else change.hash)
        groups.setdefault(group, {}).setdefault(change.hash, change)
    return [Item(next(iter(group)), tuple(group.values())) for group in groups.values()]


def is_due(item: Item, now: datetime) -> bool:
    """Whether a person should look at it: at once when set aside, after five days when it waits for its record."""
    return not item.held or now - datetime.fromisoformat(item.changes[0].received_at) >= HELD_TOO_LONG


def area_of(op: Op, current: Record | None, household: Record | None) -> str:
    """Whose business an op is: where its record really lies, else its household's place, else what it claims."""
    record = current or household
    return record.area if record else op.area


def take_up(change: Change, current: Record | None, author: Author) -> Op:
    """The op by which a person of the office makes an op's statement their own, on the record as it is now.

    Raises Problem record_removed, already_exists, nothing_there or unreadable when that cannot be.
    """
    op = change.op
    if change.code in _UNREADABLE or op.kind not in ("create", "update", "void"):
        raise Problem("unreadable")
    if is_erased(current):
        raise Problem("erased")
    if current is not None and current.deleted:
        raise Problem("record_removed")
    if current is None and op.kind == "void":
        raise Problem("nothing_there")
    if current is not None and op.entity in DOCUMENTS and op.kind == "create":
        raise Problem("already_exists")
    kind = "create" if current is None else "update" if op.kind == "create" else op.kind
    area = current.area if current else op.area
    made = author.op(kind, op.entity, op.id, area, _as_seen_now(op, current), base_rev=current.rev if current else 0,
                     submission=op.submission, form_id=op.form_id, form_version=op.form_version,
                     form_hash=op.form_hash, blobs=op.blobs, cites=change.hash)  # fmt: skip
    return made


def _as_seen_now(op: Op, current: Record | None) -> dict[str, FieldChange]:
    """The op's new values against what stands: the person saw both. What it only confirmed must still stand."""
    if current is None:
        return {name: FieldChange(None, change.new) for name, change in op.fields.items()}
    return {
        name: FieldChange(plain(current.fields.get(name)), change.new)
        for name, change in op.fields.items()
        if not equal(change.old, change.new) or equal(current.fields.get(name), change.new)
    }


def decide(
    item: Item, verdict: str, reason: str, records: dict[tuple[str, str], Record | None], areas: dict[str, str],
    grants: Sequence[Grant], author: Author,
) -> list[Op]:
    """The ops of one decision, in order.

    records: (kind, id) → what is here of every record the item speaks of. areas: content hash → `area_of`.
    Raises Problem not_allowed when an op is the person's own or beyond their rights, else as `take_up`.
    """
    made: list[Op] = []
    seen = dict(records)
    for change in item.changes:
        op = change.op
        if op.actor == author.actor:
            raise Problem("not_allowed")
        if verdict == ACCEPT:
            current = seen.get((op.entity, op.id))
            taken = take_up(change, current, author)
            if code := refusal(taken, grants, current):
                raise Problem(code)
            made.append(taken)
            seen[op.entity, op.id] = effect_of(taken, current).record
    for change in item.changes:
        fields = decision_fields(change, verdict, reason) | {"by": author.actor, "at": author.clock().isoformat("T", "seconds")}
        said = author.create("decision", change.hash, areas[change.hash], fields)
        if code := refusal(said, grants, None):
            raise Problem(code)
        made.append(said)
    return made


def decision_fields(change: Change, verdict: str, reason: str) -> dict[str, Any]:
    """What a decision says, without any value of the op it is about."""
    op = change.op
    return {
        "verdict": verdict, "reason": reason, "code": change.code, "op_id": op.op_id, "install_id": op.install_id,
        "entity": op.entity, "id": op.id, "kind": op.kind, "author": op.actor, "said_at": op.device_time,
    }  # fmt: skip


def erase_ops(wanted: Iterable[tuple[str, str, str]], reason: str, author: Author) -> list[Op]:
    """An erasing op for each (kind, id, area)."""
    return [author.op(ERASE, kind, id, area, {"erased": FieldChange(None, reason)}) for kind, id, area in wanted]
