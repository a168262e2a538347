"""Lists attached to a form: .csv, .xml and .geojson → rows, within limits, with what is wrong told by file and row."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from pathlib import PurePath
from typing import Any
from xml.etree import ElementTree

from forms.definition import Form
from forms.expression.values import text_of_number
from forms.limits import MAX_CELL, MB, declares_entities
from forms.problems import FormProblems, Problem

SUFFIXES = (".csv", ".xml", ".geojson")
MAX_FILE = 8 * MB
MAX_ROWS = 50_000
"""A list goes to every phone with its form."""
MAX_COLUMNS = 200
MAX_DEPTH = 20
MEDIA = (
    ".png",
    ".jpg",
    ".jpeg",
    ".gif",
    ".webp",
    ".svg",
    ".mp3",
    ".wav",
    ".ogg",
    ".m4a",
    ".mp4",
    ".3gp",
    ".webm",
)

Rows = list[dict[str, Any]]


def read_attachments(files: Mapping[str, bytes]) -> dict[str, Rows]:
    """File name → rows of text (XML elements inside an item are nested); media are passed over.

    Raises FormProblems ``bad_file``, ``too_big``, ``too_many_rows``: every file that cannot be used, its row as ``row``.
    """
    read: dict[str, Rows] = {}
    problems: list[Problem] = []
    for name, body in files.items():
        suffix = PurePath(name).suffix.lower()
        if suffix in MEDIA:
            continue
        try:
            read[name] = _rows_of(name, suffix, body)
        except _Fault as fault:
            code, detail, row = fault.args
            values = {
                "file": name,
                "most": str(MAX_ROWS) if code == "too_many_rows" else f"{MAX_FILE // MB} MB",
            }
            problems.append(Problem(code, name, name, row, "", detail, 0, values))
    if problems:
        raise FormProblems(problems)
    return read


class _Fault(Exception):
    """(code, detail, row)"""


def _rows_of(name: str, suffix: str, body: bytes) -> Rows:
    if suffix not in SUFFIXES:
        raise _Fault("bad_suffix", suffix or name, None)
    if len(body) > MAX_FILE:
        raise _Fault("too_big", f"{len(body) / MB:.1f} MB", None)
    reader = {".csv": _csv, ".xml": _xml, ".geojson": _geojson}[suffix]
    rows: Rows = []
    for row in reader(body):
        rows.append(row)
        if len(rows) > MAX_ROWS:
            raise _Fault("too_many_rows", f"> {MAX_ROWS}", None)
    return rows


def _text(body: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return body.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise _Fault("bad_file", "UTF-8?", None)


def _csv(body: bytes) -> Iterator[dict[str, str]]:
    reader = csv.reader(StringIO(_text(body), newline=""), strict=False)
    header: list[str] | None = None
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if header is None:
                header = _header(row)
                continue
            if any(len(cell) > MAX_CELL for cell in row):
                raise _Fault("bad_file", f"> {MAX_CELL}", reader.line_num)
            if len(row) > len(header) and any(cell.strip() for cell in row[len(header) :]):
                raise _Fault("bad_file", f"{len(row)} > {len(header)} ,", reader.line_num)
            yield {column: cell.strip() for column, cell in zip(header, row, strict=False) if column}
    except csv.Error as error:
        raise _Fault("bad_file", str(error), reader.line_num) from error
    if header is None:
        raise _Fault("bad_file", "0 rows", None)


def _header(row: Sequence[str]) -> list[str]:
    header = [cell.strip() for cell in row]
    if len(header) > MAX_COLUMNS:
        raise _Fault("bad_file", f"{len(header)} > {MAX_COLUMNS} columns", 1)
    twice = next((cell for cell in header if cell and header.count(cell) > 1), None)
    if twice:
        raise _Fault("bad_file", f"{twice}, {twice}", 1)
    return header


def _xml(body: bytes) -> Iterator[dict[str, Any]]:
    if declares_entities(body):
        raise _Fault("bad_file", "<!DOCTYPE", None)
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        raise _Fault("bad_file", str(error), error.position[0]) from error
    for item in root:
        yield _element(item, 0)


def _element(item: ElementTree.Element, depth: int) -> dict[str, Any]:
    """Children by name, a list where a name comes again; attributes stand beside them."""
    if depth > MAX_DEPTH:
        raise _Fault("bad_file", f"> {MAX_DEPTH}", None)
    row: dict[str, Any] = dict(item.attrib)
    for child in item:
        tag = child.tag.rpartition("}")[2]
        value: Any = _element(child, depth + 1) if len(child) else (child.text or "").strip()
        if tag in row:
            row[tag] = [*(row[tag] if isinstance(row[tag], list) else [row[tag]]), value]
        else:
            row[tag] = value
    return row


def _geojson(body: bytes) -> Iterator[dict[str, str]]:
    try:
        content = json.loads(_text(body), parse_float=str)
    except (ValueError, RecursionError) as error:
        raise _Fault("bad_file", str(error)[:200], getattr(error, "lineno", None)) from error
    features = content.get("features") if isinstance(content, dict) else None
    if not isinstance(features, list) or content.get("type") != "FeatureCollection":
        raise _Fault("bad_file", "FeatureCollection?", None)
    for number, feature in enumerate(features, start=1):
        if not isinstance(feature, dict) or not isinstance(feature.get("properties") or {}, dict):
            raise _Fault("bad_file", f"features[{number}]", None)
        row = {
            str(key): value
            if isinstance(value, str)
            else ""
            if value is None
            else json.dumps(value, ensure_ascii=False)
            for key, value in (feature.get("properties") or {}).items()
        }
        if feature.get("id") is not None:
            row.setdefault("id", str(feature["id"]))
        row["geometry"] = _geometry(feature.get("geometry"), number)
        yield row


def _geometry(given: Any, number: int) -> str:
    """As an answer: ``lat lon 0 0``, several joined by ``; ``."""
    if given is None:
        return ""
    try:
        kind, places = given["type"], given["coordinates"]
        if kind == "Polygon":
            places = places[0]
        elif kind == "Point":
            places = [places]
        elif kind != "LineString":
            raise _Fault("bad_file", f"features[{number}]: {kind}", None)
        return "; ".join(
            f"{text_of_number(float(place[1]))} {text_of_number(float(place[0]))} 0 0" for place in places
        )
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise _Fault("bad_file", f"features[{number}]: geometry", None) from error


# ---- a form and its files ----------------------------------------------------


def tables_of(form: Form, attached: Mapping[str, Rows]) -> dict[str, Rows]:
    """Instance id → rows, of the attached files that the form reads."""
    return {
        name: attached[instance["file"]]
        for name, instance in form.definition["instances"].items()
        if instance["kind"] == "file" and instance["file"] in attached
    }


def with_tables(form: Form, attached: Mapping[str, Rows]) -> Form:
    """The form with its lists inside its definition: they are part of a version and never change without a new one."""
    tables = tables_of(form, attached)
    if not tables:
        return form
    return Form({**form.definition, "tables": tables}, form.warnings)


def check_attached(
    form: Form, file: str, names: Sequence[str], attached: Mapping[str, Rows]
) -> list[Problem]:
    """What is wrong between a form and its files: missing ones, columns a select needs, values that come twice.

    names: of all files given, media too. All of it as warnings: a form may be checked before its files are at hand.
    """
    found: list[Problem] = []
    rows = form.rows_of_files
    for name in form.definition.get("attachments", ()):
        if name not in names:
            sheet, row, column = rows.get(name, ("survey", None, ""))
            found.append(Problem("missing_file", file, sheet, row, column, name))
    for node in form.definition["nodes"]:
        items = node.get("items") or {}
        source = form.definition["instances"].get(items.get("instance", ""), {}).get("file")
        table = attached.get(source or "")
        if not table:
            continue
        sheet, row, column = rows.get(source, ("survey", None, ""))
        for key in ("value", "label"):
            if not any(items[key] in one for one in table):
                found.append(
                    Problem("file_column", file, sheet, row, column, items[key], 0, {"file": source})
                )
        twice = _twice(table, items["value"])
        if twice and not node.get("choice_filter"):
            found.append(Problem("duplicate_item", file, sheet, row, column, twice, 0, {"file": source}))
    return found


def _twice(table: Rows, key: str) -> str:
    seen: set[str] = set()
    for row in table:
        value = str(row.get(key, ""))
        if value in seen:
            return value
        seen.add(value)
    return ""
