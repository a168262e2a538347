"""Compiling forms: what the definition holds, and what is refused with its place."""

from __future__ import annotations

from datetime import datetime

import pytest

from forms.compile import compile_form
from forms.definition import Form
from forms.instance import Instance
from forms.problems import CATALOGUE, FormProblems

SETTINGS = "\n| settings |\n| | form_title | form_id | version |\n| | T | t | 1 |\n"


def form(survey: str, more: str = "") -> Form:
    return compile_form(survey.strip() + "\n" + more + SETTINGS, "t.md")


def refused(survey: str, more: str = "") -> list[tuple[str, int | None, str]]:
    with pytest.raises(FormProblems) as caught:
        form(survey, more)
    return [(problem.code, problem.row, problem.column) for problem in caught.value.problems]


HEAD = "| survey |\n| | type | name | label | relevant | calculation | constraint | trigger | choice_filter |\n"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("| | integer | a | A | ${b | | | | |", "reference"),
        ("| | integer | a | A | (1 + 2 | | | | |", "unclosed"),
        ("| | integer | a | A | 1 == 1 | | | | |", "syntax"),
        ("| | integer | a | A | ${nobody} = 1 | | | | |", "unknown_name"),
        ("| | calculate | a | | | summ(1, 2) | | | |", "unknown_function"),
        ("| | calculate | a | | | if(true(), 1) | | | |", "argument_count"),
        ("| | calculate | a | | | count('x') | | | |", "argument_type"),
        ("| | text | a | A | | | regex(., '[') | | |", "bad_regex"),
        ("| | calculate | a | | | /data/nowhere + 1 | | | |", "unknown_path"),
        ("| | calculate | a | | | instance('none')/root/item/name | | | |", "unknown_instance"),
        ("| | select_one none | a | A | | | | | |", "no_choices_sheet"),
        ("| | calculate | a | | | ${a} + 1 | | | |", "cycle"),
        ("| | integer | a | A | ${b} > 0 | | | | |\n| | integer | b | B | ${a} > 0 | | | | |", "cycle"),
    ],
)
def test_a_bad_form_is_refused_with_its_place(rows: str, expected: str) -> None:
    found = refused(HEAD + rows + "\n| | note | n | N | | | | | |\n")
    assert expected in [code for code, _, _ in found]
    assert all(row in (2, 3) for _, row, _ in found)


def test_all_problems_are_told_at_once() -> None:
    found = refused(HEAD + "| | integer | a | A | 1 == 1 | | | | |\n| | calculate | b | | | summ(1) | | | |\n")
    assert [(code, row) for code, row, _ in found] == [("syntax", 2), ("unknown_function", 3)]


def test_triggers_and_references_become_paths() -> None:
    made = form(
        HEAD
        + "| | begin group | g | G | | | | | |\n| | text | src | S | | | | | |\n| | end group | | | | | | | |\n"
        + "| | text | dest | D | | concat(${src}, 1) | | ${src} | |\n"
    )
    node = made.nodes["/data/dest"]
    assert node["trigger"] == ["/data/g/src"]
    assert node["calculation"] == ["fn", "concat", ["ref", "/data/g/src"], 1]


def test_selects_that_exclude_each_other_are_no_circle() -> None:
    choices = "| choices |\n| | list_name | name | label |\n| | s | a | A |\n| | s | b | B |\n"
    made = form(
        HEAD
        + "| | select_one s | p | P | | | | | name != ${q} |\n| | select_one s | q | Q | | | | | name != ${p} |\n",
        choices,
    )
    assert len(made.definition["order"]) == 2


def test_a_title_may_be_given_in_every_language() -> None:
    survey = "| survey |\n| | type | name | label::中文 (zh) | label::English (en) |\n| | note | n | 好 | Good |\n"
    columns = "form_title | form_title::English (en) | form_id | version | default_language"
    made = compile_form(f"{survey}\n| settings |\n| | {columns} |\n| | 走访 | Visit | t | 1 | 中文 (zh) |\n", "t.md")
    assert made.definition["title"] == {"zh": "走访", "en": "Visit"}
    assert made.title("en") == "Visit"
    assert not list(made.warnings)


def test_a_definition_holds_no_fractions() -> None:
    made = form(HEAD + "| | calculate | a | | | 0.3 * 2 | | | |\n| | note | n | N | | | | | |\n")
    assert made.nodes["/data/a"]["calculation"] == ["*", ["fn", "number", "0.3"], 2]


def test_every_problem_speaks_two_languages() -> None:
    for code, texts in CATALOGUE.items():
        assert len(texts) == 4 and all(texts), code


def test_a_choice_list_called_like_a_register_list_stays_the_forms_own() -> None:
    survey = "| survey |\n| | type | name | label | choice_filter |\n| | text | town | Town | |\n"
    survey += "| | select_one village | village | Village | town = ${town} |\n\n"
    choices = "| choices |\n| | list_name | name | label | town |\n| | village | v1 | One | a |\n| | village | v2 | Two | b |\n"
    form = compile_form(survey + choices, "form.md")
    instance = Instance(form, now=datetime.now().astimezone(), external={"village": []}, ids=lambda: "0")
    instance.set_value("/data/town", "a")
    assert [choice.name for choice in instance.choices("/data/village")] == ["v1"]
    instance.set_value("/data/village", "v1")
    assert instance.value("/data/village") == "v1"
