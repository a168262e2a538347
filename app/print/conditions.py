"""A relevance expression in words, for paper: 「户类型」是「监测户」.

Only what can be said faithfully is said. An ``and`` with an unspeakable part
says the rest and adds "and so on"; anything else unspeakable is None, and the
paper then says "where it applies".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from forms.definition import Form

Tree = Any

_WORDS = {
    "zh": {
        "is": "“{q}”是“{v}”", "is not": "“{q}”不是“{v}”", "blank": "“{q}”没有填", "given": "填了“{q}”",
        "picked": "“{q}”选了“{v}”", "<": "“{q}”小于 {v}", ">": "“{q}”大于 {v}", "<=": "“{q}”不超过 {v}",
        ">=": "“{q}”不低于 {v}", "and": "{a},并且{b}", "or": "{a},或者{b}", "more": "{a},等", "either": "”或“",
    },
    "en": {
        "is": "“{q}” is “{v}”", "is not": "“{q}” is not “{v}”", "blank": "“{q}” is empty", "given": "“{q}” is filled in",
        "picked": "“{q}” includes “{v}”", "<": "“{q}” is below {v}", ">": "“{q}” is above {v}",
        "<=": "“{q}” is at most {v}", ">=": "“{q}” is at least {v}", "and": "{a}, and {b}", "or": "{a}, or {b}",
        "more": "{a}, and more", "either": "” or “",
    },
}  # fmt: skip
_OPPOSITE = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}


def condition_in_words(form: Form, tree: Tree, lang: str) -> str | None:
    """The condition as a clause without "if", or None when it cannot be said."""
    return _Speaker(form, lang).said(tree)


class _Speaker:
    def __init__(self, form: Form, lang: str) -> None:
        self.form, self.lang = form, lang
        self.words = _WORDS["en" if lang == "en" else "zh"]

    def said(self, tree: Tree) -> str | None:
        match tree:
            case ["and", a, b]:
                return self._both(self.said(a), self.said(b))
            case ["or", a, b]:
                left, right = self.said(a), self.said(b)
                return self.words["or"].format(a=left, b=right) if left and right else None
            case ["fn", "selected", ["ref", str(path)], str(value)]:
                node = self.form.nodes.get(path, {})
                several = str(node.get("type", "")).startswith("select_multiple")
                return self._about(path, "picked" if several else "is", value)
            case ["fn", "selected", str(values), ["ref", str(path)]]:
                return self._about(path, "is", *values.split())
            case ["fn", "not", ["fn", "selected", ["ref", str(path)], str(value)]]:
                return self._about(path, "is not", value)
            case [str(operator), ["ref", str(path)], str() | int() as value]:
                return self._compared(path, operator, value)
            case [str(operator), str() | int() as value, ["ref", str(path)]]:
                return self._compared(path, _OPPOSITE.get(operator, operator), value)
        return None

    def _both(self, left: str | None, right: str | None) -> str | None:
        if left and right:
            return self.words["and"].format(a=left, b=right)
        rest = left or right
        return self.words["more"].format(a=rest) if rest else None

    def _compared(self, path: str, operator: str, value: str | int) -> str | None:
        if operator in ("=", "!="):
            if value == "":
                return self._about(path, "blank" if operator == "=" else "given")
            return self._about(path, "is" if operator == "=" else "is not", str(value))
        return self._about(path, operator, str(value)) if operator in _OPPOSITE else None

    def _about(self, path: str, how: str, *values: str) -> str | None:
        node = self.form.nodes.get(path)
        label = self.form.label(path, self.lang)
        if node is None or not label:
            return None
        said = self.words["either"].join(self._value(node, value) for value in values)
        return self.words[how].format(q=_short(label), v=said)

    def _value(self, node: Mapping[str, Any], value: str) -> str:
        return self.form.choice_label(node.get("list") or "", value, self.lang)


def _short(label: str) -> str:
    """A label on one line, without the marks at its end."""
    return re.sub(r"[::??\s]+$", "", " ".join(label.split()))



