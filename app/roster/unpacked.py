"""The rows of a workbook as text, kept beside it when it is first looked at.

Unpacking a large workbook takes as long as all that a comparison does with its
rows, and needs the most memory of all: it is done once, and each comparison
reads line by line. They go when the import is done.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import msgspec

from app.roster.reading import MOST_ROWS, MOST_UNPACKED, Row

MOST = MOST_ROWS + 1_000
"""One row too many is enough to say so; titles stand above them."""
_NAME = "rows-*.jsonl"
_encoded = msgspec.json.Encoder().encode
_decoded = msgspec.json.Decoder(Row).decode


def keep(folder: Path, sheet: str, rows: Iterable[Row]) -> None:
    """What is too large, or finds no room on the disk, is not kept: then the workbook is read again."""
    path = _path(folder, sheet)
    part = path.with_suffix(".part")
    size = 0
    try:
        with part.open("wb") as file:
            for row in islice(rows, MOST):
                size += file.write(_encoded(row) + b"\n")
                if size > MOST_UNPACKED:
                    raise OSError("too large")
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)


def rows(folder: Path, sheet: str) -> Iterator[Row] | None:
    """The rows as they were kept; None where they were not."""
    path = _path(folder, sheet)
    return _each(path) if path.exists() else None


def forget(folder: Path) -> None:
    for path in folder.glob(_NAME):
        path.unlink(missing_ok=True)


def _each(path: Path) -> Iterator[Row]:
    with path.open("rb") as file:
        yield from map(_decoded, file)


def _path(folder: Path, sheet: str) -> Path:
    return folder / _NAME.replace("*", hashlib.sha256(sheet.encode()).hexdigest()[:16])
