"""What a file may weigh before it is parsed, and what its sheets may hold after."""

from __future__ import annotations

import zipfile
from io import BytesIO

from forms.problems import FormProblems, Problem

MB = 1024 * 1024
MAX_BYTES = 20 * MB
MAX_ENTRIES = 2_000
MAX_UNPACKED = 200 * MB
MAX_STRINGS = 64 * MB
"""Of a workbook's shared strings, which are read into memory whole."""
RATIO_FROM = 20 * MB
MAX_RATIO = 500
"""Sheets formatted down to the last row reach 200; a bomb reaches 1,000 and more."""
MAX_VALUES = 1_500_000
SCANNED_FROM = 4 * MB
HEAD = 64 * 1024

MAX_ROWS = {"survey": 5_000, "choices": 60_000, "external_choices": 200_000, "settings": 100, "entities": 100, "osm": 5_000}
MAX_COLUMNS = 1_000
MAX_CELL = 32_767
"""Excel's own limit."""


def refuse(code: str, filename: str, detail: str, sheet: str = "", row: int | None = None, column: str = "", **values: str) -> None:
    raise FormProblems([Problem(code, filename, sheet, row, column, detail, 0, values)])


def check_size(data: bytes | str, filename: str) -> None:
    """Raises FormProblems ``too_big``."""
    if len(data) > MAX_BYTES:
        refuse("too_big", filename, f"{len(data) / MB:.1f} MB", most=f"{MAX_BYTES // MB} MB")


def check_zip(data: bytes, filename: str) -> None:
    """A workbook or an archive: what it says it unpacks to. Python's reader never gives more than is said there.

    Raises FormProblems ``bomb`` or ``unreadable``.
    """
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            entries = archive.infolist()
            if len(entries) > MAX_ENTRIES:
                refuse("bomb", filename, f"{len(entries)} > {MAX_ENTRIES}")
            total = sum(entry.file_size for entry in entries)
            ratio = total / max(1, sum(entry.compress_size for entry in entries))
            if total > MAX_UNPACKED or (total > RATIO_FROM and ratio > MAX_RATIO):
                refuse("bomb", filename, f"{total / MB:.0f} MB, 1:{ratio:.0f}")
            for entry in entries:
                _check_entry(archive, entry, filename)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError, ValueError) as error:
        # RuntimeError: a password; NotImplementedError: a compression nobody uses for workbooks
        raise FormProblems([Problem("unreadable", filename, detail=str(error)[:200])]) from error


def _check_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, filename: str) -> None:
    if not entry.filename.endswith((".xml", ".rels", ".vml")):
        return
    if entry.filename.endswith("sharedStrings.xml") and entry.file_size > MAX_STRINGS:
        refuse("bomb", filename, f"{entry.filename}: {entry.file_size / MB:.0f} MB")
    with archive.open(entry) as stream:
        head = stream.read(HEAD)
        if declares_entities(head):
            refuse("bomb", filename, f"{entry.filename}: <!DOCTYPE")
        if entry.file_size < SCANNED_FROM or "worksheets/" not in entry.filename:
            return
        values = 0
        while head:
            values += head.count(b"<v>") + head.count(b"<is>")
            if values > MAX_VALUES:
                refuse("too_many_rows", filename, f"> {MAX_VALUES}", most=str(MAX_VALUES))
            head = stream.read(MB)


def declares_entities(head: bytes) -> bool:
    """No sheet and no attached list has a document type; entities are how small files grow large."""
    plain = head.replace(b"\x00", b"")
    return b"<!DOCTYPE" in plain or b"<!ENTITY" in plain
