"""Any published form on paper: blank to write on, or with a submission's answers. Pure.

Both are read from the definition, as plain dictionaries that
``templates/print/form.html`` prints; nothing of a form is named here but node
types. The sheet prefilled from the register is in ``sheet``.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.formfields import file_in
from app.print.conditions import condition_in_words
from forms.definition import Form, text_of
from forms.instance import Instance

Node = Mapping[str, Any]
Item = dict[str, Any]

MOST_BOXES = 40
"""A longer choice list is written by hand: its boxes would fill the page."""
MOST_LEGEND = 60
"""A choice list up to this long is explained under a table, so that a code can be written in the cell."""
MOST_COLUMNS = 8
"""Questions of a repeat that fit side by side; with more, every instance is a block of lines."""
LONGEST_CONDITION = 90
"""Characters of a condition that are still read."""
SHORT, HALF = 14, 22
"""Characters of an answer, and of label and answer together, that fit half a line."""
ROWS = 5
"""Empty rows of a table on a blank form; of blocks a third of it."""

SILENT = frozenset({
    "calculate", "hidden", "start", "end", "today", "deviceid", "username", "email", "phonenumber", "audit",
    "start-geopoint", "background-audio", "background-geopoint", "simserial", "subscriberid", "csv-external",
    "xml-external", "instanceID", "instanceName",
})  # fmt: skip
PICTURES = frozenset({"image", "photo", "draw", "signature", "annotate"})
FILES = frozenset({"audio", "video", "file"})

WORDS = {
    "zh": {
        "if": "如果{condition},请填", "some": "如适用,请填", "when": "如果{condition}", "none": "—", "ok": "已确认",
        "file": "(附件)", "lost": "(图片不在这台服务器上)", "picture": "贴照片或另附", "place": "北纬 ______ 东经 ______",
        "nobody": "没有", "agree": "已讲清、同意",
    },
    "en": {
        "if": "If {condition}, fill in", "some": "Fill in where it applies", "when": "If {condition}", "none": "—",
        "ok": "Confirmed", "file": "(attachment)", "lost": "(the picture is not on this server)",
        "picture": "Attach the picture", "place": "Latitude ______ longitude ______", "nobody": "None",
        "agree": "Explained and agreed",
    },
}  # fmt: skip


@dataclass
class Section:
    """What stands under one heading of the paper. condition: when it is to be filled, '' always."""

    title: str
    condition: str = ""
    items: list[Item] = field(default_factory=list)


def blank(form: Form, lang: str, rows: int = ROWS, own: Callable[[str], str] | None = None) -> list[Section]:
    """The form to be filled by hand. rows: empty lines of a repeat's table.

    own: from the name of one of the form's pictures to a ``data:`` address, '' when it is not here.
    """
    return _Blank(form, lang, rows, own).sections()


def filled(
    form: Form, answers: Mapping[str, Any], lang: str, *,
    picture: Callable[[str], str], seen: Callable[[str, str], str] = lambda _field, value: value, ended: datetime | None = None,
) -> list[Section]:  # fmt: skip
    """A submission's answers. What it did not ask is left out.

    picture: from a file's name to a ``data:`` address, '' when it is not here.
    seen: from a register field ('' for none) and an answer to what the reader sees of it.
    """
    return _Filled(form, answers, lang, picture, seen, ended).sections()


def code_of(name: str) -> str:
    """A choice's name where it is a code people write; '' for a word of the program's own."""
    return name if len(name) == 1 or (name.isascii() and name[0].isdigit()) else ""


def is_signature(node: Node) -> bool:
    kind = node.get("type", "")
    return kind == "signature" or (kind in PICTURES and "signature" in (node.get("appearance") or ()))


class _Paper:
    """What both papers do alike: the walk over the form, its texts."""

    def __init__(self, form: Form, lang: str) -> None:
        self.form = form
        self.lang = lang if lang in form.definition["languages"] else form.definition["default_language"]
        self.words = WORDS["en" if lang == "en" else "zh"]
        self.children: dict[str, list[Node]] = {}
        for node in form.definition["nodes"]:
            self.children.setdefault(node["parent"], []).append(node)

    def text(self, node: Node, part: str = "label") -> str:
        return text_of(node.get(part), self.lang, self.form.definition["default_language"]).replace("…", "____")

    def shown(self, node: Node) -> bool:
        return node["kind"] != "question" or (node["type"] not in SILENT and bool(node.get("label")))

    def columns(self, repeat: str) -> list[Node] | None:
        """The questions of a repeat side by side; None when it needs blocks."""
        found: list[Node] = []
        for node in self.children.get(repeat, ()):
            if node["kind"] != "question":
                return None
            if not self.shown(node) or node["type"] == "note":
                continue
            if node["type"] in PICTURES:
                return None
            found.append(node)
        return found if len(found) <= MOST_COLUMNS else None


class _Blank(_Paper):
    def __init__(self, form: Form, lang: str, rows: int, own: Callable[[str], str] | None = None) -> None:
        super().__init__(form, lang)
        self.rows, self.own = rows, own

    def image(self, holder: Node) -> str:
        """The picture of a question or choice; '' without one."""
        name = file_in((holder.get("media") or {}).get("image"), self.lang, self.form.definition["default_language"])
        return self.own(name) if name and self.own else ""

    def sections(self) -> list[Section]:
        found = [Section("")]
        for node in self.children.get(self.form.definition["root"], ()):
            if node["kind"] == "group":
                found.append(Section(self.text(node), self.condition(node), self.items(node["path"])))
                found.append(Section(""))
            else:
                found[-1].items += self.item(node)
        return [section for section in found if section.items]

    def items(self, path: str) -> list[Item]:
        return [item for node in self.children.get(path, ()) for item in self.item(node)]

    def condition(self, node: Node) -> str:
        tree = node.get("relevant")
        if tree is None:
            return ""
        said = self.clause(tree)
        return self.words["if"].format(condition=said) if said else self.words["some"]

    def clause(self, tree: Any) -> str:
        """The condition in words; '' when it cannot be said, or not in a line."""
        said = condition_in_words(self.form, tree, self.lang) or ""
        return said if len(said) <= LONGEST_CONDITION else ""

    def note(self, node: Node) -> list[Item]:
        """A note that depends on what only a program works out says nothing to a reader of paper."""
        said = self.clause(node["relevant"]) if "relevant" in node else ""
        if "relevant" in node and not said:
            return []
        condition = self.words["when"].format(condition=said) if said else ""
        return [{"kind": "note", "label": self.text(node), "condition": condition, "image": self.image(node)}]

    def item(self, node: Node) -> list[Item]:
        if not self.shown(node):
            return []
        if node["type"] == "note":
            return self.note(node)
        base = {"label": self.text(node), "hint": self.text(node, "hint"), "condition": self.condition(node),
                "image": self.image(node)}  # fmt: skip
        if node["kind"] == "group":
            return [base | {"kind": "heading"}, *self.items(node["path"])]
        if node["kind"] == "repeat":
            return self.repeat(node, base)
        return [self.question(node, base | {"required": node.get("required") is True})]

    def question(self, node: Node, base: Item) -> Item:
        kind = node["type"]
        if is_signature(node):
            return base | {"kind": "sign"}
        if kind in PICTURES or kind in FILES:
            return base | {"kind": "line", "lines": 1, "prompt": self.words["picture"]}
        if kind in ("acknowledge", "trigger"):
            return base | {"kind": "options", "options": [{"label": self.words["agree"], "code": ""}]}
        choices = self.form.definition["lists"].get(node.get("list") or "", ())
        if 0 < len(choices) <= MOST_BOXES and not node.get("choice_filter"):
            return base | {"kind": "options", "options": self.options(node), "ranked": kind == "rank"}
        if kind in ("geopoint", "start-geopoint"):
            return base | {"kind": "line", "lines": 1, "prompt": self.words["place"]}
        long = kind == "text" and "multiline" in (node.get("appearance") or ())
        short = kind in ("integer", "decimal", "date", "time", "range")
        return base | {
            "kind": "line",
            "lines": 3 if long else 1,
            "prompt": self.prompt(node),
            "half": short and not base["condition"] and len(base["label"]) <= SHORT,
        }

    def prompt(self, node: Node) -> str:
        parameters = node.get("parameters") or {}
        if node["type"] == "range" and "start" in parameters and "end" in parameters:
            return f"{parameters['start']}–{parameters['end']}"
        return {"date": "______-____-____", "time": "____:____", "dateTime": "______-____-____ ____:____"}.get(node["type"], "")

    def options(self, node: Node) -> list[Item]:
        name = node["list"]
        return [
            {"label": self.form.choice_label(name, one["name"], self.lang), "code": code_of(one["name"]), "image": self.image(one)}
            for one in self.form.definition["lists"][name]
        ]

    def repeat(self, node: Node, base: Item) -> list[Item]:
        columns = self.columns(node["path"])
        if columns is None:
            inner = self.items(node["path"])
            copies = max(1, self.rows // 3)
            blocks = [{"kind": "block", "label": f"{base['label']} {number}", "items": inner} for number in range(1, copies + 1)]
            return [base | {"kind": "heading"}, *blocks] if inner else []
        if not columns:
            return []
        legend = [self.legend(one) for one in columns]
        for one in self.children[node["path"]]:
            if one["kind"] == "question" and one["type"] == "note":
                legend += [f"{note['label']} {note['condition']}".strip() for note in self.note(one)]
        return [base | {
            "kind": "table",
            "head": [self.text(one) for one in columns],
            "rows": [[""] * len(columns)] * self.rows,
            "legend": [line for line in legend if line],
            "numbered": True,
            "empty": True,
        }]  # fmt: skip

    def legend(self, node: Node) -> str:
        choices = self.form.definition["lists"].get(node.get("list") or "", ())
        condition = self.condition(node)
        said = f"({condition})" if condition else ""
        if choices and len(choices) <= MOST_LEGEND:
            listed = " / ".join(f"{one['code']} {one['label']}".strip() for one in self.options(node))
            return f"{self.text(node)}{said}:{listed}"
        hint = self.text(node, "hint")
        return f"{self.text(node)}{said}:{hint}" if said or hint else ""


class _Filled(_Paper):
    def __init__(
        self, form: Form, answers: Mapping[str, Any], lang: str,
        picture: Callable[[str], str], seen: Callable[[str, str], str], ended: datetime | None,
    ) -> None:  # fmt: skip
        super().__init__(form, lang)
        self.answers, self.picture, self.seen = answers, picture, seen
        # Only for the texts that show values; what was asked is what was answered.
        self.instance = Instance(
            form, now=ended or datetime.now().astimezone(), answers=answers, ids=lambda: str(uuid.uuid4()),
            lang=self.lang, as_sent=True,
        )  # fmt: skip

    def sections(self) -> list[Section]:
        root = self.form.definition["root"]
        found = [Section("")]
        for node in self.children.get(root, ()):
            if node["name"] not in self.answers:
                continue
            here = f"{root}/{node['name']}"
            if node["kind"] == "group":
                inner = self.answers[node["name"]]
                items = self.items(node["path"], inner if isinstance(inner, Mapping) else {}, here)
                found += [Section(self.said(node, here), "", items), Section("")]
            else:
                found[-1].items += self.item(node, self.answers[node["name"]], here)
        return [section for section in found if section.items]

    def items(self, path: str, answers: Mapping[str, Any], place: str) -> list[Item]:
        return [
            item
            for node in self.children.get(path, ())
            if node["name"] in answers
            for item in self.item(node, answers[node["name"]], f"{place}/{node['name']}")
        ]

    def said(self, node: Node, place: str) -> str:
        """The label with its values in it."""
        return self.instance.text(place, "label") or self.text(node)

    def item(self, node: Node, answer: Any, place: str) -> list[Item]:
        if not self.shown(node):
            return []
        label = self.said(node, place)
        if node["kind"] == "group":
            inner = self.items(node["path"], answer if isinstance(answer, Mapping) else {}, place)
            return [{"kind": "heading", "label": label}, *inner] if inner else []
        if node["kind"] == "repeat":
            return self.repeat(node, label, answer, place)
        if node["type"] == "note":
            return [{"kind": "note", "label": label}]
        return [self.question(node, label, str(answer or ""))]

    def question(self, node: Node, label: str, value: str) -> Item:
        if node["type"] in PICTURES and value:
            source = self.picture(value)
            small = is_signature(node)
            if source:
                return {"kind": "picture", "label": label, "source": source, "signature": small}
            return {"kind": "answer", "label": label, "value": self.words["lost"], "half": False}
        words = self.in_words(node, value)
        half = len(words) <= SHORT and len(words) + len(label) <= HALF and "\n" not in words
        return {"kind": "answer", "label": label, "value": words, "half": half}

    def in_words(self, node: Node, value: str) -> str:
        kind = str(node["type"])
        if not value:
            return self.words["none"]
        if (seen := self.seen(str(node.get("save_to") or node["name"]), value)) != value:
            return seen
        if kind in ("acknowledge", "trigger"):
            return self.words["ok"]
        if kind in FILES:
            return f"{value[:12]}… {self.words['file']}"
        if kind.startswith(("select", "rank")):
            name = node.get("list") or ""
            chosen = [value] if kind.startswith("select_one") else value.split()
            labels = [self.form.choice_label(name, one, self.lang) for one in chosen]
            if kind == "rank":
                labels = [f"{number}. {one}" for number, one in enumerate(labels, 1)]
            return (", " if self.words is WORDS["en"] else "、").join(labels)
        if kind in ("dateTime", "datetime"):
            return value[:16].replace("T", " ")
        return value[:5] if kind == "time" else value

    def repeat(self, node: Node, label: str, answer: Any, place: str) -> list[Item]:
        instances: Sequence[Any] = answer if isinstance(answer, list) else [answer] if isinstance(answer, Mapping) else []
        kept = [one for one in instances if isinstance(one, Mapping)]
        if not kept:
            return [{"kind": "answer", "label": label, "value": self.words["nobody"], "half": True}]
        columns = self.columns(node["path"])
        if columns is None:
            blocks: list[Item] = [{"kind": "heading", "label": label}]
            for number, one in enumerate(kept, 1):
                items = self.items(node["path"], one, f"{place}[{number}]")
                blocks.append({"kind": "block", "label": f"{label} {number}", "items": items})
            return blocks
        asked = [one for one in columns if any(one["name"] in each for each in kept)]
        rows = [
            [self.in_words(one, str(each[one["name"]] or "")) if one["name"] in each else "" for one in asked]
            for each in kept
        ]
        head = [self.text(one) for one in asked]
        return [{"kind": "table", "label": label, "head": head, "rows": rows, "legend": [], "numbered": True}]
