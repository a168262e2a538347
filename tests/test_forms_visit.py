"""The shipped visit form, filled and looked at again.

V1 opening prefills from the register and asks every known member.
V2 a new member gets a lasting id; the register's members keep theirs.
V3 the register changes that follow are derived from the answers.
V4 the server finds again what a phone may not send, and nothing in an honest submission.
V5 newer register records at the server are no fault of the submission.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from forms.definition import Form
from forms.entities import changes
from forms.instance import Instance
from forms.library import load_library
from forms.review import evaluate

FOLDER = Path(__file__).parent.parent / "forms" / "library"
NOW = datetime.fromisoformat("2026-11-24T20:15:03.123+08:00")
HOUSEHOLD = {"name": "h1", "label": "田大山", "head_name": "田大山", "water_source": "piped", "income_per_head": "9000"}
MEMBERS = [
    {"name": "m1", "household_id": "h1", "full_name": "田大山", "relation": "01", "sex": "1", "birth_date": "1970-01-01",
     "state": "active"},
    {"name": "m2", "household_id": "h1", "full_name": "彭水花", "relation": "02", "sex": "2", "birth_date": "1972-05-01",
     "state": "active"},
]  # fmt: skip


@pytest.fixture(scope="module")
def form() -> Form:
    library = load_library(FOLDER)
    assert library.problems == []
    return library.forms["visit"]


def ids() -> Callable[[], str]:
    counter = count(1)
    return lambda: f"id-{next(counter)}"


def opened(form: Form) -> Instance:
    return Instance(
        form, now=NOW, external={"household": [HOUSEHOLD], "member": MEMBERS}, prefill={"household_id": "h1"}, ids=ids()
    )


def filled(form: Form) -> Instance:
    visit = opened(form)
    for path, text in {
        "/data/meet/respondent": "head",
        "/data/people/new_members": "1",
        "/data/people/member[3]/full_name": "田小宝",
        "/data/people/member[3]/join_reason": next(
            choice["name"] for choice in form.definition["lists"]["join_reason"]
        ),
        "/data/people/member[3]/relation": "07",
        "/data/people/member[3]/sex": "1",
        "/data/living/water_source": "piped",
        "/data/income/income_wage": "27000",
        "/data/problems/has_problem": "no",
        "/data/close/satisfaction": "5",
    }.items():
        assert visit.set_value(path, text) in ("ok", "required"), path
    return visit


def submission(visit: Instance) -> dict[str, Any]:
    finished = visit.finalize()
    assert finished.violations == []
    return {"answers": copy.deepcopy(finished.answers), "ended": "2026-11-24T20:40:00.000+08:00"}


def test_v1_opening_prefills(form: Form) -> None:
    visit = opened(form)
    assert visit.errors == {}
    assert visit.count("/data/people/member") == 2
    assert visit.value("/data/people/member[2]/full_name") == "彭水花"
    assert visit.value("/data/living/water_source") == "piped"
    assert visit.instance_name() == "田大山 2026-11-24"
    assert form.nodes["/data/living/water_source"]["carried"] == {"list": "household", "property": "water_source"}


def test_v2_a_new_member_keeps_its_id(form: Form) -> None:
    visit = filled(form)
    fresh = visit.value("/data/people/member[3]/member_id")
    assert fresh and visit.value("/data/people/member[1]/member_id") == "m1"
    visit.set_value("/data/income/school_cost", "10")
    visit.set_value("/data/people/member[3]/full_name", "田小贝")
    assert visit.value("/data/people/member[3]/member_id") == fresh


def test_v3_the_register_follows(form: Form) -> None:
    visit = filled(form)
    base = {"household": [{"id": "h1", "fields": HOUSEHOLD}], "member": [{"id": m["name"], "fields": m} for m in MEMBERS]}
    found = {(change.entity, change.id): change for change in changes(form, visit, base)}
    household = found["household", "h1"]
    assert household.kind == "update"
    assert household.fields["water_source"] == {"old": "piped", "new": "piped"}
    assert household.fields["income_per_head"] == {"old": "9000", "new": "9000"}
    assert found["member", "m2"].fields["line"]["new"] == "2"
    created = found["member", visit.value("/data/people/member[3]/member_id")]
    assert created.kind == "create"
    assert created.fields["full_name"] == {"old": None, "new": "田小宝"}
    assert not any(change.entity == "issue" for change in found.values())


def test_v4_an_honest_submission_has_no_problems(form: Form) -> None:
    visit = filled(form)
    ops = [asdict(change) for change in changes(form, visit, {})]
    sent = submission(visit)
    register = {"household": [HOUSEHOLD], "member": MEMBERS}
    assert evaluate(form, sent, external=register, ops=ops) == []


@pytest.mark.parametrize(
    ("place", "text", "code"),
    [
        (("close", "satisfaction"), "", "required"),
        (("income", "income_wage"), "-5", "constraint"),
        (("income", "net_income"), "1", "calculation"),
        (("meet", "proxy_name"), "谁", "irrelevant"),
        (("meet", "nowhere"), "x", "unknown_path"),
        (("living", "water_source"), "no-such", "not_a_choice"),
    ],
)
def test_v4_what_may_not_be_sent_is_found(form: Form, place: tuple[str, str], text: str, code: str) -> None:
    sent = submission(filled(form))
    sent["answers"][place[0]][place[1]] = text
    found = {(problem.code, problem.path) for problem in evaluate(form, sent)}
    assert (code, f"/data/{place[0]}/{place[1]}") in found


def test_v4_other_register_changes_are_found(form: Form) -> None:
    visit = filled(form)
    ops = [asdict(change) for change in changes(form, visit, {})]
    ops[0]["fields"]["water_source"]["new"] = "river"
    ops.append({"entity": "member", "id": "stranger", "kind": "create", "fields": {}})
    del ops[1]
    codes = {problem.code for problem in evaluate(form, submission(visit), ops=ops)}
    assert codes == {"entity_differs", "entity_unexpected", "entity_missing"}


def test_v5_a_newer_register_is_no_fault(form: Form) -> None:
    sent = submission(filled(form))
    newer = {"household": [HOUSEHOLD | {"income_per_head": "1"}], "member": MEMBERS[:1]}
    assert evaluate(form, sent, external=newer) == []


def test_a_draft_opens_as_it_was_left(form: Form) -> None:
    visit = filled(form)
    again = Instance(
        form,
        now=NOW,
        external={"household": [HOUSEHOLD | {"water_source": "well"}], "member": MEMBERS},
        answers=visit.answers(hidden=True),
        ids=ids(),
    )
    assert again.answers(hidden=True) == visit.answers(hidden=True)
