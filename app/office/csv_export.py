"""Submissions as CSV: which columns, which cells, and nothing a spreadsheet would run. Pure.

One line a submission; every repeat is a file of its own, joined by the
submission's id.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.office.answers import SILENT_TYPES, Definition, in_words, plain_label
from app.office.mask import masked

BOM = "\ufeff"
_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "|", "%")
_NUMBER = re.compile(r"^[+-]?\d{1,11}(\.\d+)?$")
# Excel would show 5.10E+17, or eat the zero in front.
_DIGITS_AS_TEXT = re.compile(r"^(\d{12,}[\dXx]?|0\d+)$")


@dataclass(frozen=True)
class Column:
    """path: of the question, below the repeat's when the file is one of a repeat."""

    path: str
    head: str
    personal: bool = False


def guarded(value: str) -> str:
    """The cell so that no spreadsheet takes it for a formula, and long numbers stay text.

    An apostrophe before what could be run (OWASP, CSV injection), a tab before
    digits that are a name and not a quantity: ID numbers, codes.
    """
    if _NUMBER.match(value) and not (len(value) > 1 and value[0] == "0" and value[1].isdigit()):
        return value
    if _DIGITS_AS_TEXT.match(value):
        return "\t" + value
    return "'" + value if value.lstrip(" \u3000").startswith(_STARTS_FORMULA) else value


def csv_lines(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The file piece by piece, with the mark that makes Excel and WPS read it as UTF-8."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    buffer.write(BOM)
    writer.writerow([guarded(cell) for cell in head])
    for row in rows:
        writer.writerow([guarded(cell) for cell in row])
        if buffer.tell() > 16_000:
            yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text


def columns_of(
    definitions: Sequence[Definition], repeat: str, lang: str, *, names: bool, personal: frozenset[str]
) -> list[Column]:
    """The questions of all these versions outside repeats, or of one repeat; newest version first.

    Two questions with one label get their names behind it. personal: register
    fields that are to be masked.
    """
    found: dict[str, Column] = {}
    for definition in definitions:
        repeats = {node["path"] for node in definition.get("nodes", ()) if node["kind"] == "repeat"}
        for node in definition.get("nodes", ()):
            if node["kind"] != "question" or node.get("type") in SILENT_TYPES or node["path"] in found:
                continue
            if not names and "label" not in node:
                continue
            if _innermost(node["path"], repeats) == repeat:
                head = node["path"].partition("/data/")[2] if names else plain_label(definition, node, lang)
                found[node["path"]] = Column(node["path"], head, node.get("save_to") in personal)
    heads = [column.head for column in found.values()]
    return [
        Column(c.path, f"{c.head} ({c.path.rsplit('/', 1)[1]})", c.personal) if heads.count(c.head) > 1 else c
        for c in found.values()
    ]


def repeats_of(definition: Definition, lang: str) -> list[tuple[str, str]]:
    """(path, label) of every repeat that a file can be made of."""
    nodes = definition.get("nodes", ())
    return [(node["path"], plain_label(definition, node, lang)) for node in nodes if node["kind"] == "repeat"]


def _innermost(path: str, repeats: set[str]) -> str:
    return max((repeat for repeat in repeats if path.startswith(repeat + "/")), key=len, default="")


def instances(answers: Any, repeat: str) -> Iterator[tuple[str, dict[str, str]]]:
    """(number, values by path) of each instance; one with number '' for the submission itself.

    Values of the enclosing levels are not repeated in a repeat's lines.
    """
    if not repeat:
        yield "", dict(_flat(answers, "/data"))
        return
    yield from _instances(answers, "/data", repeat.removeprefix("/data/").split("/"), "")


def _instances(answers: Any, path: str, steps: Sequence[str], number: str) -> Iterator[tuple[str, dict[str, str]]]:
    if not isinstance(answers, Mapping):
        return
    here, rest = answers.get(steps[0]), steps[1:]
    below = f"{path}/{steps[0]}"
    for index, one in enumerate(here if isinstance(here, list) else [here], 1):
        told = f"{number}.{index}".lstrip(".") if isinstance(here, list) or not rest else number
        if rest:
            yield from _instances(one, below, rest, told)
        elif isinstance(one, Mapping):
            yield told, dict(_flat(one, below))


def _flat(answers: Any, path: str) -> Iterator[tuple[str, str]]:
    if not isinstance(answers, Mapping):
        return
    for name, value in answers.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}/{name}")
        elif not isinstance(value, list):
            yield f"{path}/{name}", "" if value is None else str(value)


def cells(
    columns: Sequence[Column], values: Mapping[str, str], definition: Definition | None, lang: str, *, codes: bool
) -> list[str]:
    """One line's answers, in words unless codes are asked for."""
    nodes = {node["path"]: node for node in (definition or {}).get("nodes", ())}
    line = []
    for column in columns:
        value, node = values.get(column.path, ""), nodes.get(column.path)
        if column.personal:
            value = masked(value)
        elif node and not codes and definition:
            value = in_words(definition, node, value, lang)
        line.append(value)
    return line
