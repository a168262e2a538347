"""The sheets as their author sees them: every row with its number, its cells by canonical column, its place in the form.

pyxform gives the finished form or its first complaint; the outline stands before that, whole or broken, so that checks
can name rows and headers as they are written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyxform import aliases
from pyxform.parsing.sheet_headers import clean_text_values
from pyxform.xls2json_backends import DefinitionData

from forms.vocabulary import SHEETS, Column, Type, column_of, type_of

ROOT = "/data"
UNTYPED = Type("", "")


@dataclass
class Line:
    """One row of a sheet. cells: by canonical key (``label::English (en)``)."""

    sheet: str
    row: int
    cells: dict[str, str]
    type: Type = UNTYPED
    path: str = ""
    parent: Line | None = None
    repeats: tuple[Line, ...] = ()
    """The repeats around it, outermost first; of a repeat's own begin row: itself not counted."""

    @property
    def name(self) -> str:
        return self.cells.get("name", "")

    def get(self, column: str) -> str:
        return self.cells.get(column, "")

    def texts(self, column: str) -> list[tuple[str, str]]:
        """(key, words) of a column in all its languages."""
        return [(key, words) for key, words in self.cells.items() if key == column or key.startswith(column + "::")]


@dataclass
class Outline:
    """survey holds only rows that are used: not blank, not disabled, not comments."""

    survey: list[Line] = field(default_factory=list)
    choices: dict[str, list[Line]] = field(default_factory=dict)
    external_choices: dict[str, list[Line]] = field(default_factory=dict)
    entities: list[Line] = field(default_factory=list)
    settings: Line = field(default_factory=lambda: Line("settings", 2, {}))
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    """sheet → canonical key → header as written."""
    columns: dict[str, list[tuple[str, Column]]] = field(default_factory=dict)
    skipped: list[Line] = field(default_factory=list)
    """Rows with something in them that pyxform passes over."""
    begun: list[Line] = field(default_factory=list)
    """Begin rows without an end."""
    ended: list[tuple[Line, Line | None]] = field(default_factory=list)
    """End rows that do not fit, with the begin row that is open there."""
    names: dict[str, list[Line]] = field(default_factory=dict)
    by_path: dict[str, Line] = field(default_factory=dict)
    sheet_names: Sequence[str] = ()

    def header(self, sheet: str, key: str) -> str:
        """The header as its author wrote it; the canonical name when there is none."""
        known = self.headers.get(sheet, {})
        if key in known:
            return known[key]
        return next((written for one, written in known.items() if one.startswith(key + "::")), key)

    def line_of(self, path: str) -> Line | None:
        """The survey row behind a node; of what pyxform adds, the row it was made for."""
        found = self.by_path.get(path)
        if found is None:
            for suffix in ("_other", "_count"):
                if path.endswith(suffix):
                    found = self.by_path.get(path.removesuffix(suffix))
            if found is None and path.rsplit("_", 1)[-1].isdigit():
                row = int(path.rsplit("_", 1)[-1])
                found = next((line for line in self.survey if line.row == row), None)
        return found

    @property
    def lists(self) -> set[str]:
        return set(self.choices)

    def questions(self) -> list[Line]:
        return [line for line in self.survey if line.type.kind in ("question", "")]


def outline_of(workbook: DefinitionData) -> Outline:
    """Never raises: what cannot be understood is left out or kept as it stands."""
    outline = Outline(sheet_names=workbook.sheet_names or ())
    clean = True
    for sheet in SHEETS:
        outline.columns[sheet] = _columns(sheet, getattr(workbook, f"{sheet}_header"))
        outline.headers[sheet] = {}
        for written, column in outline.columns[sheet]:
            outline.headers[sheet].setdefault(column.key, written)
    settings = _lines("settings", workbook.settings, outline, False)
    if settings:
        outline.settings = settings[0]
        clean = aliases.yes_no.get(outline.settings.cells.get("clean_text_values", "yes"), True)
    for sheet, kept in (("choices", outline.choices), ("external_choices", outline.external_choices)):
        for line in _lines(sheet, getattr(workbook, sheet), outline, False):
            if line.get("list_name"):
                kept.setdefault(line.get("list_name"), []).append(line)
            elif line.cells:
                outline.skipped.append(line)
    outline.entities = [line for line in _lines("entities", workbook.entities, outline, False) if line.cells]
    _survey(_lines("survey", workbook.survey, outline, clean), outline)
    return outline


def _columns(sheet: str, header: Any) -> list[tuple[str, Column]]:
    written = [key for key in (header or [{}])[0] if key]
    double = any("::" in key for key in written)
    return [(key, column_of(sheet, key, double)) for key in written]


def _lines(sheet: str, rows: Sequence[Mapping[str, Any]] | None, outline: Outline, collapse: bool) -> list[Line]:
    keys = {written: column.key for written, column in outline.columns[sheet]}
    lines = []
    for number, row in enumerate(rows or (), start=2):
        cells = {
            keys.get(written, written): str(clean_text_values(value, strip_whitespace=collapse))
            for written, value in row.items()
            if value not in (None, "")
        }
        lines.append(Line(sheet, number, cells))
    return lines


def _survey(lines: list[Line], outline: Outline) -> None:
    """Types, paths and nesting; begin and end rows are matched as pyxform does."""
    open_: list[Line] = []
    for line in lines:
        if not line.cells:
            continue
        if aliases.yes_no.get(line.get("disabled")):
            outline.skipped.append(line)
            continue
        if not line.get("type") and not line.name and not line.get("label"):
            outline.skipped.append(line)
            continue
        line.type = type_of(line.get("type"))
        if line.type.kind == "setting":
            outline.settings.cells.setdefault(_setting(line.type.name), line.name)
            continue
        if line.type.kind == "end":
            if open_ and open_[-1].type.name == line.type.name:
                open_.pop()
            else:
                outline.ended.append((line, open_[-1] if open_ else None))
                if any(one.type.name == line.type.name for one in open_):
                    while open_.pop().type.name != line.type.name:
                        pass
            continue
        _name(line)
        line.parent = open_[-1] if open_ else None
        line.path = f"{line.parent.path if line.parent else ROOT}/{line.name}"
        line.repeats = tuple(one for one in open_ if one.type.name == "repeat")
        outline.survey.append(line)
        if line.name:
            outline.names.setdefault(line.name, []).append(line)
            outline.by_path.setdefault(line.path, line)
        if line.type.kind == "begin":
            open_.append(line)
    outline.begun = open_


def _name(line: Line) -> None:
    if line.type.name == "audit":
        line.cells["name"] = "audit"
    elif not line.name and line.type.name == "note":
        line.cells["name"] = f"generated_note_name_{line.row}"


def _setting(name: str) -> str:
    return {"title": "form_title", "id_string": "form_id"}.get(name, name)
