"""Forms as they are written in the field: every spelling pyxform takes, with all their questions."""

from __future__ import annotations

import pytest
from pyxform.question_type_dictionary import QUESTION_TYPE_DICT

from forms.support import APPEARANCES, TYPES, page
from forms.support import appearance as known_appearance
from forms.vocabulary import type_of
from tests.forms_sheets import form

YN = "list_name | name | label\n yn | yes | Yes\n yn | no | No"


def types(survey: str, **sheets: str) -> list[tuple[str, str]]:
    return [(one["path"], one["type"]) for one in form(survey, **sheets).questions()]


PLAIN = sorted(
    name
    for name in QUESTION_TYPE_DICT
    if "select" not in name and type_of(name).kind == "question" and type_of(name).name not in ("audit", "csv-external", "xml-external", "background-geopoint")
)


@pytest.mark.parametrize("name", PLAIN)
def test_every_spelling_of_a_type_loads(name: str) -> None:
    calculation = "1" if name == "calculate" else ""
    ((path, kind),) = types(f"type | name | label | calculation\n {name} | q | Q | {calculation}")
    assert path == "/data/q"
    assert kind in TYPES


@pytest.mark.parametrize(
    "command",
    ["select_one", "select one", "select1", "select one from", "add select one prompt using", "select_multiple",
     "select all that apply", "select all that apply from", "add select multiple prompt using", "rank"],
)  # fmt: skip
def test_every_spelling_of_a_select_loads(command: str) -> None:
    ((_, kind),) = types(f"type | name | label\n {command} yn | q | Q", choices=YN)
    assert kind in ("select_one", "select_multiple", "rank")


def test_old_columns_and_languages() -> None:
    made = form(
        "command | tag | caption:English | caption:中文 | media:image:English | relevance | constraining_message | constraint | read_only | body:accuracyThreshold | bind:foo\n"
        " q geopoint | place | Place | 地点 | p.png | true() | no | . != '' | yes | 5 | x",
        settings="set_form_id | set_form_title | default_language\n My_Form.v2 | T | 中文",
    )
    node = made.nodes["/data/place"]
    assert (made.form_id, made.definition["languages"], made.definition["default_language"]) == ("My_Form.v2", ["English", "中文"], "中文")
    assert node["label"] == {"English": "Place", "中文": "地点"}
    assert node["media"] == {"image": {"English": "p.png"}}
    assert node["constraint_message"] == {"中文": "no"}
    assert (node["readonly"], node["body"], node["bind"]) == (True, {"accuracyThreshold": "5"}, {"foo": "x"})
    assert made.definition["attachments"] == ["p.png"]


def test_groups_repeats_loops_and_what_pyxform_adds() -> None:
    found = types(
        """type | name | label | appearance | repeat_count
        start | start | | |
        begin_group | g | G | table-list |
        select_one yn | t1 | T | |
        end_group | | | |
        begin repeat | r | R | | ${n} + 1
        begin lgroup | inner | I | |
        note | | just a note | |
        select_one yn or_other | c | C | |
        end lgroup | | | |
        end repeat | | | |
        begin loop over kinds | l | L | |
        integer | number | How many %(label)s | |
        end loop | | | |
        integer | n | N | |
        audit | | | |""",
        choices=YN + "\n kinds | yes | Yes\n kinds | no | No",
    )
    assert found == [
        ("/data/start", "start"),
        ("/data/g/generated_table_list_label_3", "note"),
        ("/data/g/reserved_name_for_field_list_labels_4", "select_one"),
        ("/data/g/t1", "select_one"),
        ("/data/r_count", "calculate"),
        ("/data/r/inner/generated_note_name_8", "note"),
        ("/data/r/inner/c", "select_one"),
        ("/data/r/inner/c_other", "text"),
        ("/data/l/yes/number", "integer"),
        ("/data/l/no/number", "integer"),
        ("/data/n", "integer"),
        ("/data/meta/audit", "audit"),
    ]


def test_what_pyxform_adds_is_marked_and_speaks_the_forms_languages() -> None:
    made = form(
        "type | name | label::中文 (zh) | label::English (en)\n select_one yn or_other | a | 甲 | A",
        choices="list_name | name | label::中文 (zh) | label::English (en)\n yn | y | 是 | Yes",
    )
    other = made.nodes["/data/a_other"]
    assert (other["generated"], other["label"]) == ("or_other", {"zh": "其他,请说明", "en": "Specify other."})
    assert made.definition["lists"]["yn"][-1] == {"name": "other", "label": {"zh": "其他", "en": "Other"}}


def test_disabled_rows_comments_and_blank_rows() -> None:
    found = types(
        "type | name | label | disabled | remark\n text | a | A | | x\n text | b | B | yes | \n | | | | only a remark\n integer | c | C | no | "
    )
    assert found == [("/data/a", "text"), ("/data/c", "integer")]


def test_rows_are_counted_as_the_author_sees_them() -> None:
    made = form("type | name | label | disabled | relevant\n text | a | A | yes | \n simserial | b | | | ")
    assert [(one.code, one.row) for one in made.warnings if one.code == "unsupported_type"] == [("unsupported_type", 3)]


