"""What pyxform lets through without Java, and what an author should look at though the form can be used."""

from __future__ import annotations

from typing import Any

import pytest

from tests.forms_sheets import faults, form, told

YN = "list_name | name | label\n yn | yes | Yes\n yn | no | No"
ONE = "type | name | label | {column}\n integer | a | A | \n text | b | B | {cell}"

CELLS = [
    ("relevant", "(${a} + 1", "unclosed", 1),
    ("relevant", "${a} = 'yes", "unclosed", 8),
    ("relevant", "${a} == 1", "syntax", 7),
    ("relevant", "${a} = 1 and", "syntax", 13),
    ("relevant", "${a} = 1 AND ${a} < 3", "syntax", 10),
    ("relevant", "${a} <> 1", "syntax", 7),
    ("constraint", ". > 5 && . < 9", "syntax", 7),
    ("calculation", "summ(${a}, 1)", "unknown_function", 1),
    ("calculation", "1 + if(${a} = 1, 'x')", "argument_count", 5),
    ("calculation", "round()", "argument_count", 1),
    ("calculation", "count('x')", "argument_type", 1),
    ("calculation", "/data/nowhere + 1", "unknown_path", 0),
    ("calculation", "instance('none')/root/item[name = ${a}]/label", "unknown_instance", 0),
    ("constraint", "regex(., '[a-z')", "bad_regex", 0),
    ("constraint", "regex(., '(a')", "bad_regex", 0),
    ("calculation", "${b} + 1", "cycle", 0),
    ("relevant", "${a} = yes", "unquoted_text", 0),
    ("required", "sure", "unquoted_text", 0),
    ("calculation", "indexed-repeat(${a}, ${a}, 1)", "indexed_repeat", 0),
    ("relevant", "${a} ＝ 1", "full_width", 6),
    ("relevant", "selected（${a}，1）", "full_width", 9),
    ("default", "today( + 1", "syntax", 8),
]


@pytest.mark.parametrize(("column", "cell", "code", "position"), CELLS)
def test_a_broken_expression_is_told_with_its_place(column: str, cell: str, code: str, position: int) -> None:
    found = faults(ONE.format(column=column, cell=cell))
    assert told(found) == [(code, "survey", 3, column)]
    assert found[0].position == position


def test_a_function_that_is_nearly_right_brings_a_suggestion() -> None:
    (found,) = faults(ONE.format(column="calculation", cell="cuont-selected(${a})"))
    assert found.values["near"] == "count-selected"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("Select_One yn", "select_one yn"), ("select_on yn", "select_one yn"), ("intger", "integer"), ("beginrepeat", "begin repeat"),
     ("Text", "text"), ("Begin Group", "begin group"), ("select_mulitple yn", "select_multiple yn")],
)  # fmt: skip
def test_a_type_that_is_nearly_right_brings_a_suggestion(typed: str, meant: str) -> None:
    found = faults(f"type | name | label\n text | a | A\n {typed} | b | B", choices=YN)
    assert [one.values["near"] for one in found if one.code == "unknown_type"] == [meant]


def test_everything_is_told_at_once() -> None:
    found = faults(
        """type | name | label | relevant | calculation
        begin group | g | G | |
        text | my age | A | |
        txet | b | B | |
        select_one y_n | c | C | ${nobody} = 1 |
        integer | c | C | (1 |
        calculate | d | | | summ(1)
        text | e | | |""",
        choices="list_name | name | label\n yn | yes | Yes\n yn | yes | Yes\n yn | | No",
    )
    assert sorted({one.code for one in found}) == [
        "bad_name", "choice_without_name", "duplicate_choice", "duplicate_name", "missing_label", "unclosed", "unknown_function",
        "unknown_list", "unknown_name", "unknown_type", "unmatched_begin",
    ]  # fmt: skip
    assert {one.code: one.row for one in found}["unmatched_begin"] == 2


def test_a_filter_on_a_column_that_is_not_there() -> None:
    survey = "type | name | label | choice_filter\n text | a | A | \n select_one yn | b | B | regoin = ${a}"
    found = faults(survey, choices="list_name | name | label | region\n yn | yes | Yes | x")
    assert told(found) == [("filter_column", "survey", 3, "choice_filter")]
    assert found[0].values["near"] == "region"
    assert faults(survey.replace("regoin", "region"), choices="list_name | name | label | region\n yn | yes | Yes | x") == []


@pytest.mark.parametrize(
    "filter_",
    ["instance('yn')/root/item[zzz = 1]/name = name", "selected(${a}, name)", "${a}[zzz = 1] != ''", "true()", "position() > 1",
     "name != ${a} and label != ''"],
)  # fmt: skip
def test_a_filter_that_reads_other_things_is_left_alone(filter_: str) -> None:
    survey = f"type | name | label | choice_filter\n text | a | A | \n select_one yn | b | B | {filter_}"
    assert faults(survey, choices=YN) == []


