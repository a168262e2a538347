"""The languages of a form, and its words sorted by them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_CODE = re.compile(r"\(([A-Za-z]{2,3}(?:[-_][A-Za-z0-9]+)*)\)\s*$")
_TEXTS = ("label", "hint", "guidance_hint")
UNNAMED = "default"


def language_key(name: str) -> str:
    """``中文 (zh)`` is zh; a language without a code is its own key."""
    found = _CODE.search(name)
    return found[1] if found else name.strip()


class Languages:
    """Keys in order of appearance. Words without a language belong to the default language where the form names one;
    otherwise they stand for every language that lacks its own."""

    def __init__(self, sheets: dict[str, Any]) -> None:
        self.names: dict[str, str] = {}
        given = str(sheets.get("default_language") or UNNAMED)
        self._collect(sheets)
        for choices in (sheets.get("choices") or {}).values():
            for choice in choices:
                self._note(choice)
        self.unnamed = language_key(given) if language_key(given) in self.names else UNNAMED
        self.default = language_key(given)
        if self.default not in self.keys:
            self.default = self.keys[0]

    @property
    def keys(self) -> list[str]:
        return list(self.names) or [UNNAMED]

    def split(self, given: Any) -> Iterator[tuple[str, str, str]]:
        """(language key, words, language as written) of a cell or of a translated column."""
        if given is None or given == "":
            return
        for name, words in given.items() if isinstance(given, dict) else [("", given)]:
            if words in (None, "") or isinstance(words, dict):
                continue
            named = "" if name == UNNAMED else name
            yield (language_key(named) if named else self.unnamed), str(words), named

    def _collect(self, parent: dict[str, Any]) -> None:
        for child in parent.get("children", ()):
            self._note(child)
            self._collect(child)

    def _note(self, holder: dict[str, Any]) -> None:
        bind = holder.get("bind") or {}
        for given in (
            *(holder.get(name) for name in _TEXTS), bind.get("jr:constraintMsg"), bind.get("jr:requiredMsg"),
            *(holder.get("media") or {}).values(),
        ):  # fmt: skip
            if isinstance(given, dict):
                for name, words in given.items():
                    if words not in (None, "") and not isinstance(words, dict):
                        self.names.setdefault(language_key(name), name)
