"""How the fields of an op relate to what is there: three-way, per field, groups as one.

The same rule is in ``static/js/core/merge.js``; both read ``tests/vectors/merge.json``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sync.records import FieldChange

# Fields that mean nothing apart: half of a changed pair would name another person or day.
GROUPS: tuple[tuple[str, ...], ...] = (
    ("head_name", "head_id_no"),
    ("full_name", "id_no"),
    ("status", "status_date"),
)
_GROUP_OF = {name: group for group in GROUPS for name in group}


class Merge(NamedTuple):
    """set: name → value to write. same: names already so, or confirmed. conflicts: one tuple a unit."""

    set: dict[str, Any]
    same: tuple[str, ...]
    conflicts: tuple[tuple[str, ...], ...]


def merge(head: Mapping[str, Any], changes: Mapping[str, FieldChange]) -> Merge:
    """What an op's fields do to the head.

    head equals old: the new value is set. head equals new: nothing to do.
    Otherwise the head stays and the unit is a conflict. An unchanged field
    (old equals new) confirms the head when it is the same and is silent when
    it is not, except in a group whose other field changes: then the person
    changed half of a pair they saw differently, and the whole pair conflicts.
    A missing field, None and '' are equal.
    """
    to_set: dict[str, Any] = {}
    same: list[str] = []
    conflicts: list[tuple[str, ...]] = []
    groups_done: set[tuple[str, ...]] = set()
    for name, change in changes.items():
        group = _GROUP_OF.get(name)
        if group is None:
            verdict = _verdict(head.get(name), change)
            if verdict == "set":
                to_set[name] = plain(change.new)
            elif verdict == "same":
                same.append(name)
            elif verdict == "conflict":
                conflicts.append((name,))
        elif group not in groups_done:
            groups_done.add(group)
            members = [member for member in group if member in changes]
            verdicts = {member: _verdict(head.get(member), changes[member]) for member in members}
            found = set(verdicts.values())
            if "conflict" in found or {"set", "stale"} <= found:
                conflicts.append(tuple(m for m in members if not equal(changes[m].old, changes[m].new)))
            else:
                to_set |= {m: plain(changes[m].new) for m in members if verdicts[m] == "set"}
                same += [m for m in members if verdicts[m] == "same"]
    return Merge(to_set, tuple(same), tuple(conflicts))


def _verdict(head: Any, change: FieldChange) -> str:
    if equal(change.old, change.new):
        return "same" if equal(head, change.new) else "stale"
    if equal(head, change.old):
        return "set"
    return "same" if equal(head, change.new) else "conflict"


def equal(one: Any, other: Any) -> bool:
    """Equality of two values, where None and '' are both "unknown"."""
    if one is None or one == "":
        return other is None or other == ""
    return bool(one == other)


def plain(value: Any) -> Any:
    """The value as a record holds it: '' for unknown."""
    return "" if value is None else value
