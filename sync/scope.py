"""Areas and roles: who reads and who writes what.

One prefix test of the 统计用区划代码 serves permission and replication. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from sync.conflict import plain
from sync.erasing import ERASE, FIELD, is_erased
from sync.records import DEVICE, MOVE, NODE, Credential, Grant, Op, Record, Scope

EVERYTHING = Scope(area_prefixes=("",))

DEVICE_KINDS = ("area", "user", "form", "village", "household", "member", "visit", "issue", "assignment", "rules", "exemption")
# What a place above publishes for every place below it.
DOWNWARD_KINDS = ("area", "form", "campaign", "rules", "small_area")

_FIELD_KINDS = frozenset({"village", "household", "member", "visit", "submission", "issue", "sheet"})
_VILLAGE_KINDS = _FIELD_KINDS | {"conflict", "decision", "exemption"}
_OFFICE_KINDS = _VILLAGE_KINDS | {"area", "user", "device", "form", "assignment", "campaign", "small_area"}
_WRITES: dict[str, frozenset[str]] = {
    "auditor": _FIELD_KINDS,
    "cadre": _VILLAGE_KINDS,
    "township": _OFFICE_KINDS,
    "county": _OFFICE_KINDS,
    "node": frozenset({"device"}),
}
_RANK = {"auditor": 0, "cadre": 0, "node": 0, "township": 1, "county": 2}

# The code of an op that was applied although its person no longer has the area.
LATE = "applied_late"
# What only the node that a device speaks to can tell about its ops; the node above takes its word.
VOUCHED = frozenset({"device_revoked", "wrong_install", "bad_signature", LATE})
# Records about people, which the law may want erased.
ABOUT_PEOPLE = frozenset({"household", "member", "visit", "submission", "issue", "sheet"})

# A colleague's name is needed on a phone, nothing else about them.
_DEVICE_USER_FIELDS = frozenset({"username", "name", "role", "area", "unit"})

_LEVELS = (2, 4, 6, 9, 12)


def prefix_of(area: str) -> str:
    """The digits that all codes inside a place begin with.

    '500240102000' (a township) → '500240102'; a village's code stays whole;
    a code without its trailing zeros is its own prefix; all zeros is ''.
    """
    if len(area) != 12:
        return area
    for length in _LEVELS:
        if not area[length:].strip("0"):
            return area[:length].rstrip("0") and area[:length]
    return area


def within(area: str, prefixes: Iterable[str]) -> bool:
    """Whether an area lies in one of the places."""
    return any(area.startswith(prefix) for prefix in prefixes)


def prefixes_of(grants: Iterable[Grant]) -> tuple[str, ...]:
    """The places of the grants, each once, without those inside another. A grant without area is none."""
    return _prefixes_of(tuple(grants))


@lru_cache(maxsize=4096)  # asked several times an op, of a few people
def _prefixes_of(grants: tuple[Grant, ...]) -> tuple[str, ...]:
    prefixes = sorted({prefix_of(grant.area) for grant in grants if grant.area})
    return tuple(p for p in prefixes if not any(p != other and p.startswith(other) for other in prefixes))


def ancestors_of(prefix: str) -> tuple[str, ...]:
    """Codes under which a record of a place above may be filed, both padded and short."""
    codes: list[str] = ["0" * 12]
    for length in _LEVELS:
        if length < len(prefix):
            codes += [prefix[:length], prefix[:length].ljust(12, "0")]
    if len(prefix) < 12:
        codes.append(prefix.ljust(12, "0"))
    return tuple(dict.fromkeys(code for code in codes if code and code != prefix))


def scope_of(credential: Credential) -> Scope:
    """What a token may pull. A device gets the kinds a phone shows, a node gets all."""
    kinds = () if credential.kind == NODE else DEVICE_KINDS
    return Scope(area_prefixes=prefixes_of(credential.grants), kinds=kinds, reader=credential.kind,
                 user_id=credential.user_id)


def scope_version(scope: Scope) -> str:
    """Short text that changes whenever the scope does, so that an old cursor is noticed."""
    text = msgspec.json.encode([scope.reader, scope.area_prefixes, scope.kinds])
    return hashlib.sha256(text).hexdigest()[:8]


def may_read(scope: Scope, record: Record) -> bool:
    """Whether the record is in the scope; the store's queries ask the same of the database."""
    if scope.kinds and record.kind not in scope.kinds:
        return False
    if within(record.area, scope.area_prefixes):
        return True
    kinds = downward_kinds(scope)
    return record.kind in kinds and any(record.area in ancestors_of(p) for p in scope.area_prefixes)


def downward_kinds(scope: Scope) -> tuple[str, ...]:
    """The kinds this scope also gets from the places above it.

    A node needs the people above as well, to know the rights of those who
    visit its village.
    """
    kinds = (*DOWNWARD_KINDS, "user") if scope.reader == NODE else DOWNWARD_KINDS
    return tuple(kind for kind in kinds if not scope.kinds or kind in scope.kinds)


