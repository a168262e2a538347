"""A submission's answers in the form's words, laid out as the form is. Pure.

Works on the JSON definition, so it shows any version ever published. What the
definition does not know is shown as it was sent, never dropped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.office import places
from app.office.mask import WHOLE, Sight
from app.office.places import Sketch, sketch

Definition = Mapping[str, Any]
Node = Mapping[str, Any]

FILE_TYPES = frozenset(
    {"image", "photo", "audio", "video", "file", "draw", "signature", "annotate", "background-audio"}
)
SILENT_TYPES = frozenset({"note", "start", "end", "today", "deviceid", "xml-external"})
# What a phone records beside the questions has no label of its own.
UNASKED = {
    "audit": ("填写过程记录", "Log of filling"),
    "background-audio": ("填写时的录音", "Sound recorded while filling"),
    "start-geopoint": ("开始填写的位置", "Place at the start"),
    "background-geopoint": ("填写时的位置", "Place while filling"),
}
GEO_TYPES = frozenset({"geopoint", "geotrace", "geoshape", "start-geopoint", "background-geopoint"})
FILE_NAME = re.compile(r"^([0-9a-f]{64})\.([a-z0-9]{1,5})$")


@dataclass(frozen=True)
class Carried:
    """A value known from before. state: unconfirmed, same or changed; value is in the form's words."""

    state: str
    value: str
    date: str


@dataclass(frozen=True)
class Line:
    """One answer. file is the blob's SHA-256 of a photo, a recording or another file, '' otherwise."""

    path: str
    label: str
    value: str
    file: str = ""
    signature: bool = False
    sketch: Sketch | None = None
    carried: Carried | None = None
    problems: tuple[str, ...] = ()


@dataclass
class Section:
    """A group, or one instance of a repeat, with what it holds in the form's order."""

    path: str
    label: str
    items: list[Line | Section] = field(default_factory=list)


def answers_in_words(
    definition: Definition,
    answers: Mapping[str, Any],
    lang: str,
    *,
    carried: Mapping[str, Any] | None = None,
    problems: Mapping[str, Sequence[str]] | None = None,
    sight: Sight = WHOLE,
) -> Section:
    """Everything answered, as the reader sees it. carried and problems are by instance path."""
    return _Layout(definition, lang, carried or {}, problems or {}, sight).root(answers)


class _Layout:
    def __init__(
        self,
        definition: Definition,
        lang: str,
        carried: Mapping[str, Any],
        problems: Mapping[str, Sequence[str]],
        sight: Sight,
    ) -> None:
        self.definition, self.carried, self.problems, self.sight = definition, carried, problems, sight
        self.lang = lang
        self.children: dict[str, list[Node]] = {}
        self.nodes: dict[str, Node] = {}
        for node in definition.get("nodes", ()):
            self.children.setdefault(node["parent"], []).append(node)
            self.nodes[node["path"]] = node

    def root(self, answers: Mapping[str, Any]) -> Section:
        start = self.definition.get("root", "/data")
        section = Section(start, "")
        self._fill(section, start, answers, start, {})
        return section

    def _fill(
        self, section: Section, path: str, answers: Mapping[str, Any], place: str, around: dict[str, str]
    ) -> None:
        """Put the answers under a node into the section. place: instance path; around: values by path."""
        nodes = self.children.get(path, [])
        around = around | _values(nodes, answers)
        for node in nodes:
            answer, here = answers.get(node["name"]), f"{place}/{node['name']}"
            if node["kind"] == "repeat":
                self._repeat(section, node, answer, here, around)
            elif node["kind"] == "group":
                inner = Section(here, self.label(node, around))
                self._fill(inner, node["path"], answer if isinstance(answer, Mapping) else {}, here, around)
                if inner.items:
                    section.items.append(inner)
            else:
                line = self._line(node, answer, here, around)
                if line:
                    section.items.append(line)
        known = {node["name"] for node in nodes}
        if path == self.definition.get("root", "/data"):
            section.items += self._log(answers)
            known.add("meta")
        for name, answer in answers.items():
            if name not in known and answer not in ("", None):
                section.items.append(Line(f"{place}/{name}", name, _raw(answer)))

    def _log(self, answers: Mapping[str, Any]) -> list[Line | Section]:
        """The log of filling, which is no question; whatever else came as meta is shown as it is."""
        meta = answers.get("meta")
        if not isinstance(meta, Mapping):
            return [Line("meta", "meta", _raw(meta))] if meta else []
        found = FILE_NAME.match(str(meta.get("audit", "")))
        label = UNASKED["audit"][self.lang == "en"]
        log: list[Line | Section] = [Line("meta/audit", label, "", file=found.group(1))] if found else []
        rest = {name: value for name, value in meta.items() if name != "audit" or not found}
        return [*log, Line("meta", "meta", _raw(rest))] if rest else log

    def _repeat(self, section: Section, node: Node, answer: Any, here: str, around: dict[str, str]) -> None:
        instances = answer if isinstance(answer, list) else [answer] if isinstance(answer, Mapping) else []
        for number, instance in enumerate(instances, 1):
            if not isinstance(instance, Mapping):
                continue
            place = f"{here}[{number}]"
            title = f"{self.label(node, around)} {number}"
            name = self._called(node, instance)
            inner = Section(place, f"{title} · {name}" if name else title)
            self._fill(inner, node["path"], instance, place, around)
            if inner.items:
                section.items.append(inner)

    def _called(self, node: Node, instance: Mapping[str, Any]) -> str:
        """What tells one instance from another: its first written answer."""
        for child in self.children.get(node["path"], []):
            value = instance.get(child["name"])
            if child.get("type") == "text" and "label" in child and isinstance(value, str) and value:
                return self.sight.value(fills(child), value)
        return ""

    def _line(self, node: Node, answer: Any, here: str, around: dict[str, str]) -> Line | None:
        problems = tuple(self.problems.get(here) or self.problems.get(_without_first(here)) or ())
        kind = node.get("type")
        if kind in SILENT_TYPES or ("label" not in node and kind not in UNASKED):
            return Line(here, node["name"], _raw(answer), problems=problems) if problems else None
        value = _raw(answer)
        if not value and not problems:
            return None
        found = FILE_NAME.match(value) if kind in FILE_TYPES else None
        return Line(
            path=here,
            label=self.label(node, around),
            value="" if found else self.shown(node, value),
            file=found.group(1) if found else "",
            signature="signature" in (node.get("appearance") or ()),
            sketch=sketch(str(kind), value),
            carried=self._carried(node, here),
            problems=problems,
        )

    def _carried(self, node: Node, here: str) -> Carried | None:
        kept = self.carried.get(here) or self.carried.get(_without_first(here))
        if not isinstance(kept, Mapping):
            return None
        texts = {name: str(kept.get(name) or "") for name in ("state", "value", "date")}
        return Carried(texts["state"], self.shown(node, texts["value"]), texts["date"])

    def shown(self, node: Node, value: str) -> str:
        seen = self.sight.value(fills(node), value)
        return seen if seen != value else in_words(self.definition, node, value, self.lang)

    def label(self, node: Node, around: Mapping[str, str]) -> str:
        text = text_in(node.get("label"), self.lang, self.definition)
        if not text and node.get("type") in UNASKED:
            return UNASKED[node["type"]][1 if self.lang == "en" else 0]
        if isinstance(text, str):
            return text or node["name"]
        return "".join(part if isinstance(part, str) else self._reference(part.get("tree"), around) for part in text)

    def _reference(self, tree: Any, around: Mapping[str, str]) -> str:
        if isinstance(tree, list) and len(tree) == 2 and tree[0] == "ref" and tree[1] in around:
            node = self.nodes.get(tree[1], {})
            return in_words(self.definition, node, around[tree[1]], self.lang) or "…"
        return "…"


