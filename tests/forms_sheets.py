"""Forms written as Markdown tables inside tests, and what is told about them."""

from __future__ import annotations

from forms.compile import compile_form
from forms.definition import Form
from forms.problems import FormProblems, Problem


def table(sheet: str, text: str) -> str:
    """Lines of cells with ``|`` between, as a Markdown sheet; a line that starts with ``|`` has a blank first cell."""
    lines = [line.strip() for line in text.strip().splitlines()]
    return f"| {sheet} |\n" + "".join(f"| | {line} |\n" for line in lines)


def form(survey: str, *, name: str = "t.md", **sheets: str) -> Form:
    return compile_form("\n".join(table(sheet, text) for sheet, text in {"survey": survey, **sheets}.items()), name)


def faults(survey: str, **sheets: str) -> list[Problem]:
    """Everything a form is refused for."""
    try:
        form(survey, **sheets)
    except FormProblems as found:
        return found.problems
    return []


def told(problems: list[Problem]) -> list[tuple[str, str, int | None, str]]:
    return [(one.code, one.sheet, one.row, one.column) for one in problems]
