"""Who helps a household: paired, ended, handed over to a successor. Pure: records in, ops to make out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from app.steps import Step, created, updated
from app.steps import text as _text
from forms.issues import CLOSED, state_of
from forms.lives import is_running
from sync.records import Record

HELPER = "helper"
HANDED_OVER = "handover"


class Helper(NamedTuple):
    """A person who helps. id is their account, '' for somebody without one."""

    id: str
    name: str
    unit: str = ""
    phone: str = ""
    unit_level: str = ""

    def is_in(self, fields: Mapping[str, Any]) -> bool:
        """Whether a household or pairing names this person: by account where it has one, else by name."""
        named = _text(fields, "helper")
        return named == self.id if named and self.id else _text(fields, "helper_name") == self.name


class Pairing(NamedTuple):
    """What is to be written down of a new pairing."""

    role: str
    who: Helper
    relation: str
    started: str
    why_other_ended: str = "other"
    handover: str = ""
    taken_from: str = ""


def paired(household: Record, pairings: Sequence[Record], new: Pairing, new_id: Callable[[str], str]) -> list[Step]:
    """The household gets this helper from that day.

    There is one responsible helper: the one before ends that day, with a
    pairing of their own when none was ever written down. Secretaries and
    team members only come in addition.
    """
    steps: list[Step] = []
    if new.role == HELPER:
        steps += _others_end(household, pairings, new, new_id)
        steps += updated(household, {
            "helper": new.who.id, "helper_name": new.who.name, "helper_unit": new.who.unit, "helper_phone": new.who.phone,
            "helper_relation": new.relation})  # fmt: skip
    return [*steps, _created(new_id("pairing"), household.area, household.id, new)]


def post(area: str, new: Pairing, new_id: Callable[[str], str]) -> list[Step]:
    """A post in the village itself: first secretary, resident team."""
    return [_created(new_id("pairing"), area, "", new)]


def ended(pairing: Record, household: Record | None, day: str, reason: str) -> list[Step]:
    """The pairing ends; the household is without a helper when it was this one."""
    steps = updated(pairing, {"ended": day, "end_reason": reason})
    who = Helper(_text(pairing.fields, "helper"), _text(pairing.fields, "helper_name"))
    if household is not None and _text(pairing.fields, "helper_role") == HELPER and who.is_in(household.fields):
        steps += updated(household, dict.fromkeys(("helper", "helper_name", "helper_unit", "helper_phone", "helper_relation"), ""))
    return steps


def handed_over(
    household: Record, pairings: Sequence[Record], issues: Sequence[Record], assignments: Sequence[Record],
    old: Helper, new: Helper, day: str, handover: str, new_id: Callable[[str], str],
) -> list[Step]:  # fmt: skip
    """Everything of one household that goes from a helper to the successor: the pairing, unclosed issues, open tasks.

    Nothing when it is not the old one's any more: so an act that was cut off can be repeated.
    """
    steps: list[Step] = []
    if old.is_in(household.fields):
        made = Pairing(HELPER, new, "", day, HANDED_OVER, handover, old.id)
        steps += paired(household, pairings, made, lambda what: new_id(f"{what} {household.id}"))
    steps += [step for issue in issues for step in issue_handed_over(issue, old, new)]
    for task in assignments:
        if not task.deleted and old.id and _text(task.fields, "assignee") == old.id and _text(task.fields, "state") != "done":
            steps += updated(task, {"assignee": new.id})
    return steps


def issue_handed_over(issue: Record, old: Helper, new: Helper) -> list[Step]:
    """An issue that is not closed goes to the successor when the old one owns it."""
    if issue.deleted or state_of(issue.fields) == CLOSED or not _owns(old, issue.fields):
        return []
    return updated(issue, {"owner_id": new.id, "owner": new.name, "owner_unit": new.unit})


def post_handed_over(pairing: Record, new: Helper, day: str, handover: str, new_id: Callable[[str], str]) -> list[Step]:
    """A village post that goes to a successor."""
    made = Pairing(_text(pairing.fields, "helper_role"), new, "", day, HANDED_OVER, handover, _text(pairing.fields, "helper"))
    steps = updated(pairing, {"ended": day, "end_reason": HANDED_OVER})
    return [*steps, _created(new_id(f"post {pairing.id}"), pairing.area, "", made)]


def _owns(who: Helper, issue: Mapping[str, Any]) -> bool:
    owner = _text(issue, "owner_id")
    return owner == who.id if owner else _text(issue, "owner") == who.name


def _others_end(household: Record, pairings: Sequence[Record], new: Pairing, new_id: Callable[[str], str]) -> list[Step]:
    of_role = [one for one in pairings if not one.deleted and _text(one.fields, "helper_role") == HELPER]
    steps: list[Step] = []
    for one in of_role:
        if is_running(one.fields, new.started) or not _text(one.fields, "ended"):
            steps += updated(one, {"ended": new.started, "end_reason": new.why_other_ended})
    before = Helper(_text(household.fields, "helper"), _text(household.fields, "helper_name"),
                    _text(household.fields, "helper_unit"), _text(household.fields, "helper_phone"))  # fmt: skip
    if not of_role and before.name and not new.who.is_in(household.fields):
        known = Pairing(HELPER, before, _text(household.fields, "helper_relation"), "")
        made = _created(new_id("before"), household.area, household.id, known)
        made.fields.update({"ended": (None, new.started), "end_reason": (None, new.why_other_ended)})
        steps.append(made)
    return steps


def _created(id: str, area: str, household_id: str, new: Pairing) -> Step:
    fields = {
        "household_id": household_id, "helper_role": new.role, "helper": new.who.id, "helper_name": new.who.name,
        "unit": new.who.unit, "unit_level": new.who.unit_level, "phone": new.who.phone, "helper_relation": new.relation,
        "started": new.started, "ended": "", "end_reason": "", "handover": new.handover, "taken_from": new.taken_from,
    }  # fmt: skip
    return created("pairing", id, area, fields)