def test_sources_of_choices() -> None:
    made = form(
        """type | name | label | choice_filter | appearance | parameters
        select_one_from_file shops.csv | a | A | kind = 'x' | | value=id label=title
        select_multiple_from_file places.geojson | b | B | | |
        begin repeat | r | R | | |
        text | name | N | | |
        end repeat | | | | |
        select_one ${name} | c | C | ./name != '' | |
        select_one_external towns | d | D | state = ${a} | |
        select_one found | e | E | | search('people', 'contains', 'name,alias', ${a}) minimal |
        calculate | f | | | |""".replace("calculate | f | | | |", "text | f | F | | |"),
        choices="list_name | name | label\n found | id | full_name\n found | 9 | Nobody of these",
        external_choices="list_name | name | label | state\n towns | t | Town | s",
    )
    nodes = made.nodes
    assert nodes["/data/a"]["items"] == {"instance": "shops", "value": "id", "label": "title"}
    assert nodes["/data/b"]["items"] == {"instance": "places", "value": "id", "label": "title"}
    assert nodes["/data/c"]["items"] == {"repeat": "/data/r/name"}
    assert nodes["/data/d"]["list"] == "external:towns"
    assert made.definition["lists"]["external:towns"] == [{"name": "t", "label": {"default": "Town"}, "extra": {"state": "s"}}]
    assert nodes["/data/e"]["items"] == {
        "instance": "people", "value": "id", "label": "full_name",
        "fixed": [{"name": "9", "label": {"default": "Nobody of these"}}],
    }  # fmt: skip
    assert nodes["/data/e"]["appearance"] == ["minimal"]
    assert nodes["/data/e"]["choice_filter"][0] == "or"
    assert made.definition["attachments"] == ["people.csv", "places.geojson", "shops.csv"]


def test_pulldata_brings_its_own_list() -> None:
    made = form("type | name | label | calculation\n text | a | A | \n calculate | b | | pulldata('fruits', 'name', 'key', ${a})")
    assert made.definition["instances"] == {"fruits": {"kind": "file", "file": "fruits.csv"}}


def test_media_parameters_and_extras_reach_the_definition() -> None:
    made = form(
        """type | name | label::A (aa) | image::A (aa) | big-image::A (aa) | audio | autoplay | guidance_hint | parameters | instance::x | rows
        select_one yn | a | A | i.png | b.png | s.mp3 | audio | G | randomize=true seed=${b} | |
        text | b | B | | | | | | rows=4 | y |""",
        choices="list_name | name | label::A (aa) | image::A (aa) | weight\n yn | y | Y | y.png | 3",
    )
    node = made.nodes["/data/a"]
    assert node["media"] == {"image": {"aa": "i.png"}, "big-image": {"aa": "b.png"}, "audio": {"default": "s.mp3"}}
    assert (node["autoplay"], node["guidance"], node["seed"]) == ("audio", {"default": "G"}, ["ref", "/data/b"])
    assert made.definition["lists"]["yn"] == [{"name": "y", "label": {"aa": "Y"}, "media": {"image": {"aa": "y.png"}}, "extra": {"weight": "3"}}]
    assert (made.nodes["/data/b"]["rows"], made.nodes["/data/b"]["instance"]) == (4, {"x": "y"})


def test_a_form_with_a_root_name_of_its_own() -> None:
    made = form("type | name | label | calculation\n integer | a | A | \n calculate | b | | /household/a + 1", settings="name\n household")
    assert [one["path"] for one in made.questions()] == ["/household/a", "/household/b"]
    assert made.nodes["/data/b"]["calculation"] == ["+", ["path", "/", ["child", "data"], ["child", "a"]], 1]


def test_a_form_without_settings_is_named_after_its_file() -> None:
    made = form("type | name | label\n text | a | A", name="走访 2026.md")
    assert (made.form_id, made.version, made.definition["title"]) == ("走访 2026", "1", {"default": "走访 2026"})


@pytest.mark.parametrize("given", ["yes", "Yes", "TRUE", "true", "true()"])
def test_plain_yes_in_any_condition(given: str) -> None:
    made = form(f"type | name | label | required | relevant\n text | a | A | {given} | {given}")
    assert made.nodes["/data/a"]["required"] is True
    assert made.nodes["/data/a"]["relevant"] == ["fn", "true"]


def test_several_entities_save_by_their_list() -> None:
    made = form(
        "type | name | label | save_to\n begin group | g | G | \n text | a | A | tree#species\n end group | | | \n"
        " begin group | h | H | \n text | b | B | house#colour\n end group | | | ",
        entities="list_name | label\n tree | t\n house | h",
    )
    assert {one["list"]: one["save_to"] for one in made.definition["entities"]} == {
        "tree": {"species": "/data/g/a"}, "house": {"colour": "/data/h/b"},
    }  # fmt: skip


def test_settings_that_are_kept() -> None:
    settings = "form_id | version | style | auto_send | submission_url | namespaces | allow_choice_duplicates\n f | 7 | pages theme-grid | false | http://x | e=\"http://e\" | yes"
    made = form("type | name | label\n text | a | A", settings=settings).definition
    assert made["style"] == ["pages", "theme-grid"]
    assert made["settings"] == {"submission_url": "http://x", "auto_send": "false", "allow_choice_duplicates": "yes", "namespaces": 'e="http://e"'}


def test_the_page_in_docs_is_made_from_the_code() -> None:
    from pathlib import Path

    assert Path("docs/form-support.md").read_text("utf-8") == page()


def test_every_type_and_appearance_is_in_the_table() -> None:
    assert {type_of(name).name for name in QUESTION_TYPE_DICT if type_of(name).kind == "question"} <= set(TYPES)
    for word in ("minimal", "columns-3", "compact-2", "w4", "search('x')", "ex:a.b(c)", "signature"):
        assert known_appearance(word), word
    assert known_appearance("columns-x") is None
    assert all(types for types, _ in APPEARANCES.values())
