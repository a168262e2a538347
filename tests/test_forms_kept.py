"""Compiled forms kept beside their sheets.

1. a second start compiles nothing and says the same
2. whatever changes a form (its file, the shared lists, the program) brings it anew
3. a kept file that is damaged, of another key or that cannot be written is no harm; what has faults is not kept
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import LISTS, MINI_FORM

from forms import kept
from forms.library import Library, lists_of, load_library
from tests import once


@pytest.fixture(autouse=True)
def kept_beside_the_sheets_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "kept", once.real_kept)
    monkeypatch.setattr(kept, "keep", once.real_keep)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "lists.md").write_text(LISTS, "utf-8")
    (tmp_path / "mini.md").write_text(MINI_FORM, "utf-8")
    load_library(tmp_path)
    return tmp_path


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were compiled."""
    from forms.compile import compile_form

    names: list[str] = []

    def counted(data: Any, name: str, *more: Any) -> Any:
        names.append(name)
        return compile_form(data, name, *more)

    monkeypatch.setattr("forms.compile.compile_form", counted)
    return names


def told(library: Library) -> Any:
    return {id: form.hash for id, form in library.forms.items()}, library.files, library.problems


def test_a_second_start_compiles_nothing(folder: Path, compiled: list[str]) -> None:
    again = load_library(folder)
    assert compiled == [] and lists_of(folder)[0]["list_name"] == "yes_no"
    (folder / kept.NAME).unlink()
    assert told(again) == told(load_library(folder)) and compiled == ["mini.md"]


def test_what_is_another_form_is_compiled(folder: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "mini.md").write_text(MINI_FORM.replace("小表", "大表"), "utf-8")
    assert load_library(folder).forms["mini"].title("zh") == "大表" and compiled == ["mini.md"]
    (folder / "lists.md").write_text(LISTS.replace("| yes |", "| yea |"), "utf-8")
    assert [row["name"] for row in lists_of(folder)] == ["yea", "no"]
    load_library(folder)
    assert len(compiled) == 2
    (folder / "second.md").write_text(MINI_FORM.replace("| mini |", "| second |"), "utf-8")
    assert set(load_library(folder).forms) == {"mini", "second"}
    (folder / "second.md").unlink()
    assert set(load_library(folder).forms) == {"mini"}
    before = len(compiled)
    monkeypatch.setattr(kept, "_program", lambda: "another version")
    load_library(folder)
    assert len(compiled) == before + 1


@pytest.mark.parametrize("there", ["", "{", "[1]", '{"key": "another", "content": {"forms": {}, "lists": []}}'])
def test_what_was_kept_and_is_no_good_is_not_used(folder: Path, there: str) -> None:
    (folder / kept.NAME).write_text(there, "utf-8")
    assert set(load_library(folder).forms) == {"mini"}


def test_a_folder_that_takes_nothing_is_read_as_ever(folder: Path, compiled: list[str]) -> None:
    (folder / kept.NAME).unlink()
    (folder / kept.NAME).mkdir()
    assert set(load_library(folder).forms) == {"mini"} and compiled == ["mini.md"]
    assert sorted(path.name for path in folder.iterdir()) == [kept.NAME, "lists.md", "mini.md"]


def test_what_has_faults_is_told_at_every_start(folder: Path) -> None:
    (folder / "bad.md").write_text(MINI_FORM.replace("select_one yes_no", "select_one nothing"), "utf-8")
    assert load_library(folder).problems and load_library(folder).problems
