"""The shipped forms, all of them, in both engines.

L1 every form compiles, in Chinese and English, every question labelled in both.
L2 one name is one question: same type, same list, same label, same register field in every form.
L3 what is saved goes to a field the register has, of the same kind and list.
L4 an unchanged household is finished with the answers counted here, in both engines.
L5 an answer given in one form is offered in every other that asks it.
L6 the rules of the field hold: what cannot be true is refused, what is doubtful is said.
L7 the server finds nothing wrong in an honest submission.
"""

from __future__ import annotations

import copy
import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from forms.cli import run_js
from forms.definition import Form, text_of
from forms.entities import changes
from forms.instance import Instance
from forms.library import load_library
from forms.register import FIELDS, field_of
from forms.review import evaluate
from forms.vectors import run_scenario

FOLDER = Path(__file__).parent.parent / "forms" / "library"
NOW = "2026-11-24T20:15:03.123+08:00"
LIBRARY = load_library(FOLDER)
FORMS = LIBRARY.forms
NAMES = {"visit", "register", "income", "assurance", "exit-check", "lookback", "monitoring", "village", "satisfaction"}
each_form = pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))

HOUSEHOLD = {
    "name": "h1", "label": "田大山", "head_name": "田大山", "status": "exited", "support": "none", "cause": "01",
    "food_ok": "yes", "clothing_ok": "yes", "housing_level": "B", "housing_basis": "assessed", "resettled": "none",
    "water_source": "piped", "water_safe": "yes", "water_quantity": "yes", "water_quality": "yes", "water_near": "yes",
    "income_wage": "27000", "income_business": "4000", "income_property": "0", "income_transfer": "2000",
    "business_cost": "3000", "income_per_head": "10000", "medical_cost": "500", "school_cost": "0",
    "cropland": "4", "helper_name": "王珍", "helper_visits": "monthly", "policies": "health", "exit_year": "2018",
}  # fmt: skip
MEMBERS = [
    {"name": "m1", "household_id": "h1", "full_name": "田大山", "relation": "01", "sex": "1", "birth_date": "1970-01-01",
     "state": "active", "health": "01", "labour": "01", "work_area": "04", "work_months": "10",
     "medical_insurance": "resident", "serious_insurance": "yes", "education": "03"},
    {"name": "m2", "household_id": "h1", "full_name": "彭水花", "relation": "02", "sex": "2", "birth_date": "1972-05-01",
     "state": "active", "health": "02", "labour": "01", "work_area": "none", "medical_insurance": "resident",
     "serious_insurance": "yes", "education": "02"},
    {"name": "m3", "household_id": "h1", "full_name": "田小宝", "relation": "03", "sex": "1", "birth_date": "2016-05-01",
     "state": "active", "health": "01", "student_stage": "03", "medical_insurance": "resident", "serious_insurance": "yes"},
]  # fmt: skip
VILLAGE = {"name": "500156105203", "village_title": "清水村", "households_count": "412", "people_total": "1502",
           "groups_count": "6", "collective_income": "35000", "weaknesses": "none"}  # fmt: skip
PREFILL = {"household_id": "h1", "village_id": "500156105203"}
REGISTER = {"household": [HOUSEHOLD], "member": MEMBERS, "village": [VILLAGE]}

# What a person must answer where nothing has changed, signature aside.
UNCHANGED: dict[str, dict[str, str]] = {
    "visit": {"meet/respondent": "head", "problems/has_problem": "no", "close/satisfaction": "5"},
    "register": {"meet/respondent": "head"},
    "income": {"meet/respondent": "head"},
    "assurance": {"meet/respondent": "head", "problems/has_problem": "no"},
    "exit-check": {"meet/respondent": "head", "procedure/household_agrees": "yes", "conclusion/exit_result": "exit"},
    "lookback": {"meet/respondent": "head", "matches/has_match": "no", "conclusion/verdict": "right",
                 "conclusion/recognition": "yes", "problems/has_problem": "no"},
    "monitoring": {"meet/respondent": "head", "meet/has_risk": "no"},
    "village": {},
    "satisfaction": {"meet/respondent": "head", "opinion/satisfaction": "5", "opinion/approve_policy": "yes",
                     "opinion/approve_measures": "yes", "opinion/approve_results": "yes",
                     "opinion/approve_helper": "yes", "opinion/recognition": "yes"},
}  # fmt: skip


