"""What stands on a visit sheet: a form's questions with the register's last values, ready to lay out.

Pure: takes the form, the records and the words, answers plain dictionaries
that the template prints. Nothing of a form is named here but node types, so
any form of the library prints.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forms.definition import Form, text_of

Row = Mapping[str, Any]
Node = Mapping[str, Any]

MOST_BOXES = 12
"""A longer choice list is written by hand on a line; its boxes would fill the page."""
SHORT = 16
"""Characters that fit half a line beside the label."""
PER_LINE = 8
"""Columns of a repeat's table before it takes two lines for each row."""
BLANK_ROWS = {True: 1, False: 2}
"""Rows left to write in: a repeat prefilled from the register, and another one."""

_HIDDEN = {
    "calculate", "hidden", "start", "end", "today", "deviceid", "username", "email", "phonenumber", "audit",
    "csv-external", "xml-external", "geopoint", "geotrace", "geoshape", "start-geopoint", "barcode", "range",
}  # fmt: skip
_CHECKED = {"image", "photo", "audio", "video", "file", "acknowledge", "trigger"}


@dataclass(frozen=True)
class Subject:
    """Whom a sheet is for. household and members hold the register's fields; since their dates by field."""

    household: Row
    members: Sequence[Row]
    since: Mapping[str, str]
    place: str


def sheet(form: Form, subject: Subject, lang: str = "zh") -> list[dict[str, Any]]:
    """The sections of the sheet in the form's order; members flow over as many pages as they need."""
    sections: list[dict[str, Any]] = []
    builder = _Builder(form, subject, lang)
    loose: dict[str, Any] = {"title": "", "items": []}
    for node in builder.below(form.definition["root"]):
        if node["kind"] == "group":
            section = {"title": builder.text(node), "items": builder.items(node["path"])}
            if section["items"]:
                sections.append(section)
        else:
            loose["items"] += builder.item(node)
    return [loose, *sections] if loose["items"] else sections


def signatures(form: Form, lang: str = "zh") -> list[str]:
    """Who signs: the form's signature questions, or the usual two."""
    found = [form.label(node["path"], lang) for node in form.definition["nodes"] if _is_signature(node)]
    return found or ["户主(或代答人)签字", "走访人签字"]


class _Builder:
    def __init__(self, form: Form, subject: Subject, lang: str) -> None:
        self.form, self.subject, self.lang = form, subject, lang
        self.children: dict[str, list[Node]] = {}
        for node in form.definition["nodes"]:
            self.children.setdefault(node["parent"], []).append(node)

    def below(self, path: str) -> list[Node]:
        return self.children.get(path, [])

    def text(self, node: Node, part: str = "label") -> str:
        found = text_of(node.get(part), self.lang, self.form.definition["default_language"])
        return found.replace("…", "____")

    def items(self, path: str) -> list[dict[str, Any]]:
        return [item for node in self.below(path) for item in self.item(node)]

    def item(self, node: Node) -> list[dict[str, Any]]:
        """The lines of one node; [] for what paper does not show."""
        if node["kind"] == "group":
            inner = self.items(node["path"])
            title = self.text(node)
            return [{"kind": "heading", "label": title}, *inner] if inner and title else inner
        if node["kind"] == "repeat":
            return self._table(node)
        if not self._is_asked(node):
            return []
        return [self._question(node)]

    def _is_asked(self, node: Node) -> bool:
        return node["type"] not in _HIDDEN and not _is_signature(node) and bool(self.text(node))

    def _question(self, node: Node) -> dict[str, Any]:
        kind = node["type"]
        item = {
            "label": self.text(node),
            "hint": self.text(node, "hint"),
            "conditional": "relevant" in node,
        }
        if kind == "note":
            return {"kind": "note", "label": item["label"]}
        if kind in _CHECKED:
            return item | {"kind": "choice", "options": [{"label": "已办", "on": False}], "date": "", "half": True}
        value, date = self._last(node)
        options = self._options(node, value)
        if options:
            length = sum(len(option["label"]) + 2 for option in options)
            return item | {"kind": "choice", "options": options, "date": date, "half": length <= SHORT}
        words = self._in_words(node, value)
        numeric = kind in ("integer", "decimal", "date", "select_one") or "numbers" in (node.get("appearance") or ())
        return item | {
            "kind": "line",
            "value": words,
            "date": date,
            "half": (numeric or bool(words) or item["conditional"])
            and len(words) <= SHORT
            and len(words) + len(item["label"]) <= SHORT * 2,
            "long": len(words) > SHORT * 2,
        }

    def _last(self, node: Node) -> tuple[str, str]:
        """The register's value and its date, for a question that carries one over."""
        carried = node.get("carried")
        if not carried or carried["list"] != "household":
            return "", ""
        name = carried["property"]
        value = str(self.subject.household.get(name) or "")
        return value, self.subject.since.get(name, "") if value else ""

    def _options(self, node: Node, value: str) -> list[dict[str, Any]]:
        choices = self.form.definition["lists"].get(node.get("list") or "", ())
        if not choices or len(choices) > MOST_BOXES:
            return []
        chosen = value.split()
        name = node["list"]
        return [
            {"label": self.form.choice_label(name, choice["name"], self.lang), "on": choice["name"] in chosen}
            for choice in choices
        ]

    def _in_words(self, node: Node, value: str) -> str:
        name = node.get("list")
        if not name:
            return value
        return "、".join(self.form.choice_label(name, one, self.lang) for one in value.split())

    def _table(self, repeat: Node) -> list[dict[str, Any]]:
        columns = [node for node in self._flat(repeat["path"]) if self._is_asked(node) and node["type"] != "note"]
        if not columns:
            return []
        carried = any(node.get("carried", {}).get("list") == "member" for node in columns)
        rows = [[self._cell(node, member) for node in columns] for member in self.subject.members] if carried else []
        lines = -(-len(columns) // PER_LINE)
        per_line = -(-len(columns) // lines)
        fold: Callable[[list[str]], list[list[str]]] = lambda row: _fold(row, per_line, lines)  # noqa: E731
        blank = fold([""] * len(columns))
        legend = [
            f"{self.text(node)}:{' / '.join(option['label'] for option in self._options(node, ''))}"
            for node in columns
            if not carried and self._options(node, "")
        ]
        return [{
            "kind": "table",
            "label": self.text(repeat),
            "head": fold([self.text(node) for node in columns]),
            "rows": [fold(row) for row in rows],
            "blanks": [blank] * BLANK_ROWS[carried],
            "count": len(rows) if carried else None,
            "legend": legend,
        }]  # fmt: skip

    def _flat(self, path: str) -> list[Node]:
        """The questions below a path, those in its groups too."""
        found: list[Node] = []
        for node in self.below(path):
            found += [node] if node["kind"] == "question" else self._flat(node["path"])
        return found

    def _cell(self, node: Node, member: Row) -> str:
        carried = node.get("carried")
        if not carried or carried["list"] != "member":
            return ""
        return self._in_words(node, str(member.get(carried["property"]) or ""))


def _fold(row: list[str], per_line: int, lines: int) -> list[list[str]]:
    row = row + [""] * (per_line * lines - len(row))
    return [row[start : start + per_line] for start in range(0, len(row), per_line)]


def _is_signature(node: Node) -> bool:
    kind = node.get("type", "")
    return kind == "signature" or (kind in ("image", "draw") and "signature" in (node.get("appearance") or ()))
