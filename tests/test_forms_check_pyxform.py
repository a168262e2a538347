"""Every complaint of pyxform has a code of ours, with the sheet, row and column where its author must look."""

from __future__ import annotations

import inspect
import re

import pytest
from pyxform.errors import ErrorCode

from forms.catalogue import CATALOGUE
from forms.problems_pyxform import CODES, SENTENCES
from tests.forms_sheets import faults, told

YN = "list_name | name | label\n yn | yes | Yes\n yn | no | No"
TICKS = "list_name | name | label\n t | 0 | low\n t | 10 | high\n odd | 3 | x\n word | a | x\n far | 99 | x\n many | 0 | a\n many | 5 | b\n many | 10 | c"
RANGE = "type | name | label | parameters | appearance\n range | r | R |"
AUDIT = "type | name | label | parameters\n audit | | | {} \n note | n | N | "
GEO = "type | name | label | parameters\n geopoint | g | G |"
ENTITY = "list_name | label"

# id: (survey, other sheets, code, sheet, row, column)
CASES: dict[str, tuple[str, dict[str, str], str, str, int | None, str]] = {
    # names and structure
    "no type column": ("name | label\n a | A", {}, "missing_column", "survey", 1, "type"),
    "no type": ("type | name | label\n text | a | A\n | b | B", {}, "missing_type", "survey", 3, "type"),
    "no name": ("type | name | label\n text | | A", {}, "missing_name", "survey", 2, "name"),
    "group without name": ("type | name | label\n begin group | | A\n text | b | B\n end group | | ", {}, "missing_name", "survey", 2, "name"),
    "bad name": ("type | name | label\n text | my name | A", {}, "bad_name", "survey", 2, "name"),
    "name starts with digit": ("type | name | label\n text | a | A\n text | 1a | A", {}, "bad_name", "survey", 3, "name"),
    "duplicate name": ("type | name | label\n text | a | A\n text | a | B", {}, "duplicate_name", "survey", 3, "name"),
    "name meta": ("type | name | label\n text | meta | A", {}, "reserved_name", "survey", 2, "name"),
    "repeat named data": ("type | name | label\n begin repeat | data | D\n text | a | A\n end repeat | | ", {}, "repeat_named_root", "survey", 2, "name"),
    "two repeats of a name": (
        "type | name | label\n begin group | g | G\n begin repeat | r | R\n text | a | A\n end repeat | | \n end group | | \n"
        " begin repeat | r | R\n text | b | B\n end repeat | | ", {}, "duplicate_repeat_name", "survey", 7, "name"),
    "begin without end": ("type | name | label\n begin group | g | G\n text | a | A", {}, "unmatched_begin", "survey", 2, "type"),
    "end without begin": ("type | name | label\n text | a | A\n end group | | ", {}, "unmatched_end", "survey", 3, "type"),
    "crossed": ("type | name | label\n begin group | g | G\n text | a | A\n end repeat | | ", {}, "crossed_end", "survey", 4, "type"),
    "loop without list": ("type | name | label\n begin loop | l | L\n text | a | A\n end loop | | ", {"choices": YN}, "loop_without_list", "survey", 2, "type"),
    "loop over no list": ("type | name | label\n begin loop over zz | l | L\n text | a | A\n end loop | | ", {"choices": YN}, "unknown_list", "survey", 2, "type"),
    "unknown type": ("type | name | label\n txet | a | A", {}, "unknown_type", "survey", 2, "type"),
    "type in capitals": ("type | name | label\n Text | a | A", {}, "unknown_type", "survey", 2, "type"),
    "old cascades": ("type | name | label\n cascading_select x | a | A", {}, "unknown_type", "survey", 2, "type"),
    "include": ("type | name | label\n include | other_form | A", {}, "unknown_type", "survey", 2, "type"),
    "no label": ("type | name | label | hint\n text | a | A | \n integer | b | | ", {}, "missing_label", "survey", 3, "label"),
    "guidance alone": ("type | name | guidance_hint\n text | a | G", {}, "missing_label", "survey", 2, "label"),
    "big-image alone": ("type | name | label | big-image\n text | a | A | b.png", {}, "big_image_alone", "survey", 2, "big-image"),
    "no calculation": ("type | name | label | calculation\n note | n | N | \n calculate | c | | ", {}, "missing_calculation", "survey", 3, "calculation"),
    # headers
    "two columns mean the same": ("type | name | label | relevant | relevance\n text | a | A | | ", {}, "same_column", "survey", 1, "relevance"),
    "choices without name": ("type | name | label\n select_one l | a | A", {"choices": "list_name | label\n l | x"}, "missing_column", "choices", 1, "name"),
    "settings name": ("type | name | label\n text | a | A", {"settings": "name\n my form"}, "bad_name", "settings", 1, "name"),
    # choices
    "no choices sheet": ("type | name | label\n select_one l | a | A", {}, "no_choices_sheet", "survey", 2, "type"),
    "unknown list": ("type | name | label\n select_one y_n | a | A", {"choices": YN}, "unknown_list", "survey", 2, "type"),
    "choice without name": ("type | name | label\n select_one l | a | A", {"choices": "list_name | name | label\n l | | x\n l | b | B"}, "choice_without_name", "choices", 2, "name"),
    "duplicate choice": ("type | name | label\n select_one l | a | A", {"choices": "list_name | name | label\n l | a | x\n l | a | y"}, "duplicate_choice", "choices", 3, "name"),
    "choice with a space": ("type | name | label\n select_multiple l | a | A", {"choices": "list_name | name | label\n l | a | x\n l | a b | y"}, "choice_with_space", "choices", 3, "name"),
    "list file": ("type | name | label\n select_one_from_file l.pdf | a | A", {}, "bad_list_file", "survey", 2, "type"),
    "no external choices": ("type | name | label | choice_filter\n select_one_external l | a | A | x=1", {}, "no_external_sheet", "survey", 2, "type"),
    "unknown external list": (
        "type | name | label | choice_filter\n select_one_external l | a | A | x=1", {"external_choices": "list_name | name | label\n m | a | A"},
        "unknown_external_list", "survey", 2, "type"),
    "other with filter": ("type | name | label | choice_filter\n select_one yn or_other | a | A | true()", {"choices": YN}, "other_with_filter", "survey", 2, "choice_filter"),
    "other from file": ("type | name | label\n select_one_from_file a.csv or_other | a | A", {}, "other_without_choices", "survey", 2, "type"),
    "table-list filter": (
        "type | name | label | appearance | choice_filter\n begin group | g | G | table-list | \n select_one yn | a | A | | name != ''\n end group | | | | ",
        {"choices": YN}, "table_list_filter", "survey", 3, "choice_filter"),
    "table-list lists": (
        "type | name | label | appearance\n begin group | g | G | table-list\n select_one yn | a | A | \n select_one l | b | B | \n end group | | | ",
        {"choices": YN + "\n l | a | A"}, "table_list_mixed", "survey", 4, "type"),
    "same instance": ("type | name | label\n csv-external | l | \n select_one_from_file l.xml | a | A", {}, "same_instance", "survey", 2, "type"),
    "search with file": ("type | name | label | appearance\n select_one_from_file l.csv | a | A | search('f')", {}, "search_with_file", "survey", 2, "appearance"),
    "search and not": (
        "type | name | label | appearance\n select_one yn | a | A | search('f')\n select_one yn | b | B | ", {"choices": YN}, "search_shared_list", "survey", 2, "appearance"),
    # references
    "unclosed reference": ("type | name | label | relevant\n text | a | A | ${a = 1", {}, "reference", "survey", 2, "relevant"),
    "spaces in a reference": ("type | name | label | relevant\n text | a | A | \n text | b | B | ${ a } = 1", {}, "reference", "survey", 3, "relevant"),
    "unknown reference": ("type | name | label | relevance\n text | age | A | \n text | b | B | ${aeg} = 1", {}, "unknown_name", "survey", 3, "relevance"),
    "unknown reference in a label": ("type | name | label::English (en)\n text | age | ${nobody}", {}, "unknown_name", "survey", 2, "label::English (en)"),
    "unknown reference in a choice": ("type | name | label\n select_one l | a | A", {"choices": "list_name | name | label\n l | x | ${nobody}"}, "unknown_name", "choices", 2, "label"),
    "unknown reference in settings": ("type | name | label\n text | a | A", {"settings": "instance_name\n ${nobody}"}, "unknown_name", "settings", 2, "instance_name"),
    "ambiguous": (
        "type | name | label | relevant\n begin group | g | G | \n text | a | A | \n end group | | | \n text | a | A | \n text | b | B | ${a} = 1",
        {}, "ambiguous_name", "survey", 6, "relevant"),
    "trigger unknown": ("type | name | label | trigger | calculation\n text | a | A | ${nobody} | 1", {}, "unknown_name", "survey", 2, "trigger"),
    "trigger no reference": ("type | name | label | trigger | calculation\n text | a | A | b | 1", {}, "reference", "survey", 2, "trigger"),
    "trigger not shown": ("type | name | label | trigger | calculation\n calculate | c | | | 1\n text | a | A | ${c} | 1", {}, "trigger_not_shown", "survey", 3, "trigger"),
    "background place without trigger": ("type | name | label | trigger\n text | a | A | \n background-geopoint | b | | ", {}, "needs_trigger", "survey", 3, "trigger"),
    "background place with calculation": (
        "type | name | label | trigger | calculation\n text | a | A | | \n background-geopoint | b | | ${a} | 1", {}, "no_calculation_here", "survey", 3, "calculation"),
    # parameters
    "parameters": ("type | name | label | parameters\n text | a | A | rows", {}, "bad_parameters", "survey", 2, "parameters"),
    "unknown parameter": ("type | name | label | parameters\n text | a | A | row=3", {}, "unknown_parameter", "survey", 2, "parameters"),
    "rows": ("type | name | label | parameters\n text | a | A | rows=x", {}, "parameter_value", "survey", 2, "parameters"),
    "max-pixels": ("type | name | label | parameters\n image | a | A | max-pixels=x", {}, "parameter_value", "survey", 2, "parameters"),
    "app": ("type | name | label | parameters\n image | a | A | app=_x", {}, "parameter_value", "survey", 2, "parameters"),
    "quality": ("type | name | label | parameters\n audio | a | A | quality=best", {}, "parameter_value", "survey", 2, "parameters"),
    "background quality": ("type | name | label | parameters\n background-audio | a | A | quality=external", {}, "parameter_value", "survey", 2, "parameters"),
    "randomize": ("type | name | label | parameters\n select_one yn | a | A | randomize=x", {"choices": YN}, "parameter_value", "survey", 2, "parameters"),
    "seed": ("type | name | label | parameters\n select_one yn | a | A | randomize=true seed=x", {"choices": YN}, "parameter_value", "survey", 2, "parameters"),
    "seed alone": ("type | name | label | parameters\n select_one yn | a | A | seed=1", {"choices": YN}, "missing_parameter", "survey", 2, "parameters"),
    "value of file": ("type | name | label | parameters\n select_one_from_file a.csv | a | A | value=1x", {}, "bad_name", "survey", 2, "parameters"),
    "accuracy": (f"{GEO} capture-accuracy=x", {}, "parameter_value", "survey", 2, "parameters"),
    "warning": (f"{GEO} warning-accuracy=x", {}, "parameter_value", "survey", 2, "parameters"),
    "mock": (f"{GEO} allow-mock-accuracy=x", {}, "parameter_value", "survey", 2, "parameters"),
    "reference geometry": (f"{GEO} reference-geometry=zz", {}, "parameter_value", "survey", 2, "parameters"),
    "incremental": ("type | name | label | parameters\n geotrace | g | G | incremental=no", {}, "parameter_value", "survey", 2, "parameters"),
    "range no number": (f"{RANGE} end=x | ", {}, "parameter_value", "survey", 2, "parameters"),
    "range zero": (f"{RANGE} step=0 | ", {}, "parameter_value", "survey", 2, "parameters"),
    "range step": (f"{RANGE} start=0 end=5 step=9 | ", {}, "range_too_large", "survey", 2, "parameters"),
    "range tick": (f"{RANGE} start=0 end=10 step=2 tick_interval=3 | ", {}, "range_not_multiple", "survey", 2, "parameters"),
    "range placeholder": (f"{RANGE} start=0 end=10 placeholder=12 | ", {}, "range_outside", "survey", 2, "parameters"),
    "tick list unknown": (f"{RANGE} start=0 end=10 tick_labelset=zz | ", {"choices": TICKS}, "tick_list", "survey", 2, "parameters"),
    "tick list many": (f"{RANGE} start=0 end=10 tick_labelset=many | no-ticks", {"choices": TICKS}, "tick_list", "survey", 2, "parameters"),
    "tick appearance": (f"{RANGE} start=0 end=10 placeholder=5 | rating", {}, "tick_appearance", "survey", 2, "parameters"),
    "tick word": (f"{RANGE} start=0 end=10 tick_labelset=word | ", {"choices": TICKS}, "tick_list", "survey", 2, "parameters"),
    "tick far": (f"{RANGE} start=0 end=10 tick_labelset=far | ", {"choices": TICKS}, "tick_list", "survey", 2, "parameters"),
    "tick odd": (f"{RANGE} start=0 end=10 step=2 tick_labelset=odd | ", {"choices": TICKS}, "tick_list", "survey", 2, "parameters"),
    "tick ends": (f"{RANGE} start=0 end=20 tick_labelset=t | no-ticks", {"choices": TICKS}, "tick_list", "survey", 2, "parameters"),
    # audit
    "audit name": ("type | name | label\n audit | log | \n note | n | N", {}, "audit_name", "survey", 2, "name"),
    "audit changes": (AUDIT.format("track-changes=x"), {}, "parameter_value", "survey", 2, "parameters"),
    "audit reasons": (AUDIT.format("track-changes-reasons=x"), {}, "parameter_value", "survey", 2, "parameters"),
    "audit user": (AUDIT.format("identify-user=x"), {}, "parameter_value", "survey", 2, "parameters"),
    "audit half": (AUDIT.format("location-max-age=3"), {}, "missing_parameter", "survey", 2, "parameters"),
    "audit priority": (AUDIT.format("location-priority=x location-min-interval=1 location-max-age=2"), {}, "parameter_value", "survey", 2, "parameters"),
    "audit interval": (AUDIT.format("location-priority=balanced location-min-interval=x location-max-age=2"), {}, "parameter_value", "survey", 2, "parameters"),
    "audit negative": (AUDIT.format("location-priority=balanced location-min-interval=-1 location-max-age=2"), {}, "parameter_value", "survey", 2, "parameters"),
    "audit age": (AUDIT.format("location-priority=balanced location-min-interval=9 location-max-age=2"), {}, "parameter_value", "survey", 2, "parameters"),
    "audit unknown": (AUDIT.format("foo=1"), {}, "unknown_parameter", "survey", 2, "parameters"),
    # entities
    "save_to alone": ("type | name | label | save_to\n text | a | A | p", {}, "no_entities_sheet", "survey", 2, "save_to"),
    "property twice": ("type | name | label | save_to\n text | a | A | p\n text | b | B | p", {"entities": f"{ENTITY}\n tree | x"}, "duplicate_property", "survey", 3, "save_to"),
    "group saved": ("type | name | label | save_to\n begin group | a | A | p\n text | b | B | \n end group | | | ", {"entities": f"{ENTITY}\n tree | x"}, "save_to_group", "survey", 2, "save_to"),
    "unknown entity list": ("type | name | label | save_to\n text | a | A | shop#p", {"entities": f"{ENTITY}\n tree | x\n house | y"}, "unknown_entity_list", "survey", 2, "save_to"),
    "prefix missing": ("type | name | label | save_to\n text | a | A | p", {"entities": f"{ENTITY}\n tree | x\n house | y"}, "save_to_prefix", "survey", 2, "save_to"),
    "two hashes": ("type | name | label | save_to\n text | a | A | tree#p#q", {"entities": f"{ENTITY}\n tree | x\n house | y"}, "save_to_delimiter", "survey", 2, "save_to"),
    "create without label": ("type | name | label | save_to\n text | a | A | p", {"entities": "list_name | label | create_if\n tree | | true()"}, "entity_label", "entities", 2, "label"),
    "upsert": ("type | name | label | save_to\n text | a | A | p", {"entities": "list_name | label | create_if | entity_id\n tree | x | true() | ${a}"}, "entity_update_if", "entities", 2, "update_if"),
    "update without id": ("type | name | label | save_to\n text | a | A | p", {"entities": "list_name | label | update_if\n tree | x | true()"}, "entity_id", "entities", 2, "entity_id"),
    "property name": ("type | name | label | save_to\n text | a | A | label", {"entities": f"{ENTITY}\n tree | x"}, "entity_name", "survey", 2, "save_to"),
    "property underscores": ("type | name | label | save_to\n text | a | A | __p", {"entities": f"{ENTITY}\n tree | x"}, "entity_name", "survey", 2, "save_to"),
    "entity period": ("type | name | label\n text | a | A", {"entities": f"{ENTITY}\n tr.ee | x"}, "entity_name", "entities", 2, "list_name"),
    "entity bad name": ("type | name | label\n text | a | A", {"entities": f"{ENTITY}\n tr ee | x"}, "bad_name", "entities", 2, "list_name"),
    "entity twice": ("type | name | label\n text | a | A", {"entities": f"{ENTITY}\n tree | x\n tree | x"}, "duplicate_entity", "entities", 3, "list_name"),
    "entity nameless": ("type | name | label\n text | a | A", {"entities": f"{ENTITY}\n | x"}, "missing_entity_list", "entities", 2, "list_name"),
    "entity column": ("type | name | label\n text | a | A", {"entities": "list_name | lable\n tree | x"}, "unknown_entity_column", "entities", 1, ""),
    "entity in two repeats": (
        "type | name | label | save_to\n begin repeat | r | R | \n text | a | A | p\n end repeat | | | \n begin repeat | s | S | \n text | b | B | q\n end repeat | | | ",
        {"entities": f"{ENTITY}\n tree | x"}, "entity_scope", "survey", 6, "save_to"),
    "entity label elsewhere": (
        "type | name | label | save_to\n begin repeat | r | R | \n text | a | A | p\n end repeat | | | \n begin repeat | s | S | \n text | b | B | \n end repeat | | | ",
        {"entities": f"{ENTITY}\n tree | ${{b}}"}, "entity_scope", "entities", 2, "list_name"),
    "entities without a place": ("type | name | label | save_to\n text | a | A | tree#p\n text | b | B | house#q", {"entities": f"{ENTITY}\n tree | x\n house | y"}, "entity_place", "entities", 3, "list_name"),
    # settings
    "encrypted without id": ("type | name | label\n text | a | A", {"settings": "public_key | omit_instanceID\n abc | yes"}, "encrypted_without_id", "settings", None, "omit_instanceID"),
}  # fmt: skip


