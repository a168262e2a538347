"""The shipped forms: every XLSForm in a folder, compiled; a broken one is named and the others still work."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from forms import kept
from forms.definition import Form
from forms.problems import FormProblems, Problem

if TYPE_CHECKING:
    from forms.workbook import Row

LISTS = "lists.md"


@dataclass
class Library:
    """forms: by form_id; files: where each was read. problems: of the files that could not be used."""

    forms: dict[str, Form] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def load_library(folder: Path) -> Library:
    """The forms of the folder, compiled when anything of them changed. Never raises for a bad form."""
    key = kept.key_of(folder)
    if before := kept.kept(folder, key):
        forms = [(folder / name, Form(definition)) for name, definition in before["forms"].items()]
        return Library({form.form_id: form for _path, form in forms}, {form.form_id: path for path, form in forms})
    shared = _read_lists(folder)
    library = _compiled(folder, shared)
    if not library.problems and not any(form.warnings for form in library.forms.values()):
        named = {library.files[id].name: form.definition for id, form in library.forms.items()}
        kept.keep(folder, key, {"lists": shared, "forms": named})
    return library


def _compiled(folder: Path, shared: list[Row]) -> Library:
    from forms.compile import compile_form  # brings up pyxform, which most starts can do without

    library = Library()
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
    before = kept.kept(folder, kept.key_of(folder))
    return list(before["lists"]) if before else _read_lists(folder)


def _read_lists(folder: Path) -> list[Row]:
    from forms.workbook import shared_lists

    path = folder / LISTS
    return shared_lists(path.read_text("utf-8")) if path.exists() else []