@pytest.mark.parametrize("pattern", [r"^[\\p{L} ]+$", r"\\p{Lu}.*", "[[:alpha:]]+", r"^(?<year>\\d{4})$", r"[0-9]{3,}+", "^[^@]+@[^@]+$"])
def test_patterns_of_other_engines_are_not_refused(pattern: str) -> None:
    assert faults(ONE.format(column="constraint", cell=f"regex(., '{pattern}')")) == []


def warned(survey: str, **sheets: str) -> list[tuple[str, str, int | None, str]]:
    return [one for one in told(form(survey, **sheets).warnings) if one[0] not in ("no_form_id", "no_version")]


WARNINGS: list[tuple[str, dict[str, Any], tuple[str, str, int | None, str]]] = [
    ("type | name | label\n text | a | A\n begin group | g | G\n end group | | ", {}, ("empty_group", "survey", 3, "type")),
    ("type | name | label | constrant\n text | a | A | 1", {}, ("unknown_column", "survey", 1, "constrant")),
    ("type | name | label | appearance\n text | a | A | multilin", {}, ("unknown_appearance", "survey", 2, "appearance")),
    ("type | name | label | appearance\n text | a | A | likert", {}, ("no_effect", "survey", 2, "appearance")),
    ("type | name | label | appearance\n text | a | A | ex:org.app(x=1, y='a b')", {}, ("unsupported_appearance", "survey", 2, "appearance")),
    ("type | name | label\n simserial | s | \n text | a | A", {}, ("unsupported_type", "survey", 2, "type")),
    ("type | name | label | bind::foo\n text | a | A | x", {}, ("unsupported_column", "survey", 2, "bind::foo")),
    ("type | name | label | parameters\n geopoint | a | A | allow-mock-accuracy=true", {}, ("unsupported_parameter", "survey", 2, "parameters")),
    ("type | name | label\n text | a | A", {"settings": "form_id | version | public_key\n f | 1 | abc"}, ("unsupported_setting", "settings", 2, "public_key")),
    ("type | name | label\n text | a | A", {"settings": "form_id | version\n a/b | 1"}, ("changed_form_id", "settings", 2, "form_id")),
    ("type | name | label | required\n note | a | A | yes", {}, ("required_hidden", "survey", 2, "required")),
    ("type | name | label | constraint_message\n text | a | A | no", {}, ("message_alone", "survey", 2, "constraint_message")),
    ("type | name | label | default\n select_one yn | a | A | maybe", {"choices": YN}, ("bad_default", "survey", 2, "default")),
    ("type | name | label\n select_one yn | a | A", {"choices": YN + "\n zz | q | Q"}, ("unused_list", "choices", 4, "list_name")),
    ("type | name | label\n select_one yn | a | A", {"choices": "list_name | name | label\n yn | yes | Yes\n yn | no | "}, ("choice_without_label", "choices", 3, "label")),
    ("type | name | label::A (aa) | label::B (bb)\n text | a | A | B\n text | b | A | ", {}, ("blank_translation", "survey", 3, "label::B (bb)")),
    ("type | name | label::A (aa) | label::B (bb)\n select_one yn | a | A | B", {"choices": "list_name | name | label::A (aa)\n yn | y | Y"}, ("missing_translation", "choices", 1, "")),
    ("type | name | label\n text | a | A\n text | A | B", {}, ("name_case", "survey", 3, "name")),
    ("type | name | label\n text | a | A", {"choises": YN}, ("sheet_name_near", "choises", None, "")),
]  # fmt: skip


@pytest.mark.parametrize(("survey", "sheets", "expected"), WARNINGS)
def test_doubts_are_warnings(survey: str, sheets: dict[str, str], expected: tuple[str, str, int | None, str]) -> None:
    assert expected in warned(survey, **sheets)
    for one in form(survey, **sheets).warnings:
        for lang in ("zh", "en"):
            said = one.message(lang).partition("; did you mean")[0].partition(";是不是")[0] + one.next(lang)
            assert "?" not in said and "{" not in said, one


def test_a_plain_form_has_no_warnings() -> None:
    settings = "form_title | form_id | version\n T | t | 1"
    assert form("type | name | label\n text | a | A\n select_one yn | b | B", choices=YN, settings=settings).warnings == []


def test_choices_from_a_question_that_is_in_no_repeat() -> None:
    assert told(faults("type | name | label\n text | a | A\n select_one ${a} | b | B")) == [("no_repeat", "survey", 3, "type")]
    assert told(faults("type | name | label\n select_one ${nobody} | b | B")) == [("unknown_name", "survey", 2, "type")]


def test_types_of_the_kobo_editor_are_named() -> None:
    found = faults("type | name | label\n begin_score | b | B\n score__row | c | C\n end_score | | ")
    assert [(one.code, one.row) for one in found if one.code == "kobo_type"] == [("kobo_type", 2), ("kobo_type", 3), ("kobo_type", 4)]


def test_a_group_that_waits_for_its_own_question_is_a_circle() -> None:
    found = faults("type | name | label | relevant\n begin group | g | G | ${b} = 1\n text | b | B | \n end group | | | ")
    assert told(found) == [("cycle", "survey", 2, "relevant")]