def ids() -> Callable[[], str]:
    counter = count(1)
    return lambda: f"id-{next(counter)}"


def opened(form: Form, register: Mapping[str, Any] = REGISTER, **more: Any) -> Instance:
    return Instance(form, now=datetime.fromisoformat(NOW), external=register, prefill=PREFILL, ids=ids(), **more)


def filled(form: Form, register: Mapping[str, Any] = REGISTER) -> Instance:
    instance = opened(form, register)
    for path, text in UNCHANGED[form.form_id].items():
        assert instance.set_value(f"/data/{path}", text) == "ok", path
    return instance


def questions(form: Form) -> list[Mapping[str, Any]]:
    return [node for node in form.definition["nodes"] if node["kind"] == "question"]


def labelled(form: Form) -> list[Mapping[str, Any]]:
    return [node for node in form.definition["nodes"] if node.get("label")]


# ---- L1 ----------------------------------------------------------------------------------------------


def test_l1_every_shipped_form_compiles() -> None:
    assert LIBRARY.problems == []
    assert set(FORMS) == NAMES


@each_form
def test_l1_everything_shown_is_in_both_languages(form: Form) -> None:
    assert set(form.definition["languages"]) == {"zh", "en"}
    for node in labelled(form):
        for part in ("label", "hint", "constraint_message"):
            text = node.get(part)
            assert text is None or {"zh", "en"} <= set(text), (node["path"], part)
    for name, choices in form.definition["lists"].items():
        assert all({"zh", "en"} <= set(choice["label"]) for choice in choices), name


@each_form
def test_l1_a_broken_rule_says_what_to_do(form: Form) -> None:
    assert [node["path"] for node in questions(form) if "constraint" in node and not node.get("constraint_message")] == []


@each_form
def test_l1_pages_are_groups_and_someone_signs(form: Form) -> None:
    assert "pages" in form.definition["style"]
    loose = [node for node in questions(form) if node["parent"] == "/data" and node.get("label")]
    assert loose == []
    assert any("signature" in (node.get("appearance") or ()) for node in questions(form))


@each_form
def test_l1_a_form_about_people_tells_them_what_for_and_records_a_proxy(form: Form) -> None:
    names = {node["name"] for node in questions(form)}
    if form.form_id == "village":
        return
    assert {"privacy_note", "outcome", "respondent", "proxy_name", "proxy_relation", "interpreter"} <= names


# ---- L2, L3 ------------------------------------------------------------------------------------------


def test_l2_one_name_is_one_question_in_every_form() -> None:
    said: dict[str, dict[Any, list[str]]] = defaultdict(lambda: defaultdict(list))
    for form in FORMS.values():
        for node in questions(form):
            label = tuple(text_of(node.get("label"), lang, "zh") for lang in ("zh", "en"))
            key = (node["type"], node.get("list"), *label)
            said[node["name"]][key].append(form.form_id)
    differing = {name: dict(keys) for name, keys in said.items() if len(keys) > 1}
    assert differing == {}


def test_l2_a_name_is_saved_to_and_prefilled_from_one_field() -> None:
    fields: dict[str, set[Any]] = defaultdict(set)
    sources: dict[str, set[Any]] = defaultdict(set)
    for form in FORMS.values():
        for entity in form.definition["entities"]:
            for field, path in entity["save_to"].items():
                fields[form.nodes[path]["name"]].add((entity["list"], field))
        for node in questions(form):
            if node.get("carried"):
                sources[node["name"]].add((node["carried"]["list"], node["carried"]["property"]))
    assert {name: found for name, found in fields.items() if len(found) > 1} == {}
    assert {name: found for name, found in sources.items() if len(found) > 1} == {}
    assert {name for name in sources if name in fields and sources[name] != fields[name]} - {"state", "owner"} == set()


