"""What changed between two versions of a form.

D1 added, removed, moved, retyped, relabelled questions; choices; logic; settings
D2 a removed and an added question with the same label are suggested as one renamed; never when it is unclear
D3 moving a group changes no logic of its questions
D4 a name never changes its type, against any published version
D5 answers of all versions are one table by name; renames, repeats and doubled names included
"""

from __future__ import annotations

from typing import Any

from forms.compile import compile_form
from forms.diff import diff, merged_tables, retyped_since

CHOICES = [("yes", "是"), ("no", "否")]


def form(*rows: str, choices: list[tuple[str, str]] | None = None, settings: str = "| 小表 | mini | 1 | pages |") -> Any:
    """rows: survey rows after the header type, name, label, relevant, constraint."""
    lines = ["| survey |", "| | type | name | label::中文 (zh) | relevant | constraint |", *(f"| {row} |" for row in rows)]
    lines += ["| choices |", "| | list_name | name | label::中文 (zh) |"]
    lines += [f"| | yes_no | {name} | {label} |" for name, label in choices or CHOICES]
    lines += ["| settings |", "| | form_title | form_id | version | style |", f"| {settings}"]
    return compile_form("\n".join(lines), "mini.md").definition


BASE = (
    "| text | name | 姓名 | | ",
    "| integer | age | 年龄 | | . < 150",
    "| select_one yes_no | water | 饮水安全吗 | ${age} > 3 | ",
)


def names(questions: Any) -> list[str]:
    return [one.name for one in questions]


def test_nothing_changed() -> None:
    assert diff(form(*BASE), form(*BASE)).nothing


def test_added_removed_and_order() -> None:
    found = diff(form(*BASE), form(BASE[1], BASE[0], "| text | phone | 电话 | | "))
    assert (names(found.added), names(found.removed)) == (["phone"], ["water"])
    assert found.reordered
    assert not found.renamed


def test_a_renamed_question_is_suggested() -> None:
    found = diff(form(*BASE), form(BASE[0], BASE[1], "| select_one yes_no | water_ok | 饮水安全吗? | ${age} > 3 | "))
    assert [(pair.before.name, pair.after.name) for pair in found.renamed] == [("water", "water_ok")]


def test_no_rename_of_another_type_or_when_two_look_alike() -> None:
    other_type = diff(form("| text | a | 备注 | | "), form("| integer | b | 备注 | | "))
    assert not other_type.renamed
    two = diff(form("| text | a | 备注 | | "), form("| text | b | 备注 | | ", "| text | c | 备注 | | "))
    assert not two.renamed


def test_labels_choices_logic_and_settings() -> None:
    newer = form(
        "| text | name | 户主姓名 | | ", "| integer | age | 年龄 | | . < 130", "| select_one yes_no | water | 饮水安全吗 | | ",
        choices=[("yes", "安全"), ("unknown", "不清楚")], settings="| 新表 | mini | 2 | |",
    )  # fmt: skip
    found = diff(form(*BASE), newer)
    assert [(one.question.name, one.before, one.after) for one in found.labels] == [("name", "姓名", "户主姓名")]
    (choices,) = found.choices
    assert [value for value, _label in choices.added] == ["unknown"]
    assert [value for value, _label in choices.removed] == ["no"]
    assert [value for value, _old, _new in choices.relabelled] == ["yes"]
    assert {one.question.name: one.columns for one in found.logic} == {"age": ("constraint",), "water": ("relevant",)}
    assert set(found.settings) == {"title", "style"}


def test_moving_into_a_group_is_told_and_changes_no_logic() -> None:
    moved = form("| begin_group | g | 组 | | ", *BASE, "| end_group | | | | ")
    found = diff(form(*BASE), moved)
    assert names(pair.after for pair in found.moved) == ["name", "age", "water"]
    assert not found.logic
    assert not found.left_table


def test_moving_into_a_repeat_leaves_the_table() -> None:
    moved = form("| begin_repeat | member | 成员 | | ", BASE[0], "| end_repeat | | | | ", *BASE[1:])
    found = diff(form(*BASE), moved)
    assert names(pair.after for pair in found.left_table) == ["name"]


def test_a_type_never_changes_against_any_version() -> None:
    first, second = form(*BASE), form(BASE[0])
    third = form(BASE[0], "| text | age | 年龄 | | ")
    assert [(version, pair.after.name) for version, pair in retyped_since([("2", second), ("1", first)], third)] == [("1", "age")]
    assert not retyped_since([("2", second)], third)
    as_repeat = form(BASE[0], "| begin_repeat | age | 年龄 | | ", "| text | x | x | | ", "| end_repeat | | | | ")
    assert retyped_since([("1", first)], as_repeat)
    note = form("| note | age | 年龄 | | ")
    assert not retyped_since([("1", note)], first)


def test_one_table_for_all_versions() -> None:
    first = form("| text | name | 姓名 | | ", "| text | old | 旧题 | | ")
    second = form("| begin_group | g | 组 | | ", "| text | full_name | 姓名 | | ", "| end_group | | | | ",
                  "| text | new | 新题 | | ")  # fmt: skip
    main = merged_tables([("2", second), ("1", first)], {"2": {"full_name": "name"}})[""]
    assert list(main.columns) == ["full_name", "new", "old"]
    assert main.columns["full_name"].paths == {"2": "/data/g/full_name", "1": "/data/name"}
    assert main.columns["old"].paths == {"1": "/data/old"}
    apart = merged_tables([("2", second), ("1", first)])[""]
    assert list(apart.columns) == ["full_name", "new", "name", "old"]


def test_renames_follow_one_another_and_a_freed_name_may_be_used_again() -> None:
    one, two = form("| text | a | 甲 | | "), form("| text | b | 甲 | | ")
    three = form("| text | c | 甲 | | ", "| text | a | 乙 | | ")
    main = merged_tables([("3", three), ("2", two), ("1", one)], {"3": {"c": "b"}, "2": {"b": "a"}})[""]
    assert main.columns["c"].paths == {"3": "/data/c", "2": "/data/b", "1": "/data/a"}
    assert main.columns["a"].paths == {"3": "/data/a"}


def test_a_repeat_is_a_table_and_doubled_names_stay_apart() -> None:
    both = form("| begin_repeat | member | 成员 | | ", "| text | note1 | 备注 | | ", "| end_repeat | | | | ",
                "| begin_group | g | 组 | | ", "| text | remark | 说明 | | ", "| end_group | | | | ",
                "| begin_group | h | 组二 | | ", "| text | remark | 说明 | | ", "| end_group | | | | ")  # fmt: skip
    tables = merged_tables([("1", both)])
    assert list(tables) == ["", "member"]
    assert list(tables["member"].columns) == ["note1"]
    assert list(tables[""].columns) == ["/data/g/remark", "/data/h/remark"]
