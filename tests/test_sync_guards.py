"""Every safeguard is green with it and red without it, and the docs list exactly these (tests/guards.py)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.guards import GUARDS, SEEN_BY

TESTS = Path(__file__).parent
DOCS = TESTS.parent / "docs" / "sync-protocol.md"


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
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


@pytest.mark.parametrize("place", SEEN_BY.values())
def test_a_named_test_exists(place: str) -> None:
    file, name = place.split("::", 1)
    text = (TESTS / file).read_text("utf-8")
    assert f"def {name}(" in text or f"test('{name}'" in text


def test_the_docs_list_every_guard_and_no_other() -> None:
    table = DOCS.read_text("utf-8").partition("## Safeguards")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| (.+?) \| `(.+?)`", table, re.MULTILINE))
    rows.pop("Safeguard", None)
    wanted = {guard.says: f"{guard.switch}" for guard in GUARDS.values()} | SEEN_BY
    assert rows == wanted
