"""What can be wrong with a form, told to the person who wrote it: where, what, what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from forms.catalogue import CATALOGUE


@dataclass(frozen=True)
class Problem:
    """One fault and its place. row counts as the spreadsheet does, with the header as row 1; None when unknown."""

    code: str
    file: str
    sheet: str = ""
    row: int | None = None
    column: str = ""
    detail: str = ""
    position: int = 0
    values: Mapping[str, str] = field(default_factory=dict, compare=False)
    """What else the message names. ``near``: the word that was probably meant."""

    def message(self, lang: str = "zh") -> str:
        told = _filled(CATALOGUE[self.code][lang == "en"], self, lang)
        near = self.values.get("near")
        if not near:
            return told
        return f"{told}; did you mean {near}?" if lang == "en" else f"{told};是不是想写 {near}?"

    def next(self, lang: str = "zh") -> str:
        return _filled(CATALOGUE[self.code][3 if lang == "en" else 2], self, lang)


class FormProblems(Exception):
    """A form that cannot be used, with all that was found wrong."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{p.file} {p.sheet} {p.row or ''}: {p.message('en')}" for p in problems))
        self.problems = problems


class _Values(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return "?"


def _filled(template: str, problem: Problem, lang: str) -> str:
    """A value ``why_zh`` or ``why_en`` fills ``{why}``."""
    values = _Values(problem.values, detail=problem.detail, position=problem.position)
    ending = "_en" if lang == "en" else "_zh"
    values.update({key.removesuffix(ending): word for key, word in problem.values.items() if key.endswith(ending)})
    return template.format_map(values)


__all__ = ["CATALOGUE", "FormProblems", "Problem"]
