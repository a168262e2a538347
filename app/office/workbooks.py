"""A workbook as the answer to a request: it grows in the data folder and stays in nobody's cache."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence

from flask import Response, send_file

from app.node import node
from app.office.xlsx_export import XLSX, Kind, Sheet, write_workbook


def text_sheet(name: str, head: Sequence[str]) -> Sheet:
    """A sheet of nothing but text."""
    return Sheet(name, head, [Kind.TEXT] * len(head))


def workbook_sent(
    name: str,
    sheets: Sequence[Sheet],
    rows: Iterable[tuple[int, Sequence[str]]],
    more: Sequence[tuple[str, Sequence[Sequence[str]]]] = (),
) -> Response:
    """The file of that name. rows and more: as `write_workbook` takes them."""
    folder = node().config.data_dir / "tmp"  # not /tmp, which may be everybody's
    folder.mkdir(mode=0o700, exist_ok=True)
    out = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed with the response
    write_workbook(out, sheets, rows, folder=str(folder), more=more)
    out.seek(0)
    response = send_file(out, mimetype=XLSX, as_attachment=True, download_name=name)
    response.headers["Cache-Control"] = "no-store"
    return response
