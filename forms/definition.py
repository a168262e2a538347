"""A compiled form: the definition that phone and server walk, with look-ups over it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any


class Form:
    """One version of one form. ``definition`` is JSON-able, holds no floats, and is never changed."""

    def __init__(self, definition: Mapping[str, Any]) -> None:
        self.definition = definition

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
