"""Areas and roles: who reads and who writes what.

One prefix test of the 统计用区划代码 serves permission and replication. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from forms.issues import CLOSED, SUBMITTED, may_close
from forms.lives import STATUS_EVENTS
from sync.conflict import plain
from sync.erasing import ERASE, FIELD, is_erased
from sync.records import DEVICE, MOVE, NODE, Credential, Grant, Op, Record, Scope

EVERYTHING = Scope(area_prefixes=("",))

DEVICE_KINDS = ("area", "user", "form", "village", "household", "member", "visit", "issue", "assignment", "rules", "exemption",
                "pairing", "event")
# What a place above publishes for every place below it.
DOWNWARD_KINDS = ("area", "form", "campaign", "rules", "small_area")

_FIELD_KINDS = frozenset({"village", "household", "member", "visit", "submission", "issue", "sheet"})
_VILLAGE_KINDS = _FIELD_KINDS | {"conflict", "decision", "exemption", "event", "sight"}
_OFFICE_KINDS = _VILLAGE_KINDS | {"area", "user", "device", "form", "assignment", "campaign", "small_area", "pairing"}


class Role(NamedTuple):
    """What a role may do inside the places it is given for.

    rank: nobody gives or edits a role above their own. writes: kinds of records. office: opens office pages.
    phone: carries records on a phone. whole: sees ID, account and phone numbers of a household on its page
    without saying why; the others give a reason, if they write records of kind ``sight``.
    """

    rank: int
    writes: frozenset[str]
    office: bool
    phone: bool
    whole: bool


ROLES: dict[str, Role] = {
    # A phone masks nothing, so whoever only looks does so at the office.
    "auditor": Role(0, frozenset(), office=True, phone=False, whole=False),
    "cadre": Role(0, _VILLAGE_KINDS, office=True, phone=True, whole=True),
    "node": Role(0, frozenset({"device"}), office=False, phone=False, whole=False),
    "township": Role(1, _OFFICE_KINDS, office=True, phone=True, whole=False),
    "county": Role(2, _OFFICE_KINDS, office=True, phone=True, whole=False),
}
OFFICE_ROLES = tuple(name for name, role in ROLES.items() if role.office)

MOST_GRANTS = 40
"""Grants of one person; more is a mistake, and every question about rights walks through them."""

# The code of an op that was applied although its person no longer has the area.
LATE = "applied_late"
# What only the node that a device speaks to can tell about its ops; the node above takes its word.
VOUCHED = frozenset({"device_revoked", "wrong_install", "bad_signature", "unregistered_device", LATE})
# Records about people, which the law may want erased.
ABOUT_PEOPLE = frozenset({"household", "member", "visit", "submission", "issue", "sheet", "pairing", "event", "exemption"})

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
    return area.startswith(tuple(prefixes))


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
    """What a token may pull. A device gets the kinds a phone shows of the places its person works in, a node gets all."""
    node = credential.kind == NODE
    grants = [one for one in credential.grants if (one.role == NODE if node else one.role in ROLES and ROLES[one.role].phone)]
    return Scope(area_prefixes=prefixes_of(grants), kinds=() if node else DEVICE_KINDS, reader=credential.kind,
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


def shown_whole(scope: Scope, kind: str, deleted: bool) -> bool:
    """Whether `shown` leaves such a record as it is."""
    return not scope.reader or (kind != "user" and not (deleted and scope.reader == DEVICE))


def shown(scope: Scope, record: Record) -> Record:
    """The record as this reader may have it.

    A password hash leaves for nodes only, and only those of people inside
    the node's own area. A tombstone carries no values to a device, only that
    the record was erased, which makes the device forget what it sent of it.
    """
    if scope.reader == DEVICE and record.deleted:
        left = {FIELD: "1"} if is_erased(record) else {}
        return msgspec.structs.replace(record, fields=left, since={})
    if shown_whole(scope, record.kind, record.deleted):
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
    """The grants a user record gives, the main post first; none for an unknown, removed or disabled person."""
    if user is None or user.deleted or user.fields.get("state") == "disabled":
        return ()
    return grants_in(user.fields, user.area)


def grants_in(fields: Mapping[str, Any], filed: str) -> tuple[Grant, ...]:
    """The grants that the fields of a user record spell, whether or not the person is disabled.

    ``role`` and ``area`` are the main post; ``grants`` lists more of them, each
    ``{role, area}`` or ``{role, small_area, villages}``. A small area's villages
    are written out: who changes the small area changes nobody's rights by it.
    """
    found = [(fields.get("role"), fields.get("area") or filed)]
    more = plain(fields.get("grants"))
    for one in more if isinstance(more, list) else ():
        if isinstance(one, dict):
            villages = one.get("villages")
            places = villages if isinstance(villages, list) else [one.get("area")]
            found += [(one.get("role"), place) for place in places]
    whole = (Grant(role, area) for role, area in found if isinstance(role, str) and role in ROLES and _is_place(area))
    return tuple(dict.fromkeys(whole))


def _is_place(area: object) -> bool:
    return isinstance(area, str) and area.isascii() and area.isdigit()


def refuses_grants(given: object) -> bool:
    """Whether the value of a ``grants`` field is not one that `grants_in` understands to the last entry."""
    listed = plain(given)
    if listed in ("", None):
        return False
    if not isinstance(listed, list) or len(listed) > MOST_GRANTS:
        return True
    return not all(_is_grant(one) for one in listed)


def _is_grant(one: object) -> bool:
    if not isinstance(one, dict) or not isinstance(one.get("role"), str) or one["role"] not in ROLES:
        return False
    if "villages" not in one:
        return set(one) == {"role", "area"} and _is_place(one["area"])
    villages = one["villages"]
    return (set(one) == {"role", "small_area", "villages"} and isinstance(one["small_area"], str)
            and isinstance(villages, list) and 0 < len(villages) <= 200 and all(_is_place(v) for v in villages))  # fmt: skip


def vouched_places(credential: Credential) -> tuple[str, ...]:
    """The places a node speaks for, whatever else the person who joined it may do."""
    return prefixes_of(grant for grant in credential.grants if grant.role == NODE)


def refusal(op: Op, grants: Sequence[Grant], current: Record | None, *, at_office: bool = False) -> str:
    """Why these grants do not allow the op: '' when they do, else a problem code.

    at_office: a server made it for somebody who showed their password there.

    Both the area the op claims and the area the record really has must be
    inside; otherwise a foreign record could be edited under a home address.
    """
    if at_office and grants and _is_own_password(op, current):
        return ""
    able: Sequence[Grant] = _able(tuple(grants), op.entity)
    if op.kind == ERASE:
        able = [grant for grant in able if grant.role == "county" and op.entity in ABOUT_PEOPLE]
    if not able:
        return "not_allowed" if within(op.area, prefixes_of(grants)) else "outside_area"
    prefixes = prefixes_of(able)
    if not op.area.startswith(prefixes) or (current is not None and not current.area.startswith(prefixes)):
        return "outside_area"
    if op.entity in _ONLY_BY_PLACE and op.kind != MOVE:
        return ""
    if op.entity == "exemption" and op.kind != MOVE and not _exemption_change_allowed(op, able, current):
        return "not_allowed"
    if op.entity == "issue" and not _issue_change_allowed(op, able, current):
        return "not_allowed"
    if op.entity == "event" and not _event_change_allowed(op, able, current):
        return "not_allowed"
    if op.kind == MOVE and not within(str(_said(op, "area")), prefixes):
        return "outside_area"  # nobody pushes a record into somebody else's place
    if op.entity == "user" and not _user_change_allowed(op, able, current):
        return "not_allowed"
    if op.entity == "decision" and op.actor == _said(op, "author"):
        return "not_allowed"  # another person looks at it
    if op.entity == "sight" and not (at_office and op.kind == "create" and _said(op, "who") == op.actor):
        return "not_allowed"  # a server writes down what it showed; nobody changes it afterwards
    if op.entity == "device" and op.kind != "void":
        return "not_allowed"  # a person stops one; what it is, its server tells (`told_device_refusal`)
    return ""


_ONLY_BY_PLACE = frozenset({"submission", "visit", "household", "member", "sheet"})
"""Kinds that whoever may write them inside a place may change in any way, but for moving them out of it."""


@lru_cache(maxsize=4096)  # of a few people, for every op
def _able(grants: tuple[Grant, ...], entity: str) -> tuple[Grant, ...]:
    return tuple(grant for grant in grants if grant.role in ROLES and entity in ROLES[grant.role].writes)


def writes(grants: Iterable[Grant], entity: str) -> bool:
    """Whether one of the grants may write such records anywhere."""
    return any(grant.role in ROLES and entity in ROLES[grant.role].writes for grant in grants)


def _said(op: Op, name: str) -> Any:
    change = op.fields.get(name)
    return plain(change.new) if change else ""


_OF_AN_INSTALL = ("install_id", "user_id", "kind", "key")


OWN_FIELDS = frozenset({"password_hash", "password_once"})


def _is_own_password(op: Op, current: Record | None) -> bool:
    """Whoever holds an account sets its password, whatever their role."""
    return (op.entity == "user" and op.kind == "update" and op.id == op.actor and op.fields.keys() <= OWN_FIELDS
            and current is not None and current.area == op.area)  # fmt: skip


def told_device_refusal(op: Op, current: Record | None, teller: Record | None) -> str:
    """Why a node may not tell this of an install: '' when it may. teller: the ``device`` record of the op's own install.

    Only the server itself tells, with an install that is nobody's: what a person's
    phone says about devices would lend another person's rights to a key of its own.
    """
    if op.actor or (teller is not None and teller.fields.get("user_id")):
        return "not_allowed"
    return "" if device_change_allowed(op, current) else "not_allowed"


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
    return any(ROLES[grant.role].rank > 0 for grant in grants) and op.actor != asked


def _issue_change_allowed(op: Op, grants: Sequence[Grant], current: Record | None) -> bool:
    """Whoever hands an issue in signs for it; closing and reopening are an office's, never the owner's own."""
    change = op.fields.get("state")
    signer = plain(op.fields["submitted_by"].new) if "submitted_by" in op.fields else None
    if op.cites is None and signer not in (None, "", op.actor):
        return False
    if change is None or plain(change.new) == plain(change.old):
        return True
    before, after = plain(change.old), plain(change.new)
    if after == SUBMITTED and not signer:
        return False
    if CLOSED not in (before, after):
        return True
    office = any(ROLES[grant.role].rank > 0 for grant in grants)
    return office and (after != CLOSED or (current is not None and may_close(current.fields, op.actor)))


def _event_change_allowed(op: Op, grants: Sequence[Grant], current: Record | None) -> bool:
    """A village writes down who came and went; what a household counts as is an office's word, and so is any correction."""
    what = plain(op.fields["what"].new) if "what" in op.fields else (current.fields.get("what") if current else "")
    if op.kind in ("create", MOVE) and what not in STATUS_EVENTS:
        return True
    return any(ROLES[grant.role].rank > 0 for grant in grants)


def _user_change_allowed(op: Op, grants: Sequence[Grant], current: Record | None) -> bool:
    """Nobody gives a role above their own or a place beyond theirs, nor edits whoever holds such a one.

    All of a person's grants count, before and after: who sets a password can sign in with it.
    """
    before: dict[str, Any] = dict(current.fields) if current else {}
    after = before | {name: plain(change.new) for name, change in op.fields.items()}
    if any(not isinstance(after.get(name) or "", str) for name in ("role", "area")) or refuses_grants(after.get("grants")):
        return False
    if after.get("role") and after["role"] not in ROLES:
        return False
    filed = current.area if current else op.area
    held = {*grants_in(before, filed), *grants_in(after, filed)}
    return may_give(held, grants) and within(prefix_of(after.get("area") or filed), prefixes_of(grants))


def may_give(given: Iterable[Grant], own: Sequence[Grant]) -> bool:
    """Whether somebody with these grants may give, take and edit those: role and place inside one of their own."""
    able = [grant for grant in own if grant.role in ROLES and "user" in ROLES[grant.role].writes]
    return all(
        any(ROLES[one.role].rank <= ROLES[mine.role].rank and within(prefix_of(one.area), prefixes_of([mine])) for mine in able)
        for one in given
    )