@each_form
def test_l3_saved_answers_have_a_home_of_their_kind(form: Form) -> None:
    kinds = {"code": "select_one", "codes": "select_multiple", "date": "date"}
    for entity in form.definition["entities"]:
        for name, path in entity["save_to"].items():
            node, field = form.nodes[path], field_of(entity["list"], name)
            assert field is not None, (entity["list"], name)
            if node["type"] == "calculate":
                continue
            assert kinds.get(field.type, node["type"]) == node["type"], (path, field.type)
            assert (field.list or None) == node.get("list"), path


def test_l3_no_list_is_written_twice_and_none_is_unused() -> None:
    text = (FOLDER / "lists.md").read_text("utf-8")
    shared = {line.split("|")[2].strip() for line in text.splitlines()[2:]}
    used = {name for form in FORMS.values() for name in form.definition["lists"]}
    used |= {field.list for fields in FIELDS.values() for field in fields}
    assert shared <= used
    for path in FOLDER.glob("*.md"):
        if path.name != "lists.md":
            assert "| choices |" not in path.read_text("utf-8"), path.name


# ---- L4 ----------------------------------------------------------------------------------------------


@each_form
def test_l4_an_unchanged_household_is_soon_done(form: Form) -> None:
    instance = filled(form)
    finished = instance.finalize()
    assert [(one.path, one.code) for one in finished.violations] == []
    assert instance.errors == {}
    assert finished.instance_name.endswith(" 2026-11-24") and len(finished.instance_name) > 12
    pages = [node for node in form.definition["nodes"] if node["parent"] == "/data" and node["kind"] == "group"]
    shown = [page for page in pages if instance.is_relevant(page["path"])]
    # One tap an answer and one a page, which confirms what is carried and goes on.
    assert len(UNCHANGED[form.form_id]) + len(shown) <= 14


@each_form
def test_l4_nobody_at_home_is_two_pages(form: Form) -> None:
    if form.form_id == "village":
        return
    instance = opened(form)
    assert instance.set_value("/data/meet/outcome", "nobody") == "ok"
    finished = instance.finalize()
    assert finished.violations == []
    assert set(finished.answers) <= {"meet", "close", "start", "end", "today", "household_id", "sheet", "known_count"}
    base = {kind: [{"id": row["name"], "fields": row} for row in rows] for kind, rows in REGISTER.items()}
    assert [change for change in changes(form, instance, base) if change.entity == "household"] == []


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_l4_both_engines_answer_alike() -> None:
    cases = [
        {
            "id": form.form_id, "definition": form.definition, "now": NOW, "tz": "Asia/Shanghai", "external": REGISTER,
            "prefill": PREFILL,
            "steps": [*({"do": "set", "path": f"/data/{path}", "value": text} for path, text in UNCHANGED[form.form_id].items()),
                      {"do": "finalize"}],
        }
        for form in FORMS.values()
    ]  # fmt: skip
    for ours, theirs in zip([run_scenario(case) for case in cases], run_js("play", cases), strict=True):
        assert theirs == ours
        assert ours["steps"][-1]["form_valid"] is True


# ---- L5 ----------------------------------------------------------------------------------------------


def changed_text(node: Mapping[str, Any], form: Form, given: str) -> str:
    """Another answer of the right kind."""
    if node.get("list"):
        names = [choice["name"] for choice in form.definition["lists"][node["list"]]]
        return next(name for name in names if name != given)
    return {"integer": "7", "decimal": "3.5", "date": "2019-03-04"}.get(node["type"], "新写的内容")


