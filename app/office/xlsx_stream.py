"""A long list as a workbook that is sent while it is written: constant memory, text stays text. Pure.

XlsxWriter, which writes our small workbooks, has to finish the file before
the first byte can go, and takes four times as long for plain rows.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from app.office.xlsx_export import MOST_ROWS, Kind, fitting

_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_STYLES = (
    f'{_XML}<styleSheet xmlns="{_MAIN}"><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts><fills count="3"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill><fill><patternFill patternType="solid"><fgColor rgb="FFEAEEF2"/>'
    '</patternFill></fill></fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="3"><xf/><xf numFmtId="49" applyNumberFormat="1"/>'
    '<xf fontId="1" fillId="2" numFmtId="49" applyFont="1" applyFill="1" applyNumberFormat="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)
TEXT, HEAD = 1, 2
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,9})?")
# What XML cannot hold, and what it must not take for markup.
_UNSAFE = re.compile("[&<>\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]|^\\s|\\s$")
_ESCAPES = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}
_ESCAPES |= dict.fromkeys([*range(9), 11, 12, *range(14, 32), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF], "\ufffd")
ROWS_AT_ONCE = 500
_LONGEST = 8_000
"""Longer texts are looked at one by one."""


class _Pipe:
    """What the zip writes into and the answer takes out of."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        pass

    def taken(self) -> bytes:
        whole = b"".join(self._pieces)
        self._pieces.clear()
        return whole


def xlsx_pieces(name: str, head: Sequence[str], kinds: Sequence[Kind], rows: Iterable[Sequence[str]]) -> Iterator[bytes]:
    """The workbook piece by piece. A sheet that is full goes on in another, with the head again."""
    pipe = _Pipe()
    sheets = 0
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED, compresslevel=2) as book:  # type: ignore[call-overload]
        lines = iter(rows)
        more = True
        while more:
            sheets += 1
            with book.open(f"xl/worksheets/sheet{sheets}.xml", "w", force_zip64=True) as sheet:
                sheet.write(_begin(head).encode())
                more = False
                for piece, full in _sheet_rows(kinds, lines):
                    sheet.write(piece)
                    more = full
                    if ready := pipe.taken():
                        yield ready
                sheet.write(b"</sheetData></worksheet>")
        for path, text in _frame(name, sheets):
            book.writestr(path, text)
    yield pipe.taken()


def _sheet_rows(kinds: Sequence[Kind], lines: Iterator[Sequence[str]]) -> Iterator[tuple[bytes, bool]]:
    """Pieces of one sheet's rows, each with whether the sheet is full after it."""
    opening = [f'<c r="{letters(at)}%d" s="{TEXT}" t="inlineStr"><is><t' for at in range(len(kinds))]
    number_at = [f'<c r="{letters(at)}%d"><v>' if kind is Kind.NUMBER else "" for at, kind in enumerate(kinds)]
    columns = list(zip(opening, number_at, strict=True))
    row, gathered = 2, []
    for cells in lines:
        gathered.append(_row(row, cells, columns))
        row += 1
        if len(gathered) == ROWS_AT_ONCE or row > MOST_ROWS:
            yield "".join(gathered).encode(), row > MOST_ROWS
            gathered.clear()
        if row > MOST_ROWS:
            return
    yield "".join(gathered).encode(), False


def _row(row: int, cells: Sequence[str], columns: Sequence[tuple[str, str]]) -> str:
    parts = [f'<row r="{row}">']
    for text, (opening, number) in zip(cells, columns, strict=True):
        if not text:
            continue
        if number and _NUMBER.fullmatch(text) and len(text) < 17:
            parts.append(f"{number % row}{text}</v></c>")
        elif len(text) < _LONGEST and not _UNSAFE.search(text):
            parts.append(f"{opening % row}>{text}</t></is></c>")
        else:
            parts.append(f'{opening % row} xml:space="preserve">{fitting(text).translate(_ESCAPES)}</t></is></c>')
    parts.append("</row>")
    return "".join(parts)


def letters(at: int) -> str:
    """The spreadsheet's name of a column: 0 → A, 26 → AA."""
    name = ""
    at += 1
    while at:
        at, rest = divmod(at - 1, 26)
        name = chr(65 + rest) + name
    return name


def _begin(head: Sequence[str]) -> str:
    wide = [min(40, max(9, 2 * len(text) + 2)) for text in head]
    widths = "".join(f'<col min="{at}" max="{at}" width="{width}" customWidth="1"/>' for at, width in enumerate(wide, 1))
    cells = "".join(
        f'<c r="{letters(at)}1" s="{HEAD}" t="inlineStr"><is><t>{fitting(text).translate(_ESCAPES)}</t></is></c>'
        for at, text in enumerate(head)
    )
    return (
        f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" '
        f'activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><cols>{widths}</cols>'
        f'<sheetData><row r="1">{cells}</row>'
    )


def _frame(name: str, sheets: int) -> Iterator[tuple[str, str]]:
    """The small files of the package around the sheets."""
    numbers = range(1, sheets + 1)
    title = (re.sub(r"[\[\]:*?/\\']", " ", name).strip()[:28] or "Sheet").translate(_ESCAPES)
    kinds = [("/xl/workbook.xml", "sheet.main"), ("/xl/styles.xml", "styles")]
    kinds += [(f"/xl/worksheets/sheet{n}.xml", "worksheet") for n in numbers]
    parts = "".join(f'<Override PartName="{path}" ContentType="{_TYPE}.{kind}+xml"/>' for path, kind in kinds)
    yield "[Content_Types].xml", (
        f'{_XML}<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>{parts}</Types>'
    )
    yield "_rels/.rels", _relations([("officeDocument", "xl/workbook.xml")])
    listed = "".join(f'<sheet name="{title}{"" if n == 1 else f" {n}"}" sheetId="{n}" r:id="rId{n}"/>' for n in numbers)
    yield "xl/workbook.xml", f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{listed}</sheets></workbook>'
    targets: list[tuple[str, Any]] = [("worksheet", f"worksheets/sheet{n}.xml") for n in numbers]
    yield "xl/_rels/workbook.xml.rels", _relations([*targets, ("styles", "styles.xml")])
    yield "xl/styles.xml", _STYLES


def _relations(targets: Sequence[tuple[str, str]]) -> str:
    lines = "".join(
        f'<Relationship Id="rId{n}" Type="{_OFFICE}/{kind}" Target="{target}"/>' for n, (kind, target) in enumerate(targets, 1)
    )
    return f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{lines}</Relationships>'
