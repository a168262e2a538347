"""Choice lists, and the selects that use them."""

from __future__ import annotations

import re

from pyxform import aliases

from forms.checks.report import Report
from forms.expression.parse import ExpressionError, Tree, parse
from forms.outline import Line
from forms.suggest import nearest
from forms.vocabulary import FROM_FILE

_SELECTS = ("select_one", "select_multiple", "rank")


def check(report: Report) -> None:
    outline = report.outline
    duplicates = aliases.yes_no.get(outline.settings.get("allow_choice_duplicates"), False)
    for name, lines in outline.choices.items():
        seen: set[str] = set()
        for line in lines:
            if not line.name:
                report.problem("choice_without_name", line, "name")
            elif line.name in seen and not duplicates:
                report.problem("duplicate_choice", line, "name", line.name, list=name)
            seen.add(line.name)
    spaced: set[str] = set()
    for line in outline.questions():
        if line.type.name in (*_SELECTS, "select_one_external") and line.type.list:
            _select(report, line, spaced)


def _select(report: Report, line: Line, spaced: set[str]) -> None:
    name, choices = line.type.list, report.outline.choices
    if "${" in name:
        return
    if line.type.name == "select_one_external":
        if not report.outline.external_choices:
            report.problem("no_external_sheet", line, "type")
        elif name not in report.outline.external_choices:
            near = nearest(name, report.outline.external_choices)
            report.problem("unknown_external_list", line, "type", name, near=near)
        return
    from_file = "from_file" in line.get("type") or "from file" in line.get("type")
    if FROM_FILE.search(name):
        return
    if from_file:
        report.problem("bad_list_file", line, "type", name)
    elif name not in choices and not choices:
        report.problem("no_choices_sheet", line, "type", name)
    elif name not in choices:
        report.problem("unknown_list", line, "type", name, near=nearest(name, choices, 0.6))
    if line.type.other and line.get("choice_filter"):
        report.problem("other_with_filter", line, "choice_filter")
    if line.type.name == "select_multiple" and name not in spaced:
        spaced.add(name)
        for choice in choices.get(name, ()):
            if " " in choice.name:
                report.problem("choice_with_space", choice, "name", choice.name, list=name)


def check_filters(report: Report) -> None:
    """choice_filter reads columns that the list has."""
    outline = report.outline
    columns = {key.partition("::")[0] for key in outline.headers["choices"]} | {"name", "label", "list_name"}
    columns |= set(outline.headers["choices"])
    for line in outline.questions():
        given, rows = line.get("choice_filter"), outline.choices.get(line.type.list)
        if not given or not rows or line.type.name not in _SELECTS:
            continue
        for column in sorted(_columns_read(given)):
            if column not in columns:
                report.problem("filter_column", line, "choice_filter", column, near=nearest(column, columns))
            elif not any(row.get(column) for row in rows) and column not in ("label", "list_name"):
                report.warn("filter_column_blank", line, "choice_filter", column, list=line.type.list)


def _columns_read(text: str) -> set[str]:
    """Names of child steps from the choice itself; what stands in predicates or after other paths is not the list's."""
    try:
        tree = parse(text, lambda name: "/" + name)
    except ExpressionError:
        return set()
    return set(_own_children(tree))


def _own_children(tree: Tree) -> list[str]:
    found: list[str] = []
    if not isinstance(tree, list) or not tree:
        return found
    if tree[0] == "path":
        if tree[1] == "." and len(tree) == 3 and tree[2][0] == "child" and len(tree[2]) == 2:
            found.append(tree[2][1])
        elif tree[1] != ".":
            found += _own_children(tree[1])
        return found
    if tree[0] == "filter":
        return _own_children(tree[1])
    for part in tree[1:]:
        found += _own_children(part)
    return found


def check_doubts(report: Report) -> None:
    """Choices without label, lists nobody uses, defaults that are no choice."""
    outline = report.outline
    used = {line.type.list for line in outline.survey}
    text = " ".join(cell for line in outline.survey for cell in line.cells.values())
    used |= set(re.findall(r"instance\(\s*['\"]([^'\"]+)['\"]", text)) | set(re.findall(r"tick_labelset\s*=\s*(\S+)", text))
    for name, lines in outline.choices.items():
        if name not in used:
            report.warn("unused_list", lines[0], "list_name", name)
            continue
        for line in lines:
            if not line.texts("label") and not any(line.texts(kind) for kind in ("image", "audio", "video", "big-image")):
                report.warn("choice_without_label", line, "label", line.name)
    for line in outline.skipped:
        if line.sheet == "choices" and line.name:
            report.warn("choice_without_list", line, "list_name", line.name)
    for line in outline.questions():
        _default(report, line)


def _default(report: Report, line: Line) -> None:
    default, rows = line.get("default"), report.outline.choices.get(line.type.list)
    if not default or re.search(r"[(${'\"]", default):
        return
    if rows and line.type.name in _SELECTS:
        names = {row.name for row in rows} | ({"other"} if line.type.other else set())
        wrong = [one for one in ([default] if line.type.name == "select_one" else default.split()) if one not in names]
        if wrong:
            report.warn("bad_default", line, "default", " ".join(wrong), near=nearest(wrong[0], names))
    elif (line.type.name == "integer" and not re.fullmatch(r"[-+]?\d+", default)) or (
        line.type.name == "date" and not re.fullmatch(r"\d{4}-\d\d-\d\d.*", default)
    ):
        report.warn("bad_default", line, "default", default)



