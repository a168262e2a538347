"""A roster file as rows of text: .xlsx and .xls through calamine, .csv in whatever code page it came."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

MOST_BYTES = 64 * 1024 * 1024
MOST_UNPACKED = 700 * 1024 * 1024
MOST_ROWS = 200_000
MOST_COLUMNS = 200
CSV_SHEET = "CSV"
KINDS = (".xlsx", ".xls", ".csv")

Row = list[str]


class Unreadable(Exception):
    """Why a file cannot be read: a code of app.roster.words."""


def suffix_of(name: str) -> str:
    return Path(name).suffix.lower()


def sheets(path: Path, kind: str) -> list[str]:
    """The names of the sheets, in order; a CSV has one. Raises Unreadable."""
    if kind == ".csv":
        encoding_of(path)
        return [CSV_SHEET]
    return list(_workbook(path, kind).sheet_names)


def rows(path: Path, kind: str, sheet: str) -> Iterator[Row]:
    """Every row of the sheet from its first line on, as text; cells behind the last column anybody needs are cut."""
    if kind == ".csv":
        yield from _csv_rows(path)
        return
    found = _workbook(path, kind).get_sheet_by_name(sheet)
    above = found.start[0] if found.start else 0
    for _ in range(above):
        yield []  # line numbers must be those the spreadsheet shows
    left = found.start[1] if found.start else 0
    for row in found.iter_rows():
        row = row[:MOST_COLUMNS]
        try:
            cells = list(map(str.strip, row))
        except TypeError:  # not all of them are texts
            cells = [cell.strip() if type(cell) is str else cell_text(cell) for cell in row]
        yield [""] * left + cells if left else cells


def _workbook(path: Path, kind: str) -> Any:
    from python_calamine import CalamineError, CalamineWorkbook

    if kind == ".xlsx":
        _refuse_bomb(path)
    try:
        return CalamineWorkbook.from_path(str(path))
    except (CalamineError, OSError, ValueError) as error:
        raise Unreadable("locked" if "assword" in str(error) else "not_a_workbook") from error


def _refuse_bomb(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as packed:
            if sum(entry.file_size for entry in packed.infolist()) > MOST_UNPACKED:
                raise Unreadable("too_large")
    except zipfile.BadZipFile as error:
        # A workbook with a password is no zip but an OLE file.
        with path.open("rb") as file:
            head = file.read(8)
        raise Unreadable("locked" if head == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" else "not_a_workbook") from error


def cell_text(value: Any) -> str:
    """A cell as a reader sees it. A number too long to be exact shows itself as one: 5.00156E+17."""
    if isinstance(value, str):
        return value.strip()
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, (int, float)):
        return _number(float(value)) if isinstance(value, float) or abs(value) >= 10**15 else str(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(sep=" ", timespec="minutes")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    return str(value)


def _number(value: float) -> str:
    if abs(value) >= 1e15:
        return f"{value:.14E}".replace("E+0", "E+")
    return str(int(value)) if value.is_integer() else repr(round(value, 10))


def encoding_of(path: Path) -> str:
    """utf-8-sig or gb18030, whichever the whole file is; utf-16 with its mark. Raises Unreadable."""
    with path.open("rb") as file:
        head = file.read(4)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    if head[:2] == b"PK" or head == b"\xd0\xcf\x11\xe0":
        raise Unreadable("not_csv")
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            with path.open(encoding=encoding, newline="") as text:
                while piece := text.read(1 << 20):
                    if "\0" in piece:
                        raise Unreadable("not_csv")
            return encoding
        except UnicodeDecodeError:
            continue
    raise Unreadable("encoding")


def _csv_rows(path: Path) -> Iterator[Row]:
    with path.open(encoding=encoding_of(path), newline="") as text:
        sample = text.read(8192)
        text.seek(0)
        reader = csv.reader(text, delimiter=_delimiter(sample))
        try:
            for row in reader:
                yield [cell.strip().removeprefix("'") for cell in row[:MOST_COLUMNS]]
        except csv.Error as error:
            raise Unreadable("not_csv") from error


def _delimiter(sample: str) -> str:
    first = next(csv.reader(io.StringIO(sample)), [])
    line = sample.splitlines()[0] if sample else ""
    return max(",;\t", key=line.count) if len(first) < 3 else ","
