"""Every expression cell of a form that pyxform refuses, read on its own: syntax, names, functions, references in texts."""

from __future__ import annotations

from pyxform import aliases

from forms.checks.expressions import FUNCTIONS, calls, read_fault, unquoted
from forms.checks.report import Report
from forms.expression.parse import ExpressionError, parse
from forms.outline import Line
from forms.suggest import nearest
from forms.vocabulary import EXPRESSIONS, TEXTS

_ENTITIES = ("entity_id", "create_if", "update_if", "label")


def check_cells(report: Report) -> None:
    for line in report.outline.survey:
        if line.type.kind == "end":
            continue
        for column in EXPRESSIONS:
            if line.get(column) and not (column == "default" and not _dynamic(line.get(column))):
                _expression(report, line, column)
        for column in TEXTS:
            for key, words in line.texts(column):
                _references(report, line, key, words)
        if "${" in line.type.list:
            _references(report, line, "type", line.type.list)
        if line.get("trigger"):
            _references(report, line, "trigger", line.get("trigger"))
    for line in report.outline.entities:
        for column in _ENTITIES:
            if line.get(column):
                _expression(report, line, column)
    if report.outline.settings.get("instance_name"):
        _expression(report, report.outline.settings, "instance_name")


def _dynamic(text: str) -> bool:
    return "${" in text or "(" in text


def _expression(report: Report, line: Line, column: str) -> None:
    text = line.get(column)
    if text in aliases.yes_no or text in aliases.BINDING_CONVERSIONS:
        return
    names = report.outline.names
    before = len(report.problems)
    _references(report, line, column, text)
    if len(report.problems) > before:
        return
    try:
        tree = parse(text, lambda name: names[name][0].path if name in names else f"/data/{name}")
    except ExpressionError as error:
        code, detail = read_fault(error, text)
        report.problem(code, line, column, detail, position=error.position + 1)
        return
    for code, detail in calls(tree):
        near = nearest(detail, FUNCTIONS) if code == "unknown_function" else ""
        report.problem(code, line, column, detail, near=near)
    if column != "choice_filter" and line.sheet == "survey" and line.type.kind == "question":
        for word in unquoted(tree):
            report.problem("unquoted_text", line, column, word)


def _references(report: Report, line: Line, key: str, text: str) -> None:
    """``${…}`` in a cell: well formed, and one question of that name."""
    from pyxform.parsing.expression import RE_PYXFORM_REF_INNER, RE_PYXFORM_REF_OUTER

    names = report.outline.names
    for found in RE_PYXFORM_REF_OUTER.finditer(text):
        inner = found["pyxform_ref"]
        reference = RE_PYXFORM_REF_INNER.fullmatch(inner) if inner else None
        if reference is None:
            report.problem("reference", line, key, found.group()[:40], position=found.start() + 1)
            continue
        name = reference["ncname"]
        if name == "instanceID":
            continue
        if name not in names:
            report.problem("unknown_name", line, key, name, position=found.start() + 1, near=nearest(name, names))
        elif len(names[name]) > 1:
            report.problem("ambiguous_name", line, key, name, position=found.start() + 1)
