"""Columns and cells that are there and do nothing: misspelt headers, cells that do not go with the type."""

from __future__ import annotations

from forms.checks.report import Report
from forms.outline import Line
from forms.suggest import nearest
from forms.vocabulary import SETTINGS, SURVEY

_IGNORED = ("kobo--", "$", "_", "#")
_UNANSWERED = {
    "note", "calculate", "hidden", "start", "end", "today", "deviceid", "username", "audit", "csv-external", "xml-external",
}  # fmt: skip
_SELECTS = ("select_one", "select_multiple", "rank", "select_one_external")


def check(report: Report) -> None:
    outline = report.outline
    for sheet, known, code in (("survey", SURVEY, "unknown_column"), ("settings", SETTINGS, "unknown_setting")):
        for written, column in outline.columns[sheet]:
            first = column.name.partition("::")[0]
            if first in known or first in ("bind", "body", "instance", "attribute") or written.startswith(_IGNORED):
                continue
            used = sheet == "settings" or any(column.key in line.cells for line in outline.survey)
            if used:
                report.warn_sheet(code, sheet, 1, written, written, near=nearest(first, known, 0.8))
    for name in outline.sheet_names:
        low = name.strip().lower()
        if low in ("survey", "choices", "settings", "entities", "external_choices", "osm") or name.startswith("_"):
            continue
        near = nearest(low, ("survey", "choices", "settings", "entities", "external_choices"), 0.8)
        if near and near not in [one.lower() for one in outline.sheet_names]:
            report.warn_sheet("sheet_name_near", name, None, "", name, near=near)
    holders = {id(line.parent) for line in outline.survey}
    for line in outline.survey:
        if line.type.kind == "begin" and id(line) not in holders:
            report.warn("empty_group", line, "type", line.name)
        _cells(report, line)


def _cells(report: Report, line: Line) -> None:
    kind = line.type.name
    required = line.get("required").lower() not in ("", "no", "false", "false()", "0")
    if required and kind in _UNANSWERED:
        report.warn("required_hidden" if kind == "note" else "no_effect", line, "required", "required", kind=kind)
    if line.get("constraint") and kind in _UNANSWERED:
        report.warn("no_effect", line, "constraint", "constraint", kind=kind)
    if line.get("choice_filter") and kind not in _SELECTS:
        report.warn("no_effect", line, "choice_filter", "choice_filter", kind=kind)
    if line.get("repeat_count") and kind != "repeat":
        report.warn("no_effect", line, "repeat_count", "repeat_count", kind=kind)
    if line.get("calculation") and line.type.kind == "begin":
        report.warn("no_effect", line, "calculation", "calculation", kind=f"begin {kind}")
    if line.texts("constraint_message") and not line.get("constraint"):
        report.warn("message_alone", line, "constraint_message", "constraint_message")
    if kind == "select_one_external" and not line.get("choice_filter"):
        report.warn("external_without_filter", line, "choice_filter")
