"""An XLSForm → a `Form`, in steps: read the sheets, outline them, let pyxform judge, build the definition, check it.

pyxform stops at its first complaint. So our own checks run over the outline too, and an author sees everything at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from pyxform.errors import PyXFormError
from pyxform.xls2json import workbook_to_json
from pyxform.xls2json_backends import DefinitionData
from pyxform.xls2xform import create_survey_element_from_dict

from forms.checks import check_finished, check_refused
from forms.compile_entities import entities_of
from forms.compile_lists import lists_of_form
from forms.compile_nodes import build_nodes
from forms.compile_settings import settings_of
from forms.compiling import RECORDS, Compilation
from forms.definition import Form
from forms.dependencies import Graph, register_readers
from forms.outline import ROOT, Outline, outline_of
from forms.problems import FormProblems, Problem
from forms.problems_pyxform import from_pyxform
from forms.vocabulary import column_of
from forms.workbook import Row, add_shared_lists, read_workbook, workbook_of_rows


def compile_form(data: bytes | str, filename: str, shared_lists: list[Row] | None = None) -> Form:
    """The form in a file. Raises FormProblems with everything found wrong."""
    return compile_workbook(read_workbook(data, filename), filename, shared_lists)


def compile_rows(sheets: Mapping[str, Sequence[Row]], shared_lists: list[Row] | None = None) -> Form:
    """A form given as rows per sheet, as the vectors do. Raises FormProblems."""
    return compile_workbook(workbook_of_rows(sheets), "form", shared_lists)


def compile_workbook(workbook: DefinitionData, filename: str, shared_lists: list[Row] | None = None) -> Form:
    """Raises FormProblems with everything found wrong; what is only doubtful is in the form's ``warnings``."""
    add_shared_lists(workbook, shared_lists or [])
    outline = outline_of(workbook)
    try:
        sheets = _judged(workbook, filename)
    except _Refused as refused:
        raise FormProblems(check_refused(outline, filename, from_pyxform(refused.cause, filename, outline))) from refused
    return _form(Compilation(filename, sheets, outline))


class _Refused(Exception):
    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


def _judged(workbook: DefinitionData, filename: str) -> dict[str, Any]:
    """pyxform's nested form, once it has agreed to write an XForm of it."""
    try:
        stem = PurePath(filename).stem or "form"
        _leave_out_titles(workbook)
        sheets: dict[str, Any] = workbook_to_json(workbook, form_name="data", fallback_form_name=stem)
        create_survey_element_from_dict(sheets).to_xml(validate=False)
    except PyXFormError as error:
        raise _Refused(error) from error
    except Exception as error:  # pyxform trips over odd sheets with whatever comes: KeyError, ExpatError, …
        raise _Refused(error) from error
    return sheets


def _leave_out_titles(workbook: DefinitionData) -> None:
    """``form_title::English (en)`` is ours (`forms.compile_settings`): pyxform knows one title only."""
    written = [key for key in (workbook.settings_header or [{}])[0] if key and "::" in key]
    titles = {key for key in written if column_of("settings", key, True).name == "form_title"}
    if not titles:
        return
    workbook.settings = [{key: value for key, value in row.items() if key not in titles} for row in workbook.settings]
    workbook.settings_header = [{key: None for key in workbook.settings_header[0] if key not in titles}]


def _form(made: Compilation) -> Form:
    build_nodes(made)
    lists = lists_of_form(made)
    entities = entities_of(made)
    settings = settings_of(made)
    graph = Graph(made.nodes, ROOT)
    problems = [*made.problems, *check_finished(made, graph)]
    if problems:
        raise FormProblems(in_order(problems))
    registers = RECORDS - set(lists)
    for path in register_readers(made.nodes, graph, registers)[1]:
        next(node for node in made.nodes if node["path"] == path)["reads_register"] = True
    definition = {
        "format": 1, "root": ROOT, **settings,
        "nodes": made.nodes, "lists": lists, "instances": made.instances, "entities": entities,
        "order": [list(cell) for cell in graph.order],
    }  # fmt: skip
    form = Form(definition, in_order(made.warnings))
    for name, line in made.wanted.items():
        sheet, column = (line.sheet, made.outline.header(line.sheet, "type")) if line else ("survey", "")
        form.rows_of_files[name] = (sheet, line.row if line else None, column)
    return form


def in_order(problems: Sequence[Problem]) -> list[Problem]:
    """Each once, by sheet and row: what stands first in the workbook first."""
    sheets = ("settings", "survey", "choices", "external_choices", "entities")
    known: dict[tuple[Any, ...], Problem] = {}
    for problem in problems:
        known.setdefault((problem.code, problem.sheet, problem.row, problem.column, problem.detail), problem)
    return sorted(
        known.values(),
        key=lambda one: (sheets.index(one.sheet) if one.sheet in sheets else -1, one.row or 0, one.position),
    )


__all__ = ["Outline", "compile_form", "compile_rows", "compile_workbook"]
