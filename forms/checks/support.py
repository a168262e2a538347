"""What the form asks for and phone, server or paper cannot do: named when it is loaded."""

from __future__ import annotations

from forms.checks.report import Report


def check(report: Report) -> None:
    return
