"""Bytes of an XLSForm → its sheets, through pyxform's readers; shared choice lists are added where a form names them."""

from __future__ import annotations

import csv
import re
import warnings
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO, StringIO
from pathlib import PurePath
from typing import Any

from pyxform.xls2json_backends import RE_WHITESPACE, DefinitionData, get_xlsform

from forms import limits
from forms.outline import outline_of
from forms.problems import FormProblems, Problem
from forms.problems_pyxform import from_pyxform
from forms.vocabulary import SHEETS

SUFFIXES = {".md", ".xlsx", ".xlsm", ".xls", ".csv", ".zip"}
Row = dict[str, Any]

_READ_LIST = re.compile(r"instance\(\s*['\"]([^'\"]+)['\"]\s*\)")
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"


def read_workbook(data: bytes | str, filename: str) -> DefinitionData:
    """The sheets as rows of text, within the limits.

    A workbook is known by its content: files are renamed from .xls to .xlsx
    and back. Raises FormProblems with what the file is refused for.
    """
    suffix = PurePath(filename).suffix.lower()
    if suffix not in SUFFIXES:
        limits.refuse("bad_suffix", filename, suffix or PurePath(filename).name)
    limits.check_size(data, filename)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl on fonts, filters and other things we do not read
            workbook = _read(data, suffix, filename)
    except FormProblems:
        raise
    except Exception as error:  # readers of damaged files raise whatever comes
        raise FormProblems([_unread(error, filename)]) from error
    _check_sheets(workbook, filename)
    return workbook


def _read(data: bytes | str, suffix: str, filename: str) -> DefinitionData:
    if suffix in (".md", ".csv"):
        text = data if isinstance(data, str) else _decoded(data, filename)
        return get_xlsform(text, ".md") if suffix == ".md" else _of_csv(text)
    body = data if isinstance(data, bytes) else data.encode()
    if body.startswith(_ZIP):
        limits.check_zip(body, filename)
        return _of_archive(body) if suffix == ".zip" else get_xlsform(body, ".xlsx")
    if suffix != ".xls" and not body.startswith(_OLE):
        limits.refuse("unreadable", filename, "not .xlsx, not .xls")
    return get_xlsform(body, ".xls")


def _unread(error: Exception, filename: str) -> Problem:
    told = from_pyxform(error, filename, outline_of(DefinitionData()))
    if told.code != "xlsform":
        return told
    if isinstance(error, AttributeError) and "strip" in str(error):
        return Problem("bad_header", filename, row=1, detail=str(error).split("'")[1])
    return Problem("unreadable", filename, detail=" ".join(str(error).split())[:200] or type(error).__name__)


def _decoded(data: bytes, filename: str) -> str:
    """UTF-8, or what Excel writes on a Chinese computer."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    limits.refuse("not_utf8", filename, "")
    raise AssertionError


def _check_sheets(workbook: DefinitionData, filename: str) -> None:
    for sheet in SHEETS:
        rows = getattr(workbook, sheet) or ()
        columns = (getattr(workbook, f"{sheet}_header") or [{}])[0]
        if len(rows) > limits.MAX_ROWS[sheet]:
            limits.refuse("too_many_rows", filename, str(len(rows)), sheet, most=str(limits.MAX_ROWS[sheet]))
        if len(columns) > limits.MAX_COLUMNS:
            limits.refuse("too_wide", filename, str(len(columns)), sheet, most=str(limits.MAX_COLUMNS))
        for number, row in enumerate(rows, start=2):
            for column, cell in row.items():
                if cell and len(str(cell)) > limits.MAX_CELL:
                    size = str(len(str(cell)))
                    limits.refuse("cell_too_long", filename, size, sheet, number, column, most=str(limits.MAX_CELL))


# ---- csv -------------------------------------------------------------------


def _of_csv(text: str) -> DefinitionData:
    """One file for all sheets, a sheet's name standing alone in the first column; or one file for the survey sheet."""
    rows = list(csv.reader(StringIO(text, newline="")))
    first = next((row for row in rows if any(cell.strip() for cell in row)), [])
    lone = len([cell for cell in first if cell.strip()]) == 1 or (first and first[0].strip().lower() in SHEETS)
    if first and not lone:
        return _of_tables({"survey": rows})
    tables: dict[str, list[list[str]]] = {}
    current: list[list[str]] = []
    for row in rows:
        if row and row[0].strip():
            current = tables.setdefault(row[0].strip(), [])
        if any(cell.strip() for cell in row[1:]):
            current.append(row[1:])
    return _of_tables(tables)


def _of_archive(data: bytes) -> DefinitionData:
    """A zip of ``survey.csv``, ``choices.csv`` and so on, in whatever folder."""
    tables: dict[str, list[list[str]]] = {}
    with zipfile.ZipFile(BytesIO(data)) as archive:
        for entry in archive.infolist():
            path = PurePath(entry.filename)
            if path.suffix.lower() == ".csv" and path.stem.lower() in SHEETS and not path.name.startswith("."):
                text = _decoded(archive.read(entry), entry.filename)
                tables[path.stem] = list(csv.reader(StringIO(text, newline="")))
    return _of_tables(tables)


def _of_tables(tables: Mapping[str, list[list[str]]]) -> DefinitionData:
    """Sheet name → rows, the header first. Blank rows keep their number."""
    workbook = DefinitionData(sheet_names=list(tables))
    for name, rows in tables.items():
        sheet = name.strip().lower()
        rows = _from_header(rows)
        if sheet not in SHEETS or not rows:
            continue
        header = [RE_WHITESPACE.sub(" ", cell.strip()) for cell in rows[0]]
        named = [cell for cell in header if cell]
        twice = next((cell for cell in named if named.count(cell) > 1), None)
        if twice:
            raise FormProblems([Problem("duplicate_column", "", sheet, 1, twice, twice)])
        made = [
            {column: cell.strip() for column, cell in zip(header, row, strict=False) if column and cell.strip()}
            for row in rows[1:]
        ]
        while made and not made[-1]:
            made.pop()
        setattr(workbook, sheet, made)
        setattr(workbook, f"{sheet}_header", [dict.fromkeys(named)])
    return workbook


def _from_header(rows: Iterable[list[str]]) -> list[list[str]]:
    kept = list(rows)
    while kept and not any(cell.strip() for cell in kept[0]):
        kept.pop(0)
    return kept


# ---- rows and shared lists --------------------------------------------------


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
