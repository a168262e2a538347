"""A household's page: the record and who said it, members, visits, issues, submissions, its history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from app.access import office
from app.codes import grouped, household_payload
from app.errors import Problem
from app.i18n import language
from app.node import node
from app.office import blueprint, erase, eyes, page, sights, words
from app.office.checks import told
from app.office.duplicates import merged_into
from app.office.helpers import helping
from app.office.history import Said, Step, said, short_time, steps
from app.office.mask import Sight
from app.office.timeline import lived
from app.qr import qr_svg
from app.tables import checks, households, others
from app.tables.lives import moved_out
from app.tables.rows import dates_in
from forms.register import FIELDS
from sync.conflict import plain
from sync.scope import LATE

# The order a cadre thinks in; what is left over comes last.
PARTS = (
    ("户主与分类", "Head and status", ("national_no", "group", "house_no", "head_name", "phone", "status",
                                   "support", "cause", "other_causes", "language", "last_visit")),
    ("帮扶", "Help", ("helper_name", "helper_unit", "helper_phone", "policies")),
    ("住房与生活条件", "Housing and living", ("housing_level", "housing_structure", "housing_area", "resettled",
                                       "water_source", "water_safe", "toilet", "fuel", "road", "power",
                                       "broadband", "food_ok", "clothing_ok", "location")),
    ("生产与收入", "Work and income", ("cropland", "forest_land", "converted_land", "industry", "cooperative",
                                    "income_wage", "income_business", "income_property", "income_transfer",
                                    "business_cost", "income_per_head", "medical_cost", "school_cost")),
)  # fmt: skip
MEMBER_FIELDS = ("relation", "sex", "birth_date", "id_no", "ethnic", "phone", "education", "student_stage",
                 "school", "health", "labour", "work_area", "work_months", "medical_insurance",
                 "pension_insurance", "state", "join_reason", "change_date", "national_no")  # fmt: skip
HISTORY_SHOWN = 40


@dataclass(frozen=True)
class Shown:
    """One field as the page shows it."""

    label: str
    value: str
    since: str
    said: Said | None


@blueprint.get("/households/<id>")
@office()
def household(id: str) -> str:
    """Found through the read tables, so only within the reader's scope; the history then comes from the store."""
    tables = node().tables  # as they are: who said a value is found by the value
    row = households.household(tables, page.scope(), id)
    if row is None:
        return _moved_away(id)
    id = row["id"]  # also when it came under the id of one merged into it
    members = households.members(tables, page.scope(), [id])
    visits = households.visits(page.tables(), page.scope(), [id])
    sight = eyes.sight_of(row["area"], id)
    own_history = _history("household", id)
    theirs = {member["id"]: _history("member", member["id"]) for member in members}
    history = _steps_of_all(own_history, theirs.values())
    cited = _cited(history)
    people = page.names(_actors(history, own_history, visits) | {one["author"] for one in cited.values()})
    here = node()
    return page.show(
        "household.html",
        unmasked=sight.numbers,
        row=sight.fields(row),
        full=sight.numbers,
        may_open=eyes.may_open(row["area"]),
        open_until=sights.until(id),
        parts_of_record=_parts(row, own_history, sight, people),
        members=[_member(member, theirs[member["id"]], sight, people) for member in members],
        visits=visits,
        issues=households.issues(page.tables(), page.scope(), [id]),
        submissions=households.submissions(page.tables(), page.scope(), [id]),
        findings=[row | told(row) for row in checks.findings_of(page.tables(), page.scope(), id)],
        merged=merged_into(id),
        conflicts=others.conflicts_of(page.tables(), page.scope(), "household", [id]),
        history=[_in_words(step, sight, people, members, cited) for step in history[:HISTORY_SHOWN]],
        may_erase=erase.may_erase(row["area"]),
        more_history=len(history) > HISTORY_SHOWN,
        people=people,
        code=grouped(row["code"]),
        **helping(row),
        **lived(row, [sight.fields(member) for member in members], own_history),
        qr=qr_svg(household_payload(here.config.address, row["code"])) if row["code"] else "",
    )


def _moved_away(id: str) -> str:
    """Where a household of the reader's place went; 404 when none was ever there."""
    left = moved_out(page.tables(), page.scope(), id)
    if left is None:
        raise Problem("not_found")
    return page.show("household_moved.html", one=left)


