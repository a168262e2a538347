"""What the steps of one compilation share: the sheets, the paths, the trees read so far, and the problems."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from forms.checks.expressions import FUNCTIONS, calls, read_fault
from forms.compile_texts import Languages
from forms.expression.parse import ExpressionError, Tree, parse
from forms.outline import ROOT, Line, Outline
from forms.problems import Problem
from forms.suggest import nearest
from forms.vocabulary import MEDIA

RECORDS = frozenset({"household", "member", "visit", "issue", "village"})
"""The register's lists: an instance of one of these names reads records, not an attached file."""

TRUE = {"yes", "true", "true()", "1"}
FALSE = {"no", "false", "false()", "0", ""}
REFERENCE = re.compile(r"\$\{\s*([^}]+?)\s*\}")
_JR = re.compile(r"^jr://(?:images|audio|video|file)/")


class Compilation:
    """Problems and warnings gather, so that an author sees them all at once."""

    def __init__(self, file: str, sheets: dict[str, Any], outline: Outline) -> None:
        self.file, self.outline = file, outline
        self.sheets = expanded(sheets)
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.root_name = str(self.sheets.get("name") or "data")
        self.languages = Languages(self.sheets)
        self.paths: dict[str, str] = dict(_names(self.sheets, ROOT))
        self.nodes: list[dict[str, Any]] = []
        self.entity_scopes: dict[int, str] = {}
        self.lists_used: dict[str, None] = {}
        self.instances: dict[str, dict[str, str]] = {}
        self.wanted: dict[str, Line | None] = {}
        """Files the form wants attached → the first row that does."""
        self.audit: dict[str, Any] | None = None

    def problem(
        self, code: str, line: Line | None, column: str, detail: str, *, position: int = 0, sheet: str = "", **values: str
    ) -> None:
        """column: canonical; told as the author wrote it."""
        sheet = line.sheet if line else sheet or "survey"
        written = self.outline.header(sheet, column) if column else ""
        self.problems.append(
            Problem(code, self.file, sheet, line.row if line else None, written, detail, position, values)
        )

    def warn(self, code: str, line: Line | None, column: str, detail: str, *, sheet: str = "", **values: str) -> None:
        sheet = line.sheet if line else sheet or "survey"
        written = self.outline.header(sheet, column) if column else ""
        row = line.row if line else None
        self.warnings.append(Problem(code, self.file, sheet, row, written, detail, 0, values))

    def tree(self, text: Any, line: Line | None, column: str, known: frozenset[str] = frozenset()) -> Tree | None:
        """The tree of an expression; None with its problems told. known: functions of the place, besides ours."""
        try:
            tree = parse(str(text), self.paths.get)
        except ExpressionError as error:
            near = nearest(error.detail, self.paths) if error.code == "unknown_name" else ""
            code, detail = read_fault(error, str(text))
            self.problem(code, line, column, detail, position=error.position + 1, near=near)
            return None
        if self.root_name != "data":
            tree = _rooted(tree, self.root_name)
        for code, detail in calls(tree):
            if detail in known:
                continue
            near = nearest(detail, FUNCTIONS) if code == "unknown_function" else ""
            self.problem(code, line, column, detail, position=place_of_call(str(text), detail), near=near)
        return tree

    def condition(self, text: Any, line: Line | None, column: str) -> Any:
        """true for a plain yes, None for a plain no, else a tree."""
        plain = str(text).strip().lower()
        if plain in TRUE:
            return True
        return None if plain in FALSE else self.tree(text, line, column)

    def text(self, given: Any, line: Line | None, column: str) -> dict[str, Any] | None:
        """A Text: language → words, or parts where ``${…}`` stands in them."""
        made: dict[str, Any] = {}
        for key, words, name in self.languages.split(given):
            made[key] = self._parts(words, line, f"{column}::{name}" if name else column)
        return made or None

    def _parts(self, words: str, line: Line | None, column: str) -> Any:
        pieces = REFERENCE.split(words)
        if len(pieces) == 1:
            return words
        parts: list[Any] = []
        for number, piece in enumerate(pieces):
            if number % 2:
                parts.append({"tree": self.tree("${" + piece + "}", line, column)})
            elif piece:
                parts.append(piece)
        return parts

    def media(self, given: Any, line: Line | None) -> dict[str, Any] | None:
        """image, big-image, audio, video → Text of file names; the files become wanted attachments."""
        found: dict[str, Any] = {}
        for kind in MEDIA:
            text = self.text((given or {}).get(kind), line, kind)
            if text:
                # Some authors write the address that ODK makes of the name.
                text = {lang: _JR.sub("", name) if isinstance(name, str) else name for lang, name in text.items()}
                found[kind] = text
                for name in text.values():
                    if isinstance(name, str):
                        self.wanted.setdefault(name, line)
        return found or None

    def instance(self, name: str, file: str, line: Line | None) -> None:
        """A list outside the answers that the form reads."""
        if name in RECORDS:
            self.instances[name] = {"kind": "records"}
            return
        self.instances.setdefault(name, {"kind": "file", "file": file})
        self.wanted.setdefault(file, line)


def place_of_call(text: str, detail: str) -> int:
    """1-based place of a function's name in its expression; 0 when it is not found."""
    found = re.search(rf"(?<![\w.:-]){re.escape(detail)}\s*\(", text)
    return found.start() + 1 if found else 0


def _names(parent: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for child in parent.get("children", ()):
        here = f"{path}/{child['name']}"
        if child["name"] == "meta" and child["type"] == "group" and path == ROOT:
            yield from _names(child, here)
            continue
        yield child["name"], here
        if child["type"] in ("group", "repeat"):
            yield from _names(child, here)


def expanded(sheets: dict[str, Any]) -> dict[str, Any]:
    """The sheets with every loop written out: a group per choice, ``%(name)s`` and ``%(label)s`` filled in."""
    if "children" not in sheets:
        return sheets
    children = [expanded(child) for child in sheets["children"]]
    if sheets.get("type") != "loop":
        return sheets | {"children": children}
    groups = []
    for column in sheets.get("columns", ()):
        if column["name"] != "none":
            inner = [_filled(child, column) for child in children]
            groups.append({"type": "group", "name": column["name"], "label": column.get("label"), "children": inner})
    return sheets | {"type": "group", "children": groups}


def _filled(value: Any, column: dict[str, Any], lang: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _filled(inner, column, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, column, lang) for inner in value]
    if not isinstance(value, str) or "%(" not in value:
        return value
    label = column.get("label")
    words = label.get(lang, next(iter(label.values()), "")) if isinstance(label, dict) else label
    return value.replace("%(name)s", str(column["name"])).replace("%(label)s", str(words or ""))


def _rooted(tree: Tree, name: str) -> Tree:
    """Absolute paths from the form's own root name, led to /data."""
    if not isinstance(tree, list):
        return tree
    if len(tree) > 2 and tree[:2] == ["path", "/"] and tree[2][:2] == ["child", name]:
        tree = ["path", "/", ["child", ROOT[1:], *tree[2][2:]], *tree[3:]]
    return [_rooted(part, name) for part in tree]