def test_l5_an_answer_is_offered_wherever_it_is_asked_again() -> None:
    asked: dict[tuple[str, str], list[tuple[Form, Mapping[str, Any]]]] = defaultdict(list)
    for form in FORMS.values():
        for node in questions(form):
            carried = node.get("carried")
            if carried and carried["list"] in ("household", "village"):
                asked[carried["list"], carried["property"]].append((form, node))
    tried = 0
    for (kind, field), places in asked.items():
        for form, node in places:
            fresh = changed_text(node, form, str((HOUSEHOLD if kind == "household" else VILLAGE).get(field, "")))
            after = {kind: [{**(HOUSEHOLD if kind == "household" else VILLAGE), field: fresh}]}
            for other, asking in places:
                instance = opened(other, {**REGISTER, **after})
                held = instance.find(asking["path"])
                assert held is not None and held.text == fresh, (field, other.form_id)
                tried += other is not form
    assert tried > 100
    assert {kind for kind, _ in asked} == {"household", "village"}


def test_l5_a_value_written_in_one_form_reaches_the_next() -> None:
    """From the check of the guarantees, through the register, into visit, look-back and exit."""
    first = filled(FORMS["assurance"])
    assert first.set_value("/data/water/water_source", "spring") == "ok"
    assert first.set_value("/data/people/member[2]/medical_insurance", "employee") == "ok"
    base = {kind: [{"id": row["name"], "fields": row} for row in rows] for kind, rows in REGISTER.items()}
    register = copy.deepcopy({"household": [HOUSEHOLD], "member": MEMBERS})
    for change in changes(FORMS["assurance"], first, base):
        row = next(row for row in register[change.entity] if row["name"] == change.id)
        row.update({name: step["new"] for name, step in change.fields.items()})
    for form_id, path in (("visit", "living"), ("lookback", "living"), ("exit-check", "assured"), ("monitoring", "living")):
        assert value_of(opened(FORMS[form_id], register), f"/data/{path}/water_source") == "spring", form_id
    for form_id, path in (("visit", "people"), ("register", "people"), ("exit-check", "assured")):
        held = opened(FORMS[form_id], register)
        assert value_of(held, f"/data/{path}/member[2]/medical_insurance") == "employee", form_id


def value_of(instance: Instance, path: str) -> str:
    node = instance.find(path)
    assert node is not None
    return node.text


# ---- L6 ----------------------------------------------------------------------------------------------


def test_l6_income_is_worked_out_before_the_persons_eyes() -> None:
    form = FORMS["income"]
    held = filled(form)
    for path, text in {
        "wages/income_away": "30000", "wages/income_public_job": "6000", "business/income_grain": "5000",
        "business/income_fruit": "2000", "business/income_trade": "1000", "costs/cost_method": "rate",
        "costs/cost_trade": "300", "others/income_pension": "1800", "others/income_land_rent": "600",
    }.items():  # fmt: skip
        assert held.set_value(f"/data/{path}", text) == "ok", path
    assert held.value("/data/wages/income_wage") == "36000"
    # 40 % of grain, 15 % of fruit, and the trade's own costs.
    assert held.value("/data/costs/business_cost") == str(2000 + 300 + 300)
    net = 36000 + 8000 + 600 + 1800 - 2600
    assert held.value("/data/result/net_income") == str(net)
    assert held.value("/data/result/income_per_head") == str(round(net / 3))
    assert held.text("/data/result/net_note", "label") == f"二、纯收入 = 总收入 − 经营支出 2600 = {net} 元"
    assert held.set_value("/data/costs/cost_method", "book") == "ok"
    assert held.set_value("/data/costs/cost_crop", "900") == "ok"
    assert held.value("/data/costs/business_cost") == "1200"


def test_l6_without_items_the_known_totals_stay() -> None:
    held = filled(FORMS["income"])
    assert held.value("/data/wages/income_wage") == "27000"
    assert held.value("/data/costs/business_cost") == "3000"
    assert held.value("/data/result/income_per_head") == "10000"


