"""What the form asks for and phone, server or paper cannot do: named when it is loaded."""

from __future__ import annotations

import re

from forms.checks.report import Report
from forms.outline import Line
from forms.suggest import nearest
from forms.support import APPEARANCES, COLUMNS, KNOWN_EXTRAS, PARAMETERS, SETTINGS, TYPES, Support, appearance

_WORDS = re.compile(r"[^\s(]*\((?:[^()]|\([^()]*\))*\)|\S+")


def check(report: Report) -> None:
    told: set[str] = set()
    for line in report.outline.survey:
        _type(report, line)
        for word in _WORDS.findall(line.get("appearance")):
            _appearance(report, line, word)
        for name in re.findall(r"([\w-]+)\s*=", line.get("parameters")):
            _tell(report, "unsupported_parameter", line, "parameters", name, PARAMETERS.get((line.type.name, name)))
        for key in line.cells:
            if key not in told and (how := _column(key)):
                told.add(key)
                _tell(report, "unsupported_column", line, key, key, how)
    for key in report.outline.settings.cells:
        _tell(report, "unsupported_setting", report.outline.settings, key, key, SETTINGS.get(key.partition("::")[0]))


def _tell(report: Report, code: str, line: Line, column: str, detail: str, how: Support | None) -> None:
    if how and how.told:
        report.warn(code, line, column, detail, why_zh=how.zh, why_en=how.en)


def _type(report: Report, line: Line) -> None:
    if line.type.kind == "question":
        _tell(report, "unsupported_type", line, "type", line.type.name, TYPES.get(line.type.name))


def _appearance(report: Report, line: Line, word: str) -> None:
    known = appearance(word)
    if known is None:
        report.warn("unknown_appearance", line, "appearance", word, near=nearest(word, APPEARANCES, 0.8))
        return
    types, how = known
    if line.type.name in types or line.type.name == "osm":
        _tell(report, "unsupported_appearance", line, "appearance", word, how)
    elif not word.startswith("w") and line.type.kind == "question" and line.type.name not in ("note", "calculate", "hidden"):
        report.warn("no_effect", line, "appearance", word, kind=line.type.name)


def _column(key: str) -> Support | None:
    if key in KNOWN_EXTRAS:
        return None
    first = key.partition("::")[0]
    if first in ("bind", "body", "instance") and "::" in key:
        return COLUMNS[first + "::"]
    if first.startswith("sms_"):
        return COLUMNS["sms_"]
    return COLUMNS.get(first)