def shown(scope: Scope, record: Record) -> Record:
    """The record as this reader may have it.

    A password hash leaves for nodes only, and only those of people inside
    the node's own area. A tombstone carries no values to a device, only that
    the record was erased, which makes the device forget what it sent of it.
    """
    if scope.reader == DEVICE and record.deleted:
        left = {FIELD: "1"} if is_erased(record) else {}
        return msgspec.structs.replace(record, fields=left, since={})
    if record.kind != "user" or not scope.reader:
        return record
    if scope.reader == NODE:
        if within(record.area, scope.area_prefixes):
            return record
        return _only(record, frozenset(record.fields) - {"password_hash"})
    return _only(record, _DEVICE_USER_FIELDS)


def _only(record: Record, names: frozenset[str]) -> Record:
    return msgspec.structs.replace(
        record,
        fields={name: value for name, value in record.fields.items() if name in names},
        since={name: day for name, day in record.since.items() if name in names},
    )


def grants_of(user: Record | None) -> tuple[Grant, ...]:
    """The grants a user record gives; none for an unknown, removed or disabled person."""
    if user is None or user.deleted or user.fields.get("state") == "disabled":
        return ()
    role, area = user.fields.get("role"), user.fields.get("area") or user.area
    return (Grant(role, area),) if isinstance(role, str) and isinstance(area, str) and role in _WRITES else ()


def refusal(op: Op, grants: Sequence[Grant], current: Record | None) -> str:
    """Why these grants do not allow the op: '' when they do, else a problem code.

    Both the area the op claims and the area the record really has must be
    inside; otherwise a foreign record could be edited under a home address.
    """
    able = [grant for grant in grants if op.entity in _WRITES.get(grant.role, frozenset())]
    if op.kind == ERASE:
        able = [grant for grant in able if grant.role == "county" and op.entity in ABOUT_PEOPLE]
    if not able:
        return "not_allowed" if within(op.area, prefixes_of(grants)) else "outside_area"
    prefixes = prefixes_of(able)
    if not within(op.area, prefixes) or (current is not None and not within(current.area, prefixes)):
        return "outside_area"
    if op.entity == "exemption" and not _exemption_change_allowed(op, able, current):
        return "not_allowed"
    if op.kind == MOVE and not within(str(_said(op, "area")), prefixes):
        return "outside_area"  # nobody pushes a record into somebody else's place
    if op.entity == "user" and not _user_change_allowed(op, able, current):
        return "not_allowed"
    if op.entity == "decision" and op.actor == _said(op, "author"):
        return "not_allowed"  # another person looks at it
    if op.entity == "device" and not device_change_allowed(op, current):
        return "not_allowed"
    return ""


def writes(grants: Iterable[Grant], entity: str) -> bool:
    """Whether one of the grants may write such records anywhere."""
    return any(entity in _WRITES.get(grant.role, frozenset()) for grant in grants)


def _said(op: Op, name: str) -> Any:
    change = op.fields.get(name)
    return plain(change.new) if change else ""


_OF_AN_INSTALL = ("install_id", "user_id", "kind", "key")


def device_change_allowed(op: Op, current: Record | None) -> bool:
    """The first registration of an install holds for ever: nobody gives it another person or key."""
    fixed = {name: plain(op.fields[name].new) for name in _OF_AN_INSTALL if name in op.fields}
    if current is None:
        return op.kind == "create" and fixed.get("install_id") == op.id and isinstance(fixed.get("key"), str)
    return all(plain(current.fields.get(name)) == value for name, value in fixed.items())


def _exemption_change_allowed(op: Op, grants: Sequence[Grant], current: Record | None) -> bool:
    """Whoever is in the field may ask; an office answers, and never what the same person asked."""
    state = plain(op.fields["state"].new) if "state" in op.fields else "requested"
    if op.kind == "create":
        return state == "requested"
    asked = current.fields.get("asked_by") if current else None
    return any(_RANK[grant.role] > 0 for grant in grants) and op.actor != asked


def _user_change_allowed(op: Op, grants: Sequence[Grant], current: Record | None) -> bool:
    """Nobody gives a role above their own or an area beyond it, nor edits those above."""
    rank = max(_RANK[grant.role] for grant in grants)
    wanted: dict[str, Any] = dict(current.fields) if current else {}
    before = wanted.get("role")
    wanted |= {name: plain(change.new) for name, change in op.fields.items()}
    roles = [role for role in (before, wanted.get("role")) if role]
    if any(not isinstance(role, str) or _RANK.get(role, 99) > rank for role in roles):
        return False
    area = wanted.get("area") or op.area
    return isinstance(area, str) and within(prefix_of(area), prefixes_of(grants))