def test_l6_an_id_number_that_does_not_fit_is_doubted_and_kept() -> None:
    held = opened(FORMS["register"])
    member = "/data/people/member[1]"
    assert held.set_value(f"{member}/id_no", "11010519491231002X") == "ok"
    assert held.value(f"{member}/id_doubt") == "和出生日期不一致;和性别不一致;"
    assert held.set_value(f"{member}/birth_date", "1949-12-31") == "ok"
    assert held.set_value(f"{member}/sex", "2") == "ok"
    assert held.value(f"{member}/id_doubt") == "" and not held.is_relevant(f"{member}/id_note")
    held.set_value(f"{member}/id_no", "110105194912310021")
    assert held.value(f"{member}/id_doubt") == "校验位不对;"
    assert held.set_value(f"{member}/id_no", "1101051949") == "constraint"


def test_l6_two_heads_need_a_reason() -> None:
    held = filled(FORMS["register"])
    assert held.set_value("/data/people/member[2]/relation", "01") == "ok"
    assert [one.path for one in held.violations()] == ["/data/people/head_reason"]


def test_l6_other_causes_are_two_at_most_and_not_the_main_one() -> None:
    held = opened(FORMS["register"])
    path = "/data/basic/other_causes"
    assert held.set_value(path, "02 03") == "ok"
    assert held.set_value(path, "02 03 04") == "constraint"
    assert held.set_value(path, "01 02") == "constraint"


@pytest.mark.parametrize(
    ("form_id", "answers", "path", "text"),
    [
        ("exit-check", {"assured/water_safe": "no"}, "conclusion/exit_result", "exit"),
        ("exit-check", {"procedure/notice_from": "2026-11-01"}, "procedure/notice_until", "2026-11-04"),
        ("lookback", {}, "conclusion/verdict", "omitted"),
        ("assurance", {"water/water_quality": "no"}, "water/water_safe", "yes"),
        ("monitoring", {"meet/has_risk": "yes"}, "judgement/monitor_proposed", "marginal"),
        ("village", {}, "place/exited_count", "500"),
    ],
)
def test_l6_what_cannot_be_true_is_refused(form_id: str, answers: dict[str, str], path: str, text: str) -> None:
    held = filled(FORMS[form_id])
    for place, given in answers.items():
        held.set_value(f"/data/{place}", given)
    assert held.set_value(f"/data/{path}", text) == "constraint"
    broken = held.violation(f"/data/{path}")
    assert broken is not None and broken.message


def test_l6_nobodys_assets_are_asked_for_without_their_word() -> None:
    held = filled(FORMS["monitoring"])
    assert held.violations() == []
    held.set_value("/data/meet/has_risk", "yes")
    missing = {one.path.rsplit("/", 1)[1] for one in held.violations()}
    assert {"authorised", "signature_authorise", "clue_source"} <= missing


def test_l6_a_household_leaves_the_list_only_when_it_was_announced() -> None:
    poor = {**REGISTER, "household": [HOUSEHOLD | {"status": "poor"}]}
    held = filled(FORMS["exit-check"], poor)
    base = {"household": [{"id": "h1", "fields": poor["household"][0]}], "member": []}

    def status() -> Any:
        own = next(one for one in changes(FORMS["exit-check"], held, base) if one.entity == "household")
        return own.fields.get("status", {}).get("new")

    assert status() is None
    for path, text in {"notice_from": "2026-11-01", "notice_until": "2026-11-08", "announced": "2026-11-09"}.items():
        assert held.set_value(f"/data/procedure/{path}", text) == "ok"
    assert status() == "exited"


# ---- L7 ----------------------------------------------------------------------------------------------


@each_form
def test_l7_an_honest_submission_passes_the_servers_second_look(form: Form) -> None:
    finished = filled(form).finalize()
    sent = {"answers": copy.deepcopy(finished.answers), "ended": "2026-11-24T20:40:00.000+08:00"}
    assert evaluate(form, sent, external=REGISTER) == []


def test_names_of_forms_files_and_ids_agree() -> None:
    for path in FOLDER.glob("*.md"):
        if path.name != "lists.md":
            assert re.search(rf"\| {path.stem} \|", path.read_text("utf-8")), path.name
