"""A compiled form: the definition that phone and server walk, with look-ups over it.

The keys of a definition, all JSON, are told in ``docs/form-language.md``. In short (optional unless marked *):

form     format*, form_id*, version*, title*, languages*, default_language*, language_names, style*, root*,
         instance_name*, nodes*, lists*, instances*, entities*, order*, settings, audit, attachments, tables
node     path*, name*, kind* (group, repeat, question), type*, parent*, label, hint, guidance, required_message,
         constraint_message, appearance (words), rows, parameters, media, autoplay, body, bind, instance, required,
         readonly, relevant, constraint, calculation, count, default, dynamic_default, carried, choice_filter, seed,
         list, items, tick_labels, trigger, save_to, generated, reads_register
choice   name*, label*, media, extra

A Text is ``{language: words}``; words are a string, or a list of strings and ``{"tree": …}``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forms.problems import Problem


class Form:
    """One version of one form. ``definition`` is JSON-able, holds no floats, and is never changed.

    warnings: what its author should look at, known only just after compiling.
    """

    def __init__(self, definition: Mapping[str, Any], warnings: Sequence[Problem] = ()) -> None:
        self.definition = definition
        self.warnings = list(warnings)
        self.rows_of_files: dict[str, tuple[str, int | None, str]] = {}
        """Attached file → (sheet, row, column) that wants it; known only just after compiling."""

    @property
    def form_id(self) -> str:
        return str(self.definition["form_id"])

    @property
    def version(self) -> str:
        return str(self.definition["version"])

    @property
    def about(self) -> str:
        """What one filling is about: a ``household``, a ``village``, or nothing of the register ('')."""
        return next((kind for kind in ("household", "village") if kind in self.definition["instances"]), "")

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical definition: the name of a version's content."""
        text = json.dumps(self.definition, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def nodes(self) -> dict[str, Mapping[str, Any]]:
        """Path → node, in document order."""
        return {node["path"]: node for node in self.definition["nodes"]}

    def node(self, path: str) -> Mapping[str, Any] | None:
        """The node of a path, with or without repeat indexes."""
        return self.nodes.get(without_indexes(path))

    def paths_of(self, type: str) -> tuple[str, ...]:
        """Of every node of a type."""
        known: dict[str, tuple[str, ...]] = self.__dict__.setdefault("_paths_of", {})
        if type not in known:
            known[type] = tuple(node["path"] for node in self.definition["nodes"] if node.get("type") == type)
        return known[type]

    def questions(self) -> list[dict[str, str]]:
        """``{"path", "type"}`` of every question, under the form's own root name; the audit log is one too."""
        root = str((self.definition.get("settings") or {}).get("name") or "data")
        found = [(node["path"], node["type"]) for node in self.definition["nodes"] if node["kind"] == "question"]
        if "audit" in self.definition:
            found.append((self.definition["audit"]["path"], "audit"))
        return [{"path": f"/{root}/{path.partition('/data/')[2]}", "type": kind} for path, kind in found]

    def title(self, lang: str) -> str:
        return text_of(self.definition["title"], lang, self.definition["default_language"])

    def label(self, path: str, lang: str) -> str:
        """The label with ``${…}`` left as an ellipsis; '' when it has none."""
        node = self.node(path)
        return text_of((node or {}).get("label"), lang, self.definition["default_language"])

    def choice_label(self, list_name: str, value: str, lang: str) -> str:
        """The label of a choice, the value itself when there is none."""
        for choice in self.definition["lists"].get(list_name, ()):
            if choice["name"] == value:
                return text_of(choice["label"], lang, self.definition["default_language"]) or value
        return value


def text_of(text: Mapping[str, Any] | None, lang: str, default: str) -> str:
    """A Text in one language, falling back to the form's default, then to any."""
    if not text:
        return ""
    found = text.get(lang) or text.get(default) or next(iter(text.values()))
    if isinstance(found, str):
        return found
    return "".join(part if isinstance(part, str) else "…" for part in found)


def without_indexes(path: str) -> str:
    """``/data/member[2]/name`` → ``/data/member/name``."""
    return "/".join(step.split("[", 1)[0] for step in path.split("/"))
