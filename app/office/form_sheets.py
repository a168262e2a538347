"""A form file as tables with its faults in the cells: what the office shows beside the rows. Pure.

What is found is told in both languages and kept, so that a page shows it
without reading the file again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from forms.definition import Form
from forms.problems import FormProblems

if TYPE_CHECKING:
    from forms.workbook import Row

SHEETS = ("survey", "choices", "settings", "entities", "external_choices")
MOST_ROWS = 3_000
WHOLE_UP_TO = 400
"""A longer sheet shows its faulty rows with what stands around them."""
AROUND = 3
LANGUAGES = ("zh", "en")

Told = dict[str, Any]
Compile = Callable[[bytes, str, Sequence["Row"], Mapping[str, bytes]], Form]

# Reading it a second time, here, would only do the harm that the child was spared.
_TOO_MUCH = frozenset({"too_slow", "crashed", "bomb", "too_big", "too_many_rows", "too_wide"})

# How a column may be headed, by the name a problem gives it.
_ALSO = {
    "relevant": ("relevance", "bind::relevant"),
    "constraint": ("bind::constraint",),
    "constraint_message": ("bind::jr:constraintmsg", "constraint message"),
    "required": ("bind::required",),
    "readonly": ("read_only", "bind::readonly"),
    "calculation": ("calculate", "bind::calculate"),
    "calculate": ("calculation", "bind::calculate"),
    "default": ("value",),
    "repeat_count": ("count", "jr:count"),
    "count": ("repeat_count", "jr:count"),
    "list_name": ("list name", "dataset"),
    "name": ("value",),
    "type": ("command",),
    "save_to": ("saveto", "bind::entities:saveto"),
    "trigger": (),
}


@dataclass(frozen=True)
class Reading:
    """What became of a file: the form when there is no error, and everything that was found."""

    form: Form | None
    problems: tuple[Told, ...]
    warnings: tuple[Told, ...] = ()
    sheets: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Cell:
    text: str
    faulty: bool = False


@dataclass(frozen=True)
class Line:
    """One row as it is shown, with what is said beside it. gap: how many rows were left out before it."""

    number: int
    cells: list[Cell]
    problems: list[Told] = field(default_factory=list)
    warnings: list[Told] = field(default_factory=list)
    gap: int = 0


@dataclass(frozen=True)
class Sheet:
    """loose: what was found in this sheet but in no row of it."""

    name: str
    columns: list[str]
    lines: list[Line]
    rows: int
    cut: bool
    loose: list[Told]


def read_form(
    name: str, body: bytes, attachments: Mapping[str, bytes], shared: list[Row], compile: Compile
) -> Reading:
    """Read and check a form file. Never raises for a bad form.

    compile: in a process of its own with a time limit. Only what came through
    there is read here as well, or what failed for another reason than its size.
    """
    try:
        form = compile(body, name, shared, attachments)
    except FormProblems as found:
        problems = tuple(told(one) for one in found.problems)
        return Reading(None, problems, (), () if _TOO_MUCH & {one["code"] for one in problems} else _sheets(name, body))
    return Reading(form, (), tuple(told(one) for one in form.warnings), _sheets(name, body))


def _sheets(name: str, body: bytes) -> tuple[dict[str, Any], ...]:
    from forms.workbook import read_workbook  # brings up pyxform

    try:
        return tuple(_tables(read_workbook(body, name)))
    except FormProblems:
        return ()


def told(problem: Any) -> Told:
    """A problem in both languages, with its place."""
    return {
        "code": problem.code,
        "sheet": problem.sheet,
        "row": problem.row,
        "column": problem.column,
        "message": {lang: problem.message(lang) for lang in LANGUAGES},
        "next": {lang: problem.next(lang) for lang in LANGUAGES},
    }


def _tables(workbook: Any) -> Iterable[dict[str, Any]]:
    """The sheets as they will be kept: columns, and rows as [number, cells]."""
    for name in SHEETS:
        rows: Sequence[Mapping[str, Any]] = getattr(workbook, name, None) or ()
        header = getattr(workbook, f"{name}_header", None) or ()
        columns = list(dict.fromkeys([*(key for one in header for key in one), *(key for row in rows for key in row)]))
        columns = [column for column in columns if isinstance(column, str) and not column.startswith("__")]
        if rows or columns:
            yield {
                "name": name,
                "columns": columns,
                "rows": [
                    [number, ["" if row.get(column) is None else str(row[column]) for column in columns]]
                    for number, row in enumerate(rows[:MOST_ROWS], start=2)
                    if row
                ],
                "total": len(rows),
            }


def marked(
    sheets: Iterable[Mapping[str, Any]], problems: Sequence[Told], warnings: Sequence[Told], *, whole: bool = False
) -> tuple[list[Sheet], list[Told]]:
    """The sheets with what was found at its place, and what has no place in any of them."""
    made = [_sheet(sheet, _of(sheet, problems), _of(sheet, warnings), whole) for sheet in sheets]
    placed = {sheet.name for sheet in made}
    return made, [one for one in (*problems, *warnings) if one["sheet"] not in placed]


def _of(sheet: Mapping[str, Any], found: Sequence[Told]) -> list[Told]:
    return [one for one in found if one["sheet"] == sheet["name"]]


def _sheet(sheet: Mapping[str, Any], problems: list[Told], warnings: list[Told], whole: bool) -> Sheet:
    columns, rows = list(sheet["columns"]), sheet["rows"]
    known = {number for number, _cells in rows}
    kept = rows if whole or len(rows) <= WHOLE_UP_TO else _around(rows, {one["row"] for one in (*problems, *warnings)})
    lines, last = [], 1
    for number, texts in kept:
        here = [one for one in problems if one["row"] == number]
        beside = [one for one in warnings if one["row"] == number]
        faulty = {column_of(columns, one["column"]) for one in (*here, *beside)}
        cells = [Cell(text, place in faulty) for place, text in enumerate(texts)]
        lines.append(Line(number, cells, here, beside, max(0, number - last - 1)))
        last = number
    loose = [one for one in (*problems, *warnings) if one["row"] not in known]
    return Sheet(sheet["name"], columns, lines, sheet["total"], len(kept) < len(rows), loose)


def _around(rows: Sequence[Any], wanted: set[int | None]) -> list[Any]:
    near = {number + step for number in wanted if number for step in range(-AROUND, AROUND + 1)}
    return [row for place, row in enumerate(rows) if row[0] in near or place < 2 * AROUND]


def column_of(columns: Sequence[str], name: str) -> int | None:
    """Where the column of a problem is, however the author headed it; None when no column is meant."""
    wanted = name.strip().lower()
    if not wanted:
        return None
    heads = [column.strip().lower() for column in columns]
    for one in (wanted, *_ALSO.get(wanted, ())):
        if one in heads:
            return heads.index(one)
    return next((place for place, head in enumerate(heads) if head.partition("::")[0].partition(":")[0] == wanted), None)
