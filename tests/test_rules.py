"""Checks over the register: every rule raised and not raised, in both languages; rows of the table that cannot be used.

The cases are in tests/vectors/rules.json and facts.json; tests/js/core_rules.test.js runs the same.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from app.config import ROOT
from forms.register import field_of
from forms.rules.facts import members_facts
from forms.rules.reading import FILE, RuleError, read_rules, rules_to_wire, shipped
from forms.rules.remembering import ABOVE, OWN, PEOPLE, split
from forms.rules.running import Checks, Finding

VECTORS = Path(__file__).parent / "vectors"
CASES: dict[str, Any] = json.loads((VECTORS / "rules.json").read_text("utf-8"))
FACTS: dict[str, Any] = json.loads((VECTORS / "facts.json").read_text("utf-8"))
NOW = datetime.fromisoformat(CASES["now"])


def built(case: dict[str, Any]) -> tuple[dict[str, str], list[dict[str, str]], dict[str, str]]:
    """A case's household, members and last values: the clean ones with its changes."""
    clean = CASES["clean"]
    members = [member | case["members"].get(member["id"], {}) for member in clean["members"]]
    return clean["household"] | case["household"], members, clean["last"] | case["last"]


def checks() -> Checks:
    return Checks(shipped(), limits=CASES["limits"])


def test_a_clean_household_raises_nothing() -> None:
    household, members, last = built({"household": {}, "members": {}, "last": {}})
    assert checks().household(household, members, now=NOW, last=last) == []


@pytest.mark.parametrize("case", CASES["cases"], ids=lambda c: f"{c['rule']}-{c['raised']}")
def test_rule(case: dict[str, Any]) -> None:
    household, members, last = built(case)
    found = checks().household(household, members, now=NOW, last=last)
    if case["raised"]:
        assert Finding(case["rule"], case["who"]) in found
    else:
        assert case["rule"] not in {one.rule for one in found}


@pytest.mark.parametrize("case", CASES["visits"], ids=lambda c: f"{c['rule']}-{c['raised']}")
def test_rule_over_a_visit(case: dict[str, Any]) -> None:
    found = {one.rule for one in checks().visit(case["facts"], now=NOW)}
    assert (case["rule"] in found) is case["raised"]


def test_every_rule_has_a_case_that_raises_it() -> None:
    raised = {case["rule"] for case in (*CASES["cases"], *CASES["visits"]) if case["raised"]}
    assert raised == set(shipped().rules)


@pytest.mark.parametrize("household", FACTS["households"])
def test_facts(household: dict[str, Any]) -> None:
    assert members_facts(household["members"], FACTS["today"]) == household["facts"]


def test_known_numbers_of_the_standard() -> None:
    kinds = [facts["id_kind"] for facts in members_facts(
        [{"id_no": "11010519491231002X"}, {"id_no": "440524188001010014"}], "2026-11-24")]  # fmt: skip
    assert kinds == ["citizen", "citizen"]


def test_a_rule_switched_off_is_silent_and_a_limit_is_the_countys() -> None:
    household, members, last = built({"household": {"medical_cost": "6000"}, "members": {}, "last": {}})
    strict = Checks(shipped(), limits={**CASES["limits"], "medical_year": "5000"})
    assert strict.household(household, members, now=NOW, last=last) == [Finding("medical_high")]
    quiet = Checks(shipped(), limits={**CASES["limits"], "medical_year": "5000"}, off={"medical_high"})
    assert quiet.household(household, members, now=NOW, last=last) == []


def test_what_is_remembered_of_others_changes_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """All cases after one another by the same checks, on two days, answer as each by itself with nothing remembered."""
    cases = [built(case) for case in CASES["cases"]]
    days = [NOW, NOW.replace(year=NOW.year + 9)]
    used = checks()
    shared = [used.household(home, people, now=day, last=last) for day in days for home, people, last in [*cases, *cases]]
    monkeypatch.setattr("forms.rules.remembering._fields", lambda tree: None)
    plain = checks()
    alone = [plain.household(home, people, now=day, last=last) for day in days for home, people, last in [*cases, *cases]]
    assert shared == alone
    assert alone[: len(cases)] != alone[-len(cases) :], "the days are to matter"


def test_a_rule_is_split_where_more_than_its_fields_decides() -> None:
    whens = {name: split(rule.when) for name, rule in shipped().rules.items()}
    assert [part.fields for part in whens["uninsured"]] == [{(OWN, "active"), (OWN, "medical_insurance")}]
    assert [part.fields for part in whens["child_age"]] == [{(OWN, "active"), (OWN, "relation")}, None], "ages are too many"
    assert (ABOVE, "status") in whens["dropout_unmonitored"][0].fields
    assert whens["income_change"][0].fields is None, "what was last time is not a field"
    assert [part.fields for part in whens["head_one"]] == [{(PEOPLE, ""), (PEOPLE, "active"), (PEOPLE, "relation")}]
    assert [part.kind for part in whens["wage_no_worker"]] == [0, 1], "what someone earns is not remembered with all people"


def test_without_a_monitoring_line_nobody_is_below_it() -> None:
    household, members, last = built({"household": {"income_per_head": "8000"}, "members": {}, "last": {}})
    assert Checks(shipped()).household(household, members, now=NOW, last=last) == []


def test_values_that_are_no_dates_break_nothing() -> None:
    household, members, last = built({"household": {}, "members": {"m3": {"birth_date": "去年"}}, "last": {}})
    assert isinstance(checks().household(household, members, now=NOW, last=last), list)


def test_every_rule_speaks_both_languages_and_names_the_registers_fields() -> None:
    for rule in shipped().rules.values():
        for words in (rule.message, rule.todo):
            assert all(words[lang].strip() for lang in ("zh", "en")), rule.name
        kind = "member" if rule.over == "member" else "household"
        assert all(field_of(kind, name) or field_of("household", name) or field_of("member", name) for name in rule.fields)
        assert rule.fields or rule.over == "visit", rule.name


@pytest.mark.parametrize(
    "change, told",
    [(("| block |", "| fatal |"), "id_length: severity"), (("| member | block |", "| person | block |"), "id_length: over"),
     (("limit/medical_year", "limit/medical"), "medical_high: when: no limit"), (("| id_no |", "| idno |"), "id_length: fields"),
     (("sex = '2' and", "sex = '2 and"), "relation_sex: when"), (("| id_date |", "| id_length |"), "id_length: name")],
)  # fmt: skip
def test_a_row_that_cannot_be_used_is_named(change: tuple[str, str], told: str) -> None:
    with pytest.raises(RuleError, match=told):
        read_rules(FILE.read_text("utf-8").replace(change[0], change[1], 1))


def test_the_phones_copy_is_small_and_whole() -> None:
    wire = rules_to_wire(shipped())
    assert len(wire["rules"]) == len(shipped().rules)
    assert len(json.dumps(wire, ensure_ascii=False).encode()) < 60_000


def test_javascript_says_the_same(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node here")
    (tmp_path / "rules.json").write_text(json.dumps(rules_to_wire(shipped())), "utf-8")
    done = subprocess.run(
        [node, "--test", str(ROOT / "tests/js/core_rules.test.js")], capture_output=True, text=True, timeout=60,
        env={"RULES": str(tmp_path / "rules.json"), "PATH": "/usr/bin:/bin", "TZ": "Asia/Shanghai"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
