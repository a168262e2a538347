"""save_to and the entities sheet."""

from __future__ import annotations

from forms.checks.report import Report
from forms.suggest import nearest


def check(report: Report) -> None:
    outline = report.outline
    lists = [line.get("list_name") for line in outline.entities]
    saved: dict[str, int] = {}
    for line in outline.survey:
        given = line.get("save_to")
        if not given:
            continue
        if not outline.entities:
            report.problem("no_entities_sheet", line, "save_to", given)
            continue
        if line.type.kind == "begin":
            report.problem("save_to_group", line, "save_to", given)
            continue
        name, hash_, _ = given.partition("#")
        if hash_ and name not in lists:
            report.problem("unknown_entity_list", line, "save_to", name, near=nearest(name, lists))
        elif not hash_ and len(lists) > 1:
            report.problem("save_to_prefix", line, "save_to", given)
        if given in saved:
            report.problem("duplicate_property", line, "save_to", given, other=str(saved[given]))
        saved.setdefault(given, line.row)
    seen: set[str] = set()
    for line in outline.entities:
        name = line.get("list_name")
        if not name:
            report.problem("missing_entity_list", line, "list_name")
        elif name in seen:
            report.problem("duplicate_entity", line, "list_name", name)
        seen.add(name)
