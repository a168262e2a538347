"""People come and go, a household's status changes, a part splits off, all of it moves away. Pure: records in, steps out.

Whoever leaves stays in the register: with state and date in their household, or, when they live in another one from then
on, there with the same record, and with an entry of that day in the one they left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from app.steps import Step, created, moved, text, updated
from forms.lives import (
    JOINED,
    LEFT,
    MOVED_IN,
    MOVED_OUT,
    SPLIT_FROM,
    SPLIT_OFF,
    fields_of_status,
    is_past,
    is_running,
)
from forms.register import FIELDS
from sync.records import Record

HEAD = "01"
_BLANK = {field.name: "" for field in FIELDS["event"]}
_HELP = ("helper", "helper_name", "helper_unit", "helper_phone", "helper_relation")
_KEPT_BY_A_PART = ("status", "support", "cause", "other_causes", "language", "exit_year", "monitored_since", "monitor_type",
                   "risks", "id_standard")  # fmt: skip
"""What a part that splits off counts as, until somebody says otherwise."""

Ids = Callable[[str], str]


class Day(NamedTuple):
    """When it happened, as the paper says, and a word about it."""

    date: str
    note: str = ""


def event(id: str, household: Record, what: str, day: Day, area: str = "", **more: str) -> Step:
    fields = _BLANK | {"household_id": household.id, "what": what, "date": day.date, "note": day.note} | more
    return created("event", id, area or household.area, fields)


# --- what it counts as ------------------------------------------------------------------------------------------


def status_entry(
    household: Record, known: Sequence[Mapping[str, str]], what: str, day: Day, more: Mapping[str, str], ids: Ids
) -> list[Step]:
    """A dated status. known: the entries there are; an older one is written down and changes nothing of today.

    more: fields of the household that go with it (kind of monitoring, risks).
    """
    became = fields_of_status(what, day.date, {name: text(household.fields, name) for name in ("status", "exit_year")})
    entry = event(ids("event"), household, what, day, status=became["status"])
    return [entry] if is_past(day.date, known) else [entry, *updated(household, became | dict(more))]


# --- who comes and goes -----------------------------------------------------------------------------------------


def leaves(household: Record, member: Record, reason: str, day: Day, heir: Record | None, ids: Ids) -> list[Step]:
    """Somebody is not in the household any more; their record stays there with state and date. heir: who is head then."""
    name = text(member.fields, "full_name")
    entry = event(ids("left"), household, LEFT, day, reason=reason, member_id=member.id, member_name=name)
    return [entry, *updated(member, {"state": reason, "change_date": day.date}), *_headed(household, heir)]


def goes_to(
    before: Record, member: Record, after: Record, reasons: tuple[str, str], relation: str, line: str, day: Day,
    heir: Record | None, has_left: bool, ids: Ids,
) -> list[Step]:  # fmt: skip
    """Somebody lives in another household from that day, with the same record.

    reasons: why they left the one and why they came to the other. has_left: the entry of their leaving is there already.
    """
    name, gone, came = text(member.fields, "full_name"), *reasons
    steps = []
    if not has_left:
        was = text(member.fields, "state")
        left = day if was in ("", "active") else Day(text(member.fields, "change_date") or day.date)
        steps.append(event(ids("left"), before, LEFT, left, member_id=member.id, member_name=name,
                           reason=gone if was in ("", "active") else was, other_id=after.id,
                           other_name=text(after.fields, "head_name"), place=after.area))  # fmt: skip
    steps.append(event(ids("joined"), after, JOINED, day, member_id=member.id, member_name=name, reason=came,
                       other_id=before.id, other_name=text(before.fields, "head_name"), place=before.area))  # fmt: skip
    wished = {"household_id": after.id, "state": "active", "join_reason": came, "change_date": day.date, "relation": relation,
              "line": line}  # fmt: skip
    return [*steps, *updated(member, wished), *moved(member, after.area), *_headed(before, heir)]


def is_added(household: Record, fields: Mapping[str, str], reason: str, day: Day, ids: Ids) -> list[Step]:
    """Somebody nobody had written down before."""
    blank = {field.name: "" for field in FIELDS["member"]}
    whole = blank | dict(fields) | {"household_id": household.id, "state": "active", "join_reason": reason, "change_date": day.date}
    id = ids("member")
    entry = event(ids("joined"), household, JOINED, day, member_id=id, member_name=whole["full_name"], reason=reason)
    return [created("member", id, household.area, whole), entry]


def is_new(area: str, home: Mapping[str, str], head: Mapping[str, str], ids: Ids) -> list[Step]:
    """A household that nobody had written down, with its head."""
    id = ids("household")
    household = {field.name: "" for field in FIELDS["household"]} | dict(home)
    person = {field.name: "" for field in FIELDS["member"]} | dict(head)
    person |= {"household_id": id, "relation": HEAD, "line": "1", "state": "active"}
    return [created("household", id, area, household), created("member", ids("head"), area, person)]


def _headed(household: Record, heir: Record | None) -> list[Step]:
    """Somebody else is head; how the others are related to them a person corrects."""
    if heir is None:
        return []
    return [*updated(heir, {"relation": HEAD}), *updated(household, {"head_name": text(heir.fields, "full_name")})]


# --- split ------------------------------------------------------------------------------------------------------


class Part(NamedTuple):
    """The household that a part becomes. head: id of the member who is its head; relations: of the others to them, by id."""

    head: str
    relations: Mapping[str, str]
    code: str
    group: str
    house_no: str
    national_no: str
    with_helper: bool


def split(
    household: Record, going: Sequence[Record], issues: Sequence[Record], pairings: Sequence[Record], part: Part, day: Day,
    heir: Record | None, ids: Ids,
) -> list[Step]:  # fmt: skip
    """Some members become a household of their own in the same village.

    The new one is there before anybody moves into it, so that whoever sees only the beginning of it, on another server,
    never sees a person without a household. Issues about a person go with them.
    """
    new = Record(kind="household", id=ids("household"), area=household.area, rev=0, seq=0, fields={}, since={})
    head = next(one for one in going if one.id == part.head)
    fields = {field.name: "" for field in FIELDS["household"]}
    fields |= {name: text(household.fields, name) for name in (*_KEPT_BY_A_PART, *(_HELP if part.with_helper else ()))}
    fields |= {
        "code": part.code, "group": part.group, "house_no": part.house_no, "national_no": part.national_no,
        "head_name": text(head.fields, "full_name"), "phone": text(head.fields, "phone"), "split_from": household.id,
    }  # fmt: skip
    new.fields.update(fields)
    names = "、".join(text(one.fields, "full_name") for one in going)
    steps = [created("household", new.id, new.area, fields)]
    for line, one in enumerate(sorted(going, key=lambda one: one.id != part.head), 1):
        relation = HEAD if one.id == part.head else part.relations.get(one.id, "99")
        steps += updated(one, {"household_id": new.id, "relation": relation, "line": str(line)})
    ids_going = {one.id for one in going}
    for issue in issues:
        if not issue.deleted and text(issue.fields, "member_id") in ids_going:
            steps += updated(issue, {"household_id": new.id})
    steps.append(event(ids("new"), new, SPLIT_FROM, day, member_name=names, other_id=household.id,
                       other_name=text(household.fields, "head_name")))  # fmt: skip
    steps.append(event(ids("old"), household, SPLIT_OFF, day, member_name=names, other_id=new.id, other_name=fields["head_name"]))
    if part.with_helper:
        steps += [_paired_again(one, new, day, ids) for one in pairings if is_running(one.fields, day.date)]
    return [*steps, *_headed(household, heir)]


def _paired_again(pairing: Record, new: Record, day: Day, ids: Ids) -> Step:
    fields = {field.name: text(pairing.fields, field.name) for field in FIELDS["pairing"]}
    fields |= {"household_id": new.id, "started": day.date, "handover": "", "taken_from": ""}
    return created("pairing", ids(f"pairing {pairing.id}"), new.area, fields)


# --- away to another village --------------------------------------------------------------------------------------


class Door(NamedTuple):
    """Where a household lives from now on. keeps_helper: its helper goes on coming.

    name, was: of the new place and the old one; each village knows the codes of its own places only.
    """

    area: str
    name: str
    was: str
    group: str
    house_no: str
    keeps_helper: bool


def goes_away(household: Record, belonging: Sequence[Record], door: Door, day: Day, ids: Ids) -> list[Step]:
    """All of a household to another village, with everything about it; id and code stay.

    The old village keeps one entry, with the code on the door: whoever scans it there is told where they went. Both
    entries come first, then the household, then what belongs to it.
    """
    codes = " ".join(code for code in (text(household.fields, "code"), text(household.fields, "other_codes")) if code)
    head = text(household.fields, "head_name")
    steps = [
        event(ids("out"), household, MOVED_OUT, day, other_name=head, place=door.area, place_name=door.name, code=codes),
        event(ids("in"), household, MOVED_IN, day, area=door.area, other_name=head, place=household.area, place_name=door.was),
    ]
    wished = {"group": door.group, "house_no": door.house_no}
    if not door.keeps_helper:
        wished |= dict.fromkeys(_HELP, "")
        for one in belonging:
            if one.kind == "pairing" and not one.deleted and not text(one.fields, "ended"):
                steps += updated(one, {"ended": day.date, "end_reason": "household"})
    steps += [*updated(household, wished), *moved(household, door.area)]
    for one in belonging:
        stays = one.kind == "event" and text(one.fields, "what") == MOVED_OUT
        if one.area == household.area and not one.deleted and not stays:
            steps += moved(one, door.area)
    return steps
