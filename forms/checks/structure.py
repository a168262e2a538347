"""begin and end: each has its partner."""

from __future__ import annotations

from forms.checks.report import Report


def check(report: Report) -> None:
    for line in report.outline.begun:
        report.problem("unmatched_begin", line, "type", line.type.name, name=line.name or "?")
    for line, begin in report.outline.ended:
        if begin is None:
            report.problem("unmatched_end", line, "type", line.type.name, name=line.name)
        else:
            report.problem("crossed_end", line, "type", line.type.name, other=str(begin.row), open=begin.type.name)