COUNTED = {"builder": 4, "question": 6, "survey": 9, "survey_element": 5, "xls2json": 38}


@pytest.mark.parametrize("name", CASES)
def test_what_pyxform_refuses_is_told_with_its_place(name: str) -> None:
    survey, sheets, code, sheet, row, column = CASES[name]
    found = faults(survey, **sheets)
    assert (code, sheet, row, column) in told(found)
    assert not {"xlsform", "crashed", "unreadable"} & {one.code for one in found}
    for one in found:
        for lang in ("zh", "en"):
            assert "?" not in one.message(lang).removesuffix("?").replace("?;", "").split("did you mean")[0], one


def test_every_error_code_of_pyxform_is_mapped() -> None:
    assert {code.name for code in ErrorCode} == set(CODES)
    assert {rule.code for rule in CODES.values()} | {rule.code for _, rule in SENTENCES} <= set(CATALOGUE)


def test_pyxform_raises_no_more_than_was_looked_at() -> None:
    """A release that complains of something new fails here, not in front of an author: add it to SENTENCES, then count."""
    from pyxform import builder, question, survey, survey_element, xls2json

    counted = {
        module.__name__.removeprefix("pyxform."): len(re.findall(r"raise \w*Error\(", inspect.getsource(module)))
        for module in (builder, question, survey, survey_element, xls2json)
    }
    assert counted == COUNTED
