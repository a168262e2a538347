"""The shipped forms: every XLSForm in a folder, compiled; a broken one is named and the others still work."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from forms.compile import compile_form
from forms.definition import Form
from forms.problems import FormProblems, Problem
from forms.workbook import Row, shared_lists

LISTS = "lists.md"


@dataclass
class Library:
    """forms: by form_id; files: where each was read. problems: of the files that could not be used."""

    forms: dict[str, Form] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def load_library(folder: Path) -> Library:
    """Compile what is in the folder. Never raises for a bad form."""
    library = Library()
    shared = lists_of(folder)
    for path in sorted(folder.iterdir()):
        if (
            path.name == LISTS
            or path.suffix.lower() not in (".md", ".xlsx", ".xls")
            or path.name.startswith(("~", "."))
        ):
            continue
        try:
            form = compile_form(path.read_bytes(), path.name, shared)
        except FormProblems as found:
            library.problems += found.problems
            continue
        if form.form_id in library.forms:
            library.problems.append(
                Problem("same_form_id", path.name, "settings", 2, "form_id", form.form_id)
            )
            continue
        library.forms[form.form_id] = form
        library.files[form.form_id] = path
    return library


def lists_of(folder: Path) -> list[Row]:
    """The shared choice lists of a folder."""
    path = folder / LISTS
    return shared_lists(path.read_text("utf-8")) if path.exists() else []
