"""Names and types: there, well formed, known, and not used twice where that matters."""

from __future__ import annotations

import re

from pyxform.parsing.expression import is_xml_tag

from forms.checks.report import Report
from forms.outline import ROOT, Line
from forms.suggest import nearest
from forms.vocabulary import COMMANDS, FROM_FILE, PLAIN_TYPES, type_of

_KOBO = re.compile(r"(?:begin|end)_(?:kobomatrix|score|rank)|score__row|rank__level")
"""Types of KoboToolbox's own editor: it writes other forms of them before they reach a phone."""


def check(report: Report) -> None:
    seen: dict[tuple[str, str], Line] = {}
    repeats: dict[str, Line] = {}
    for line in report.outline.survey:
        if not line.get("type"):
            report.problem("missing_type", line, "type", line.name or line.get("label"))
            continue
        if not line.type.kind:
            _unknown_type(report, line)
        if line.type.name == "loop" and not line.type.list:
            report.problem("loop_without_list", line, "type")
        if not line.name:
            report.problem("missing_name", line, "name")
            continue
        if not is_xml_tag(line.name):
            report.problem("bad_name", line, "name", line.name)
        place = (line.path.rpartition("/")[0], line.name)
        if line.name == "meta" and place[0] == ROOT:
            report.problem("reserved_name", line, "name", "meta")
        elif place in seen:
            report.problem("duplicate_name", line, "name", line.name, other=str(seen[place].row))
        seen.setdefault(place, line)
        if line.type.kind == "begin" and line.type.name == "repeat":
            if line.name in repeats and repeats[line.name].path != line.path:
                report.problem("duplicate_repeat_name", line, "name", line.name)
            repeats.setdefault(line.name, line)


def check_case(report: Report) -> None:
    """Names of one group that differ in letter case only."""
    seen: dict[tuple[str, str], Line] = {}
    for line in report.outline.survey:
        place = (line.path.rpartition("/")[0], line.name.lower())
        if line.name and place in seen and seen[place].name != line.name:
            report.warn("name_case", line, "name", f"{seen[place].name}, {line.name}")
        seen.setdefault(place, line)


def _unknown_type(report: Report, line: Line) -> None:
    text = line.get("type")
    if _KOBO.fullmatch(text):
        report.problem("kobo_type", line, "type", text)
        return
    if text in COMMANDS or text.lower() in COMMANDS or text == "select_multiple_external":
        report.problem("select_without_list", line, "type", text)
        return
    report.problem("unknown_type", line, "type", text, near=suggested(text))


def suggested(text: str) -> str:
    """The type that was probably meant, with its list: ``Select_One yes_no`` → ``select_one yes_no``."""
    first, _, rest = text.partition(" ")
    if not rest:
        return nearest(text, PLAIN_TYPES, 0.75)
    if first.lower() in ("begin", "end"):
        return f"{first.lower()} {nearest(rest.split()[0], ('group', 'repeat'), 0.5) or 'group'}"
    words = text.split()
    for length in range(min(len(words) - 1, 5), 0, -1):
        command = nearest(" ".join(words[:length]), COMMANDS, 0.75)
        if command and (made := f"{command} {words[length]}") and type_of(made).kind:
            return made
    if FROM_FILE.search(text):
        return f"select_one_from_file {words[-1]}"
    return nearest(text, PLAIN_TYPES, 0.75)