def _history(kind: str, id: str) -> Sequence[Any]:
    return node().store.history(kind, id)


def _steps_of_all(own: Sequence[Any], theirs: Iterable[Sequence[Any]]) -> list[Step]:
    """The household's history and its members', the latest first."""
    found = [step for told in (own, *theirs) for step in steps(told)]
    return sorted(found, key=lambda step: step.seq, reverse=True)


def _actors(history: Sequence[Step], own: Sequence[Any], visits: Sequence[dict[str, Any]]) -> set[str]:
    named = {str(plain(c.op.fields["helper"].new)) for c in own if "helper" in c.op.fields}
    return {step.actor for step in history} | {visit["cadre"] for visit in visits} | named


def _parts(
    row: dict[str, Any], history: Sequence[Any], sight: Sight, people: dict[str, str]
) -> list[tuple[str, list[Shown]]]:
    """The record in parts; a part without a single value is left out."""
    lang = language()
    shown, spoken = sight.fields(row), said(history, row)
    since = dates_in(row)
    listed = {name for _zh, _en, part in PARTS for name in part}
    rest = tuple(f.name for f in FIELDS["household"] if words.is_shown(f) and f.name not in listed)
    found = []
    for zh, en, part in (*PARTS, ("其他", "Other", rest)):
        fields = [
            Shown(
                words.field_label("household", name, lang),
                words.value_in_words("household", name, shown[name], lang, people),
                since.get(name, ""),
                spoken.get(name),
            )
            for name in part
        ]
        if any(field.value for field in fields):
            found.append((words.pick((zh, en), lang), fields))
    return found


def _member(row: dict[str, Any], history: Sequence[Any], sight: Sight, people: dict[str, str]) -> dict[str, Any]:
    """said: whose word most of it is; a field names somebody only where that is another's or another day's."""
    lang, shown, since = language(), sight.fields(row), dates_in(row)
    spoken = said(history, row)
    words_of = Counter(_word(spoken[name]) for name in MEMBER_FIELDS if name in spoken)
    usual = words_of.most_common(1)[0][0] if words_of else None
    fields = [
        Shown(
            words.field_label("member", name, lang),
            words.value_in_words("member", name, shown[name], lang, people),
            since.get(name, ""),
            None if (one := spoken.get(name)) is None or _word(one) == usual else one,
        )
        for name in MEMBER_FIELDS
    ]
    return {
        "name": shown["full_name"],
        "gone": row["state"] not in ("", "active"),
        "fields": [field for field in fields if field.value],
        "said": next((one for name in MEMBER_FIELDS if (one := spoken.get(name)) and _word(one) == usual), None),
    }


def _word(one: Said) -> tuple[str, str, str]:
    """What makes two values one person's word: who, the day, the visit. Whether it was new or confirmed is told by field."""
    return (one.actor, one.when[:10], one.submission)


def _cited(history: Sequence[Step]) -> dict[str, dict[str, str]]:
    """Whose word a step took up from those that were set aside: content hash → author, when."""
    found = {step.cites: node().store.get("decision", step.cites) for step in history[:HISTORY_SHOWN] if step.cites}
    return {
        hash: {"author": str(decision.fields.get("author", "")), "when": short_time(str(decision.fields.get("said_at", "")))}
        for hash, decision in found.items()
        if decision
    }


def _in_words(
    step: Step, sight: Sight, people: dict[str, str], members: Sequence[dict[str, Any]], cited: dict[str, dict[str, str]]
) -> dict[str, Any]:
    """A step of the history as the page writes it: what changed, and how much was only confirmed."""
    lang = language()
    names = {member["id"]: sight.value("full_name", member["full_name"]) for member in members}

    def shown(name: str, value: str) -> str:
        return words.value_in_words(step.entity, name, sight.value(name, value), lang, people)

    changed = [
        (words.field_label(step.entity, line.name, lang), shown(line.name, line.old), shown(line.name, line.new))
        for line in step.lines
        if not line.confirmed and line.name not in ("code", "household_id", "submission_id", "helper", "other_codes", "merged_into")
    ]
    return {
        "step": step,
        "who": people.get(step.actor, ""),
        "about": names.get(step.id, ""),
        "changed": changed,
        "late": step.code == LATE,
        "cited": cited.get(step.cites),
        "confirmed": sum(line.confirmed for line in step.lines),
    }
