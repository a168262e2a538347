"""Every safeguard is green with it and red without it, and the docs list exactly these (tests/guards.py)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.guards import GUARDS

TESTS = Path(__file__).parent
DOCS = TESTS.parent / "docs" / "sync-protocol.md"


@pytest.mark.parametrize("name", GUARDS)
def test_it_holds_and_without_it_is_red(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guard = GUARDS[name]
    (tmp_path / "with").mkdir()
    (tmp_path / "without").mkdir()
    guard.probe(tmp_path / "with")
    guard.remove(monkeypatch)
    with pytest.raises(BaseException) as red:
        guard.probe(tmp_path / "without")
    assert not isinstance(red.value, AttributeError | NameError | KeyboardInterrupt), red.value


def section() -> list[list[str]]:
    """The rows of the docs' tables of safeguards, as cells."""
    text = DOCS.read_text("utf-8").partition("## Safeguards")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line.startswith("| ")]
    return [row for row in rows if row[0] != "Safeguard"]


def test_the_docs_list_every_guard() -> None:
    told = {row[0]: (row[1], row[2].rstrip(" |")) for row in section() if len(row) == 3}
    assert told == {guard.says: (f"`{guard.switch}`", f"`test_sync_guards.py[{name}]`") for name, guard in GUARDS.items()}


def test_every_test_that_the_docs_name_exists() -> None:
    file = ""
    for safeguard, *_, seen_by in section():
        named = re.findall(r"`([^`]+)`", seen_by)
        assert named, f"nothing sees to it: {safeguard}"
        for place in named:
            path, _, name = place.partition("::")
            file = file if path == "…" else path.partition("[")[0].removeprefix("tests/")
            text = (TESTS / file).read_text("utf-8")
            name = name.partition("[")[0]
            assert not name or f"def {name}(" in text or f"test('{name}'" in text, f"{safeguard}: no test {place}"


def test_every_test_that_the_fault_matrix_names_exists() -> None:
    file = ""
    for place in re.findall(r"`([^`]*(?:test_[a-z_]+\.py|\.test\.js|::)[^`]*)`", (DOCS.parent / "faults.md").read_text("utf-8")):
        path, _, name = place.partition("::")
        path, _, chosen = path.partition("[")
        file = (path if "/" in path or path.endswith(".py") else f"js/{path}") if path else file
        text = (TESTS / file).read_text("utf-8")
        assert not name or f"def {name}(" in text or f"test('{name}'" in text, f"no test {place}"
        if file == "test_sync_guards.py":
            assert set(chosen.rstrip("]").split(", ")) <= GUARDS.keys(), place
