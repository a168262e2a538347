"""Bytes of an XLSForm → its sheets, through pyxform's readers; shared choice lists are added where a form names them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from pyxform.xls2json_backends import DefinitionData, get_xlsform

from forms.problems import FormProblems, Problem

SUFFIXES = {".md", ".xlsx", ".xls", ".csv"}
MAX_BYTES = 20 * 1024 * 1024
Row = dict[str, Any]
_READ_LIST = re.compile(r"instance\(\s*['\"]([^'\"]+)['\"]\s*\)")


def read_workbook(data: bytes | str, filename: str) -> DefinitionData:
    """The sheets as rows of text. Raises FormProblems ``unreadable``."""
    suffix = PurePath(filename).suffix.lower()
    if suffix not in SUFFIXES or len(data) > MAX_BYTES:
        raise FormProblems([Problem("unreadable", filename, detail=suffix or "?")])
    try:
        if suffix in (".md", ".csv"):
            return get_xlsform(data if isinstance(data, str) else data.decode("utf-8-sig"), suffix)
        return get_xlsform(data, suffix)
    except Exception as error:  # readers of damaged files raise whatever comes
        raise FormProblems(
            [Problem("unreadable", filename, detail=" ".join(str(error).split())[:200])]
        ) from error


def workbook_of_rows(sheets: Mapping[str, Sequence[Row]]) -> DefinitionData:
    """Rows per sheet as a workbook. pyxform takes the first row's columns for all unless it is given a header."""
    workbook = DefinitionData(sheet_names=list(sheets))
    for name in ("survey", "choices", "settings", "external_choices", "entities"):
        rows = [{key: str(value) for key, value in row.items()} for row in sheets.get(name) or ()]
        if rows:
            setattr(workbook, name, rows)
            setattr(workbook, f"{name}_header", [dict.fromkeys(key for row in rows for key in row)])
    return workbook


def add_shared_lists(workbook: DefinitionData, shared: list[Row]) -> None:
    """Append the rows of every shared list that the survey names and the form does not define.

    A list is named by a select, or read in an expression as ``instance('list')``.
    """
    own = {row.get("list_name") or row.get("list name") for row in workbook.choices or ()}
    wanted = {
        parts[1] for row in workbook.survey or () if len(parts := str(row.get("type") or "").split()) > 1
    }
    wanted |= {
        name
        for row in workbook.survey or ()
        for cell in row.values()
        for name in _READ_LIST.findall(str(cell))
    }
    rows = [row for row in shared if row["list_name"] in wanted - own]
    if not rows:
        return
    workbook.choices = [*(workbook.choices or ()), *rows]
    header = dict.fromkeys(key for row in (workbook.choices_header or ()) for key in row)
    header |= dict.fromkeys(key for row in rows for key in row)
    workbook.choices_header = [header]


def shared_lists(text: str) -> list[Row]:
    """The rows of ``lists.md``."""
    survey = "| survey |\n| | type | name | label |\n| | note | n | n |\n\n"
    rows: list[Row] = get_xlsform(survey + text, ".md").choices
    return rows
