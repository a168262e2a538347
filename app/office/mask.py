"""What of a person's data a reader sees: which fields, in which shape, and numbers that stand in any text. Pure.

`Sight` says what one reader may see of one place or household. Nothing else
decides how a masked value looks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from forms.register import FIELDS

SHOWN = 4
PERSONAL = frozenset(field.name for fields in FIELDS.values() for field in fields if field.personal)
NAMES = frozenset({"head_name", "full_name", "instance_name", "member_name", "other_name"})


def _tail(value: str) -> str:
    """Only the last four characters: enough to tell two people apart, too little to use."""
    return "****" + (value[-SHOWN:] if len(value) > 2 * SHOWN else "")


def _id_number(value: str) -> str:
    """Where from, and the end: 500232********002X."""
    return value[:6] + "*" * (len(value) - 10) + value[-SHOWN:] if len(value) >= 15 else _tail(value)


def _phone(value: str) -> str:
    return f"{value[:3]}****{value[-SHOWN:]}" if len(value) == 11 else _tail(value)


def _name(value: str) -> str:
    """冉光荣 → 冉*荣, 冉荣 → 冉*."""
    if len(value) < 3 or not "\u3400" <= value[0] <= "\u9fff":
        return value[:1] + "*" * min(3, max(1, len(value) - 1))
    return value[0] + "*" * (len(value) - 2) + value[-1]


def _all(_value: str) -> str:
    return "****"


_SHAPES: dict[str, Callable[[str], str]] = {
    "id_no": _id_number, "phone": _phone, "helper_phone": _phone, "bank_account": _tail, "national_no": _tail, "location": _all,
}  # fmt: skip
_WIDE = {ord("０") + n: str(n) for n in range(10)} | {ord("Ｘ"): "X", ord("－"): "-", 0x3000: " "}
_SOME_DIGITS = re.compile(r"\d(?:[-\s－]?\d){9}")
# Not inside a hash, an id or a coordinate. Cards begin with 3 to 9, years do not.
_NUMBERS = re.compile(
    r"(?<![0-9A-Za-z_])(?<!\d\.)(?:(?P<id>\d{6}[ -]?(?:18|19|20)\d{6}[ -]?\d{3}[\dXx])|(?P<phone>1[3-9]\d([ -]?)\d{4}\3\d{4})"
    r"|(?P<prefixed>(?:\+|00)?86[ -]?1[3-9]\d{9})|(?P<old>\d{8}(?:0[1-9]|1[0-2])[0-3]\d{4})"
    r"|(?P<account>\d{16,19}|[3-9]\d{3}(?: \d{4}){3}(?: \d{1,3})?))(?![0-9A-Za-z_]|\.\d)"
)


def _shown(found: re.Match[str]) -> str:
    text = re.sub(r"[ -]", "", found.group())
    if found["id"] or found["old"]:
        return _id_number(text)
    return _phone(text[-11:]) if found["phone"] or found["prefixed"] else _tail(text)


def without_numbers(text: str) -> str:
    """The text with every ID number, mobile and account in it masked, whoever typed it wherever."""
    if len(text) < 10 or not _SOME_DIGITS.search(text):
        return text
    plain, parts, at = text.translate(_WIDE), [], 0  # as long as the text, letter by letter
    for found in _NUMBERS.finditer(plain):
        parts += [text[at : found.start()], _shown(found)]
        at = found.end()
    return "".join([*parts, text[at:]]) if parts else text


def restored(typed: str, before: str) -> str:
    """What was typed over a masked text, with the numbers that were masked in it put back."""
    for found in _NUMBERS.finditer(before.translate(_WIDE)):
        typed = typed.replace(_shown(found), before[found.start() : found.end()], 1)
    return typed


def masked(name: str, value: str) -> str:
    """A personal field's value in its shape; one that is masked already stays."""
    return value if not value or "****" in value else _SHAPES.get(name, _tail)(value)


@dataclass(frozen=True)
class Sight:
    """numbers: personal fields are shown whole. names: so are people's names."""

    numbers: bool = False
    names: bool = True

    def value(self, name: str, value: str) -> str:
        """A register field as this reader sees it; a name that is no field is any text."""
        if name in NAMES and not self.names and "*" not in value:
            return _name(value) if value else value
        if self.numbers:
            return value
        return masked(name, value) if name in PERSONAL else without_numbers(value)

    def fields(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self.value(name, value) if isinstance(value, str) else value for name, value in fields.items()}

    def text(self, text: str) -> str:
        return text if self.numbers else without_numbers(text)


WHOLE = Sight(numbers=True)
