"""pyxform's complaints as problems of our catalogue: its error codes, and its sentences that have none.

No sentence of pyxform reaches an author untranslated but as the detail of ``xlsform``, the code for what is new.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple
from xml.parsers.expat import ExpatError

from pyxform.errors import ErrorCode, PyXFormError

from forms.outline import Outline
from forms.problems import Problem
from forms.suggest import nearest


class Rule(NamedTuple):
    """Where a complaint belongs. detail and values are templates over what the complaint names."""

    code: str
    column: str = ""
    detail: str = ""
    values: Mapping[str, str] = {}
    sheet: str = "survey"


_NUMBER = {"accepted": "1, 0.5, …"}
_TRUTH = {"accepted": "true, false"}

CODES: dict[str, Rule] = {
    "ENTITY_001": Rule("no_entities_sheet", "save_to"),
    "ENTITY_002": Rule("duplicate_property", "save_to", "{saveto}", {"other": "{other_row}"}),
    "ENTITY_003": Rule("save_to_group", "save_to"),
    "ENTITY_004": Rule("unknown_entity_list", "save_to", "{dataset}"),
    "ENTITY_005": Rule("entity_label", "label", "{dataset}", sheet="entities"),
    "ENTITY_006": Rule("entity_update_if", "update_if", "{dataset}", sheet="entities"),
    "ENTITY_007": Rule("entity_id", "entity_id", "{dataset}", sheet="entities"),
    "ENTITY_008": Rule("save_to_prefix", "save_to", "{cell}"),
    "ENTITY_009": Rule("entity_place", "list_name", "{cell}", sheet="entities"),
    "ENTITY_011": Rule("entity_scope", "save_to", "{dataset}"),
    "ENTITY_012": Rule("entity_scope", "list_name", "{dataset}", sheet="entities"),
    "ENTITY_013": Rule("save_to_delimiter", "save_to", "{cell}"),
    "HEADER_001": Rule("missing_header", "", "{header}", sheet="{sheet_name}"),
    "HEADER_002": Rule("same_column", "{header}", "{header}", {"other": "{other}"}, "{sheet_name}"),
    "HEADER_003": Rule("missing_column", "{missing}", "{missing}", sheet="{sheet_name}"),
    "HEADER_004": Rule("bad_choice_column", "{column}", "{column}", sheet="choices"),
    "HEADER_005": Rule("unknown_entity_column", "", "{columns}", sheet="entities"),
    "INTERNAL_001": Rule("reference", "trigger", "{value}"),
    "INTERNAL_002": Rule("entity_scope", "", "{path}", sheet="entities"),
    "LABEL_001": Rule("choice_without_label", "label", "{name}", sheet="choices"),
    "NAMES_001": Rule("duplicate_name", "name", "{value}"),
    "NAMES_002": Rule("name_case", "name", "{value}"),
    "NAMES_003": Rule("repeat_named_root", "name", "{value}"),
    "NAMES_004": Rule("duplicate_repeat_name", "name", "{value}"),
    "NAMES_005": Rule("reserved_name", "name", "meta"),
    "NAMES_006": Rule("choice_without_name", "name", sheet="choices"),
    "NAMES_007": Rule("duplicate_choice", "name", "{name}", {"list": "{list}"}, "choices"),
    "NAMES_008": Rule("bad_name", "{column}", "{cell}", sheet="{sheet}"),
    "NAMES_009": Rule("bad_name", "name", "{name}", sheet="settings"),
    "NAMES_010": Rule("entity_name", "{column}", "{cell}", sheet="{sheet}"),
    "NAMES_011": Rule("entity_name", "{column}", "{cell}", sheet="{sheet}"),
    "NAMES_012": Rule("entity_name", "{column}", "{cell}", sheet="{sheet}"),
    "NAMES_013": Rule("sheet_name_near", "", "{candidates}", sheet="{sheet}"),
    "NAMES_014": Rule("duplicate_entity", "list_name", "{cell}", sheet="entities"),
    "NAMES_015": Rule("missing_entity_list", "list_name", sheet="entities"),
    "PYREF_001": Rule("reference", "{column}", "{cell}", sheet="{sheet}"),
    "PYREF_002": Rule("reference_comma", "{column}", "{cell}", sheet="{sheet}"),
    "PYREF_003": Rule("unknown_name", "{column}", "{q}", sheet="{sheet}"),
    "PYREF_004": Rule("ambiguous_name", "{column}", "{q}", sheet="{sheet}"),
    "RANGE_001": Rule("parameter_value", "parameters", "{name}", {"given": "{given}", **_NUMBER}),
    "RANGE_002": Rule("parameter_value", "parameters", "{name}", {"given": "0", "accepted": "≠ 0"}),
    "RANGE_003": Rule("range_too_large", "parameters", "{name}"),
    "RANGE_004": Rule("range_not_multiple", "parameters", "{name}"),
    "RANGE_005": Rule("range_outside", "parameters", "{name}"),
    "RANGE_006": Rule("tick_list", "parameters", "tick_labelset"),
    "RANGE_007": Rule("tick_list", "parameters", "no-ticks"),
    "RANGE_008": Rule("tick_appearance", "parameters"),
    "RANGE_009": Rule("tick_list", "parameters", "name"),
    "RANGE_010": Rule("tick_list", "parameters", "start, end"),
    "RANGE_011": Rule("tick_list", "parameters", "{name}"),
    "RANGE_012": Rule("tick_list", "parameters", "no-ticks"),
    "SURVEY_001": Rule("unmatched_end", "type", "{type}", {"name": "{name}"}),
    "SURVEY_002": Rule("unmatched_begin", "type", "{type}", {"name": "{name}"}),
    "SURVEY_003": Rule("parameter_value", "parameters", "incremental", {"given": "{given}", "accepted": "true"}),
    "SURVEY_004": Rule("bad_parameters", "parameters", "{cell}"),
    "SURVEY_005": Rule("unknown_parameter", "parameters", "{rejected}", {"accepted": "{accepted}"}),
    "SURVEY_006": Rule("parameter_value", "parameters", "reference-geometry",
                       {"given": "{given}", "accepted": "list_name, ${{repeat}}"}),
    "SURVEY_007": Rule("parameter_value", "parameters", "capture-accuracy", {"given": "{given}", **_NUMBER}),
    "SURVEY_008": Rule("parameter_value", "parameters", "warning-accuracy", {"given": "{given}", **_NUMBER}),
    "SURVEY_009": Rule("parameter_value", "parameters", "allow-mock-accuracy", {"given": "{given}", **_TRUTH}),
}  # fmt: skip
"""By the name of pyxform's ErrorCode. ``{cell}`` is what stands in the cell, ``{given}`` the parameter's value."""

SENTENCES: tuple[tuple[str, Rule], ...] = (
    (r"You must have a sheet named 'survey'", Rule("no_survey_sheet")),
    (r"Duplicate column header: (?P<header>.+)", Rule("duplicate_column", "{header}", "{header}", sheet="")),
    (r"Question with no type\.", Rule("missing_type", "type", "{row_name}")),
    (r"Audits must always be named", Rule("audit_name", "name", "{cell}")),
    (r"(?P<name>track-changes|identify-user|randomize) must be set to true or false: '(?P<given>.*?)'",
     Rule("parameter_value", "parameters", "{name}", {"given": "{given}", **_TRUTH})),
    (r"(?P<name>track-changes-reasons) must be set to (?P<accepted>\S+)",
     Rule("parameter_value", "parameters", "{name}", {"given": "{given}", "accepted": "{accepted}"})),
    (r"Parameter (?P<name>\S+) must be set to (?P<accepted>no-power.*?):\s*'(?P<given>.*?)'",
     Rule("parameter_value", "parameters", "{name}", {"given": "{given}", "accepted": "{accepted}"})),
    (r"Parameter (?P<name>\S+) must have an integer value",
     Rule("parameter_value", "parameters", "{name}", {"given": "{given}", "accepted": "1, 2, …"})),
    (r"Parameter (?P<name>\S+) must be greater\s+than or equal to (?P<accepted>\S+?)\.",
     Rule("parameter_value", "parameters", "{name}", {"given": "{given}", "accepted": "≥ {accepted}"})),
    (r"To include location information in the audit",
     Rule("missing_parameter", "parameters", "location-priority, location-min-interval, location-max-age")),
    (r"Missing calculation", Rule("missing_calculation", "calculation")),
    (r"Question or group with no name", Rule("missing_name", "name")),
    (r"Repeat loop without list name", Rule("loop_without_list", "type")),
    (r"List name not in columns sheet: (?P<list>.+)", Rule("unknown_list", "type", "{list}")),
    (r"There should be an external_choices sheet", Rule("no_external_sheet", "type")),
    (r"List name not in external choices sheet: (?P<list>.+)", Rule("unknown_external_list", "type", "{list}")),
    (r"There should be a choices sheet", Rule("no_choices_sheet", "type", "{cell}")),
    (r"List name not in choices sheet: (?P<list>.+)", Rule("unknown_list", "type", "{list}")),
    (r"File name for '\S+(?: \S+)*? (?P<list>\S+)' should end with", Rule("bad_list_file", "type", "{list}")),
    (r"Choice names with spaces cannot be added.*\[(?P<choice>.*)\] in \[(?P<list>.*)\]",
     Rule("choice_with_space", "name", "{choice}", {"list": "{list}"}, "choices")),
    (r"Choice filter not supported with or_other", Rule("other_with_filter", "choice_filter")),
    (r"Please specify choices for this 'or other' question", Rule("other_without_choices", "type", "{cell}")),
    (r"(?P<name>seed) value must be a number or a reference",
     Rule("parameter_value", "parameters", "seed", {"given": "{given}", "accepted": "123, ${{name}}"})),
    (r"Parameters must include randomize=true to use a seed", Rule("missing_parameter", "parameters", "randomize=true")),
    (r"Choice filter not supported for table-list", Rule("table_list_filter", "choice_filter")),
    (r"Badly formatted table list, list names don't match: (?P<lists>.*)", Rule("table_list_mixed", "type", "{lists}")),
    (r"Invalid value for (?P<name>quality)",
     Rule("parameter_value", "parameters", "quality",
          {"given": "{given}", "accepted": "voice-only, low, normal, external"})),
    (r"Cannot omit instanceID", Rule("encrypted_without_id", "omit_instanceID", sheet="settings")),
    (r"For 'background-geopoint' questions, the 'calculation' column", Rule("no_calculation_here", "calculation")),
    (r"For 'background-geopoint' questions, the 'trigger' column", Rule("needs_trigger", "trigger")),
    (r"Unknown question type '(?P<type>.*)'", Rule("unknown_type", "type", "{type}")),
    (r"The question \$\{(?P<q>.*?)\} is not user-visible .* question \$\{(?P<name>.*?)\}",
     Rule("trigger_not_shown", "trigger", "{q}")),
    (r"There should be choices for this question", Rule("other_without_choices", "type", "{cell}")),
    (r"survey element named '(?P<name>.*)' has no label or hint", Rule("missing_label", "label", "{name}")),
    (r"To use big-image, you must also specify an image for the survey element named (?P<name>.*)\.",
     Rule("big_image_alone", "big-image", "{name}")),
    (r"Survey cannot have an empty id_string", Rule("bad_form_id", "form_id", sheet="settings")),
    (r"Instance names must be unique within a form\. The name '(?P<id>.*?)'", Rule("same_instance", "type", "{id}")),
    (r"same instance id will be generated .* Instance name: '(?P<id>.*?)'", Rule("same_instance", "type", "{id}")),
    (r"Question '(?P<name>.*?)' is a select from file type, using 'search\(\)'", Rule("search_with_file", "appearance", "{name}")),
    (r"Question '(?P<name>.*?)' uses 'search\(\)'.* choice list name '(?P<list>.*?)'",
     Rule("search_shared_list", "appearance", "{list}")),
    (r"There are multiple survey elements named '(?P<q>.*?)'", Rule("ambiguous_name", "{column}", "{q}")),
    (r"There is no survey element named '(?P<q>.*?)'", Rule("unknown_name", "{column}", "{q}")),
    (r"(?:Parameter 'app'|[Pp]ackage name)", Rule("parameter_value", "parameters", "app",
                                                  {"given": "{given}", "accepted": "org.example.app"})),
    (r"Media type: (?P<type>\S+) not supported", Rule("unknown_column", "{type}", "{type}")),
    (r"Section \S+ (?:has|already)|two sections named|is not unique", Rule("duplicate_repeat_name", "name", "{name}")),
    (r"This section has not been included", Rule("unknown_type", "type", "include")),
    (r"Found a cascading_select (?P<type>\S+)", Rule("unknown_type", "type", "cascading_select")),
    (r"invalid date on the (?P<sheet>\S+) sheet, under the (?P<column>.*?) column on row number (?P<row>\d+)",
     Rule("unreadable", "{column}", "{column}", sheet="{sheet}")),
    (r"does not appear to be a valid XLSForm|was not recognized as a supported type", Rule("unreadable", "", "XLSForm?", sheet="")),
)  # fmt: skip

_HEADERS = {"missing_column", "same_column", "missing_header", "duplicate_column", "unknown_entity_column", "bad_choice_column"}
_ROW = re.compile(r"\[row\s*:\s*(\d+)\]|[Rr]ow (?:number )?(\d+)")


def from_pyxform(error: Exception, file: str, outline: Outline) -> Problem:
    """The problem with the sheet, row and column it names, found in the sheets where pyxform names none."""
    rule, found = _rule_of(error)
    told = _Told({key: str(value) for key, value in found.items() if value is not None})
    told.update({key: told[key].replace("'", "") for key in ("missing", "candidates", "columns") if key in told})
    sheet = rule.sheet.format_map(told)
    row = int(told["row"]) if told.get("row", "").isdigit() else None
    if row is None and rule.code in _HEADERS:
        row = 1
    elif row is None and sheet in ("survey", ""):
        row = _row_of(told, rule, outline)
    column = rule.column.format_map(told)
    if rule.code == "choice_with_space":
        lines = outline.choices.get(told["list"], ())
        row = next((line.row for line in lines if line.name == told["choice"]), None)
    _look_up(told, outline, sheet, column, row)
    key = {"dataset": "list_name"}.get(column) or re.sub(r"\s*\(.*\)$", "", column)
    values = {name: template.format_map(told) for name, template in rule.values.items()}
    detail = rule.detail.format_map(told)
    if rule.code == "no_survey_sheet":
        values["near"] = nearest("survey", outline.sheet_names)
    if rule.code == "unknown_name":
        values["near"] = nearest(detail, outline.names)
    if rule.code == "xlsform":
        detail = " ".join(str(error).split())[:300]
    return Problem(rule.code, file, sheet, row, outline.header(sheet, key) if key else "", detail, 0, values)


class _Told(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""


def _rule_of(error: Exception) -> tuple[Rule, dict[str, object]]:
    text = " ".join(str(error).split())
    row = _ROW.search(text)
    found: dict[str, object] = {"row": row[1] or row[2]} if row else {}
    if isinstance(error, PyXFormError) and error.code:
        return CODES.get(error.code.name, Rule("xlsform")), found | dict(error.context)
    for name, pattern in _templates():
        if match := pattern.match(text):
            return CODES[name], found | match.groupdict()
    for sentence, rule in SENTENCES:
        if match := re.search(sentence, text):
            return rule, found | match.groupdict()
    if isinstance(error, ExpatError):
        return Rule("bad_name", "name"), found
    if isinstance(error, IndexError) and not text.strip("'"):
        return Rule("missing_header"), found
    return Rule("xlsform"), found


@cache
def _templates() -> list[tuple[str, re.Pattern[str]]]:
    """pyxform formats most of its codes into a sentence before raising; this finds the code again."""
    made = []
    for code in ErrorCode:
        if code.name in CODES:
            seen: set[str] = set()
            pattern = ""
            for literal, field, _, _ in _fields(" ".join(code.value.msg.split())):
                pattern += re.escape(literal)
                if field:
                    pattern += f"(?P={field})" if field in seen else f"(?P<{field}>.*?)"
                    seen.add(field)
            made.append((code.name, re.compile(pattern + r"(?:$|\s)")))
    return made


def _fields(template: str) -> list[tuple[str, str | None, str | None, str | None]]:
    from string import Formatter

    return list(Formatter().parse(template))


def _row_of(told: _Told, rule: Rule, outline: Outline) -> int | None:
    """The first survey row that fits: by name, by list, by type, by a reference in it."""
    if told.get("name") and (lines := outline.names.get(told["name"])):
        return lines[0].row
    for line in outline.survey:
        if told.get("list") and line.type.list == told["list"]:
            return line.row
        if told.get("type") and rule.code == "unknown_type" and line.get("type") == told["type"]:
            return line.row
        if told.get("q") and any("${" + told["q"] + "}" in cell for cell in line.cells.values()):
            told.setdefault("column", next(key for key, cell in line.cells.items() if "${" + told["q"] + "}" in cell))
            return line.row
        if rule.code == "no_external_sheet" and line.type.name == "select_one_external":
            return line.row
        if rule.code == "no_choices_sheet" and line.type.list:
            return line.row
        if rule.column == "parameters" and told.get("name") and told["name"] in line.get("parameters"):
            return line.row
        if rule.code == "missing_parameter" and line.get("parameters"):
            return line.row
        if told.get("id") and told["id"] in (line.name, line.type.list.rsplit(".", 1)[0]):
            return line.row
    return None


def _look_up(told: _Told, outline: Outline, sheet: str, column: str, row: int | None) -> None:
    """cell, given, row_name and, for choices, name and list: what stands where the complaint points."""
    sources = {"survey": outline.survey, "entities": outline.entities, "settings": [outline.settings]}
    lines = sources.get(sheet) or [line for lines in outline.choices.values() for line in lines]
    line = next((one for one in lines if one.row == row), None)
    if line is None:
        return
    key = {"dataset": "list_name"}.get(column, column)
    told.setdefault("cell", line.get(re.sub(r"\s*\(.*\)$", "", key)) or next((w for _, w in line.texts(key)), ""))
    told.setdefault("row_name", line.name or line.get("label"))
    if sheet == "choices":
        told.setdefault("name", line.name)
        told.setdefault("list", line.get("list_name"))
    if told.get("name"):
        found = re.search(rf"{re.escape(told['name'])}\s*=\s*([^\s,;]+)", line.get("parameters"))
        told.setdefault("given", found[1] if found else "")
    else:
        found = re.search(r"(?:incremental|reference-geometry|capture-accuracy|warning-accuracy|allow-mock-accuracy)\s*=\s*(\S+)",
                          line.get("parameters"))  # fmt: skip
        told.setdefault("given", found[1] if found else "")
