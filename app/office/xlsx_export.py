"""A workbook of answers: text stays text, numbers are numbers, nothing is ever a formula. Pure but for its file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import IO, Any

import xlsxwriter

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MOST_ROWS = 1_048_576
LONGEST = 32_767
CUT = "…(太长,全文见 CSV · cut, whole in the CSV)"
# A quantity Excel keeps exactly; a zero in front means a code, and 16 digits would lose the last.
_NUMBER = re.compile(r"^-?(0|[1-9]\d{0,14})(\.\d{1,10})?$")
_LONE = re.compile("[\ud800-\udfff]")
_NOT_IN_A_NAME = re.compile(r"[\[\]:*?/\\']")


class Kind(Enum):
    TEXT = "text"
    NUMBER = "number"


@dataclass(frozen=True)
class Sheet:
    name: str
    head: Sequence[str]
    kinds: Sequence[Kind]


def write_workbook(
    out: IO[bytes],
    sheets: Sequence[Sheet],
    rows: Iterable[tuple[int, Sequence[str]]],
    *,
    folder: str,
    more: Sequence[tuple[str, Sequence[Sequence[str]]]] = (),
) -> None:
    """Write the sheets as their rows come: (which sheet, cells). more: short sheets behind them, head first.

    Rows go to disk one by one (in folder), so memory does not grow with their
    number. A sheet that is full goes on in another.
    """
    options = {"constant_memory": True, "tmpdir": folder, "strings_to_formulas": False, "strings_to_urls": False,
               "strings_to_numbers": False}  # fmt: skip
    book = xlsxwriter.Workbook(out, options)
    names = _Names()
    bold = book.add_format({"bold": True, "bg_color": "#EAEEF2", "text_wrap": True, "valign": "top"})
    growing = [_Growing(book, sheet, names, bold) for sheet in sheets]
    for number, cells in rows:
        growing[number].add(cells)
    for name, lines in more:
        head, *rest = lines
        sheet = _Growing(book, Sheet(name, head, [Kind.TEXT] * len(head)), names, bold)
        for line in rest:
            sheet.add(line)
    book.close()


class _Growing:
    def __init__(self, book: Any, sheet: Sheet, names: _Names, bold: Any) -> None:
        self.book, self.sheet, self.names, self.bold = book, sheet, names, bold
        self._begin()

    def add(self, cells: Sequence[str]) -> None:
        if self.row == MOST_ROWS:
            self._begin()
        for column, (text, kind) in enumerate(zip(cells, self.sheet.kinds, strict=True)):
            if text == "":
                continue
            if kind is Kind.NUMBER and _NUMBER.match(text) and len(text.replace(".", "").lstrip("-0")) <= 15:
                self.page.write_number(self.row, column, float(text) if "." in text else int(text))
            else:
                self.page.write_string(self.row, column, fitting(text))
        self.row += 1

    def _begin(self) -> None:
        self.page = self.book.add_worksheet(self.names.free(self.sheet.name))
        self.page.freeze_panes(1, 0)
        for column, head in enumerate(self.sheet.head):
            self.page.set_column(column, column, min(40, max(9, 2 * len(head))))
            self.page.write_string(0, column, fitting(head), self.bold)
        self.row = 1


def fitting(text: str) -> str:
    """The text as a cell can hold it. XlsxWriter would drop one that is too long, and stumble over half a character."""
    text = _LONE.sub("\ufffd", text)
    return text if len(text) <= LONGEST else text[: LONGEST - len(CUT)] + CUT


class _Names:
    """Names of sheets as Excel takes them: short, without some signs, no two alike."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def free(self, wish: str) -> str:
        base = _NOT_IN_A_NAME.sub(" ", wish).strip()[:31] or "Sheet"
        for name in self._wishes(base):
            if name.lower() not in self._taken and name.lower() != "history":
                self._taken.add(name.lower())
                return name
        raise AssertionError("there is always another number")

    @staticmethod
    def _wishes(base: str) -> Iterator[str]:
        yield base
        number = 2
        while True:
            yield f"{base[: 31 - len(str(number)) - 1]} {number}"
            number += 1