def fills(node: Node) -> str:
    """The register field an answer is about: what it is saved to, else what its name says, as in every shipped form."""
    return str(node.get("save_to") or node["name"])


def text_in(text: Any, lang: str, definition: Definition) -> Any:
    """A label in the language, in the form's own where it is not translated: text, or a list of parts."""
    if not isinstance(text, Mapping):
        return text or ""
    for wish in (lang, definition.get("default_language", ""), "default"):
        if text.get(wish):
            return text[wish]
    return next(iter(text.values()), "")


def plain_label(definition: Definition, node: Node, lang: str) -> str:
    """A question's label as one line, for the head of a column."""
    text = text_in(node.get("label"), lang, definition)
    if isinstance(text, list):
        text = "".join(part if isinstance(part, str) else "…" for part in text)
    return " ".join(text.split()) or node["name"]


def in_words(definition: Definition, node: Node, value: str, lang: str) -> str:
    """A value as the form shows it: labels of choices, one after another where several were chosen."""
    if node.get("type") in GEO_TYPES:
        kind = "geopoint" if str(node["type"]).endswith("geopoint") else str(node["type"])
        return places.in_words(kind, value, lang)
    kind, choices = str(node.get("type", "")), definition.get("lists", {}).get(node.get("list", ""), ())
    if not value or not choices or not kind.startswith(("select", "rank")):
        return value
    labels = {choice["name"]: choice for choice in choices}
    chosen = [value] if kind.startswith("select_one") else value.split()
    words = [_choice(labels[one], lang, definition) if one in labels else one for one in chosen]
    return (", " if lang == "en" else "、").join(words)


def _choice(choice: Mapping[str, Any], lang: str, definition: Definition) -> str:
    text = text_in(choice.get("label"), lang, definition)
    if isinstance(text, list):
        text = "".join(part if isinstance(part, str) else "…" for part in text)
    return text or str(choice["name"])


def files_in(answers: Any) -> dict[str, str]:
    """Every file the answers name, SHA-256 → ending: what a reader of this submission may open."""
    if isinstance(answers, str):
        found = FILE_NAME.match(answers)
        return {found.group(1): found.group(2)} if found else {}
    inner = answers.values() if isinstance(answers, Mapping) else answers if isinstance(answers, list) else ()
    return {sha256: ending for one in inner for sha256, ending in files_in(one).items()}


def _values(nodes: Sequence[Node], answers: Mapping[str, Any]) -> dict[str, str]:
    return {node["path"]: value for node in nodes if isinstance(value := answers.get(node["name"]), str)}


def _without_first(path: str) -> str:
    return path.replace("[1]", "")


def _raw(answer: Any) -> str:
    if answer is None:
        return ""
    return answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
