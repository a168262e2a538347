"""Codes in the field's words: labels of register fields, of their code lists, names of places."""

from __future__ import annotations

from collections.abc import Mapping

from app.codelists import code_lists
from forms.register import Field, field_of

ENTITIES = {
    "household": ("户", "household"),
    "member": ("家庭成员", "member"),
    "visit": ("走访", "visit"),
    "issue": ("整改事项", "issue"),
    "submission": ("答卷", "submission"),
    "user": ("账号", "account"),
    "form": ("表单", "form"),
    "area": ("区划", "area"),
    "small_area": ("小片区", "small area"),
    "conflict": ("冲突", "conflict"),
    "sheet": ("纸质表", "sheet"),
    "assignment": ("任务", "assignment"),
    "village": ("村情", "village"),
    "pairing": ("帮扶结对", "pairing"),
    "event": ("变动", "change"),
    "exemption": ("豁免", "exemption"),
}
ROLES = {
    "cadre": ("村干部", "Village cadre"),
    "township": ("乡镇", "Township"),
    "county": ("区县", "County"),
    "auditor": ("核查人员", "Auditor"),
    "node": ("节点", "Node"),
}
LEVEL_ENDS = (6, 9, 12)
MOST_COUNTIES = 4


def pick(pair: tuple[str, str], lang: str) -> str:
    return pair[1] if lang == "en" else pair[0]


def label_of(list_name: str, code: str, lang: str) -> str:
    """What a code of a list means; the code itself when the list does not know it."""
    pair = code_lists().get(list_name, {}).get(code)
    return pick(pair, lang) if pair else code


def choices_of(list_name: str, lang: str) -> list[tuple[str, str]]:
    """A list for a drop-down: (code, label)."""
    return [(code, pick(pair, lang)) for code, pair in code_lists().get(list_name, {}).items()]


def field_label(entity: str, name: str, lang: str) -> str:
    field = field_of(entity, name)
    return pick((field.zh, field.en), lang) if field else name


def value_in_words(entity: str, name: str, value: str, lang: str, people: Mapping[str, str] | None = None) -> str:
    """A register field's value as a person reads it. people: names by user id."""
    field = field_of(entity, name)
    if not value or field is None:
        return value
    if field.list:
        codes = value.split() if field.type == "codes" else [value]
        return (", " if lang == "en" else "、").join(label_of(field.list, code, lang) for code in codes)
    if field.type == "user":
        return (people or {}).get(value, value)
    return value


def is_shown(field: Field) -> bool:
    """Whether a field is for reading: not an id of another record, and not one that has its own place."""
    return field.type != "record" and field.name not in ("code", "other_codes", "helper", "cadre")


class Places:
    """Names of areas by code."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def name(self, code: str) -> str:
        """The place itself: 清水村. The code when it has no name here."""
        padded = code[:12].ljust(12, "0")
        return self._names.get(padded, code)

    def path(self, code: str) -> str:
        """From the county down: 武隆区 土坎镇 清水村."""
        parts = [self._names.get(code[:end].ljust(12, "0"), "") for end in LEVEL_ENDS if len(code.rstrip("0")) > end - 3]
        return " ".join(dict.fromkeys(part for part in parts if part)) or self._counties_in(code) or code

    def _counties_in(self, code: str) -> str:
        """A centre above several counties has no name of its own in the register: the counties' names."""
        start = code.rstrip("0")
        counties = [name for known, name in sorted(self._names.items()) if known.startswith(start) and known[6:] == "000000"]
        return "、".join(counties[:MOST_COUNTIES]) + ("…" if len(counties) > MOST_COUNTIES else "")

    def level(self, code: str, end: int) -> str:
        """The name of the county (6), township (9) or village (12) a code lies in."""
        return self._names.get(code[:end].ljust(12, "0"), "")
