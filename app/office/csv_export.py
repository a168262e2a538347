"""Submissions as CSV: which columns, which cells, and nothing a spreadsheet would run. Pure.

One line a submission; every repeat is a file of its own, joined by the
submission's id.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.office.answers import SILENT_TYPES, Definition, Node, fills, in_words, plain_label
from app.office.mask import Sight
from forms.diff import MergedTable, merged_tables

BOM = "\ufeff"
_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "|", "%")
_NUMBER = re.compile(r"^[+-]?\d{1,11}(\.\d+)?$")
# Excel would show 5.10E+17, or eat the zero in front.
_DIGITS_AS_TEXT = re.compile(r"^(\d{12,}[\dXx]?|0\d+)$")


@dataclass(frozen=True)
class Column:
    """One question in all versions.

    path: its place in the newest version that asks it; paths: version → place
    where that differs. fills: a field of the register. type: of the newest.
    """

    path: str
    head: str
    fills: str = ""
    paths: Mapping[str, str] = field(default_factory=dict)
    type: str = ""

    def path_in(self, version: str) -> str:
        """'' where that version does not ask it. An answer of an unknown version is looked for where the newest has it."""
        return self.paths.get(version, "") if version and self.paths else self.path


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
    definitions: Sequence[Definition],
    repeat: str,
    lang: str,
    *,
    names: bool,
    renames: Mapping[str, Mapping[str, str]] | None = None,
) -> list[Column]:
    """The questions of all these versions outside repeats, or of one repeat; newest version first.

    Answers under several versions merge by question name, wherever it stands.
    Two questions with one label get their names behind it. repeat: its path in
    some version.
    """
    by_version = dict(_versions(definitions))
    table = _table(definitions, repeat, renames)
    found = []
    for merged in table.columns.values() if table else ():
        node, definition = merged.node, by_version[merged.version]
        if node.get("type") in SILENT_TYPES or (not names and "label" not in node):
            continue
        head = node["path"].partition("/data/")[2] if names else plain_label(definition, node, lang)
        found.append(Column(node["path"], head, fills(node), dict(merged.paths), str(node.get("type", ""))))
    heads = [column.head for column in found]
    return [
        dataclasses.replace(c, head=f"{c.head} ({c.path.rsplit('/', 1)[1]})") if heads.count(c.head) > 1 else c
        for c in found
    ]


def repeats_of_all(
    definitions: Sequence[Definition], lang: str, renames: Mapping[str, Mapping[str, str]] | None = None
) -> list[tuple[str, str]]:
    """(path, label) of every repeat of any version, newest version first: its path and label in the newest that has it."""
    labels = {(v, path): label for v, d in _versions(definitions) for path, label in repeats_of(d, lang)}
    tables = [table for key, table in merged_tables(_versions(definitions), renames).items() if key]
    newest = [next(iter(table.paths.items())) for table in tables]
    return [(path, labels[version, path]) for version, path in newest]


def paths_of_repeat(
    definitions: Sequence[Definition], repeat: str, renames: Mapping[str, Mapping[str, str]] | None = None
) -> dict[str, str]:
    """Version → path of the repeat, for the versions that have it."""
    table = _table(definitions, repeat, renames)
    return dict(table.paths) if table else {}


def _table(
    definitions: Sequence[Definition], repeat: str, renames: Mapping[str, Mapping[str, str]] | None
) -> MergedTable | None:
    """The table of a repeat, by its path in any version; '' is the main one."""
    tables = merged_tables(_versions(definitions), renames)
    return next((one for one in tables.values() if repeat in one.paths.values()), None) if repeat else tables[""]


def _versions(definitions: Sequence[Definition]) -> list[tuple[str, Definition]]:
    return [(str(definition.get("version", place)), definition) for place, definition in enumerate(definitions)]


def repeats_of(definition: Definition, lang: str) -> list[tuple[str, str]]:
    """(path, label) of every repeat that a file can be made of."""
    nodes = definition.get("nodes", ())
    return [(node["path"], plain_label(definition, node, lang)) for node in nodes if node["kind"] == "repeat"]


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
    columns: Sequence[Column], values: Mapping[str, str], definition: Definition | None, lang: str, *, codes: bool,
    sight: Sight,
) -> list[str]:  # fmt: skip
    """One line's answers, in words unless codes are asked for."""
    nodes = _nodes(definition)
    version = str((definition or {}).get("version", ""))
    line = []
    for column in columns:
        path = column.path_in(version)
        value, node = values.get(path, ""), nodes.get(path)
        seen = sight.value(column.fills, value)
        if seen != value:
            value = seen
        elif node and not codes and definition and "list" in node:
            value = in_words(definition, node, value, lang)
        line.append(value)
    return line


def _nodes(definition: Definition | None) -> Mapping[str, Node]:
    """By path; the last few definitions are remembered, for a download asks for every line."""
    if definition is None:
        return {}
    found = _NODES.get(id(definition))
    if found is None or found[0] is not definition:
        if len(_NODES) > 16:
            _NODES.clear()
        found = _NODES[id(definition)] = (definition, {node["path"]: node for node in definition.get("nodes", ())})
    return found[1]


_NODES: dict[int, tuple[Definition, dict[str, Node]]] = {}
