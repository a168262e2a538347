"""Checks over a form, a family a module.

Every module has ``check(report)`` or the like over the outline of the sheets. A form that pyxform refuses is looked
through by all of them, so that its author sees everything at once. Of a form that pyxform accepts only those are asked
that find what pyxform lets through, and their doubts become warnings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from forms.checks import choices, columns, entities, names, parameters, structure, support, texts
from forms.checks.report import Report
from forms.outline import Line, Outline
from forms.problems import Problem

if TYPE_CHECKING:
    from forms.compiling import Compilation
    from forms.dependencies import Graph


def check_refused(outline: Outline, file: str, complaint: Problem) -> list[Problem]:
    """Everything found in a form that pyxform refuses; its own complaint too, unless one of ours says the same."""
    from forms.checks.cells import check_cells

    report = Report(outline, file)
    if complaint.code not in ("no_survey_sheet", "missing_header"):
        structure.check(report)
        names.check(report)
        choices.check(report)
        parameters.check(report)
        texts.check_labels(report)
        entities.check(report)
        check_cells(report)
    if any(_says(problem, complaint) for problem in report.problems):
        return report.problems
    return [complaint, *report.problems]


def _says(ours: Problem, complaint: Problem) -> bool:
    """Whether ours tells what pyxform complains of; an unknown type is more telling than a list it names."""
    if complaint.row is not None and ours.row != complaint.row:
        return False
    if ours.sheet != complaint.sheet:
        return False
    return ours.code == complaint.code or (ours.code, complaint.code) in _SAME


_SAME = {
    ("crossed_end", "unmatched_end"), ("select_without_list", "unknown_type"), ("kobo_type", "unknown_type"),
    ("kobo_type", "missing_name"), ("full_width", "reference"), ("reference", "unknown_name"),
    ("reference", "reference_comma"), ("unclosed", "reference"), ("unknown_list", "no_choices_sheet"),
}  # fmt: skip


def check_finished(made: Compilation, graph: Graph) -> list[Problem]:
    """What is wrong with a form that pyxform accepts; doubts go to its warnings."""
    from forms.checks.graph import check_graph

    check_graph(made, graph)
    report = Report(made.outline, made.file)
    if not made.outline.survey:
        report.problem("empty_survey", Line("survey", 2, {}), "")
    choices.check_filters(report)
    columns.check(report)
    names.check_case(report)
    choices.check_doubts(report)
    texts.check_doubts(report)
    support.check(report)
    made.warnings += report.warnings
    return [*made.problems, *report.problems]
