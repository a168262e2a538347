"""Publishing the library.

1. a centre publishes new forms at start, once
2. a new version stands beside the old one; both can be opened
3. a published version never changes: changed content under it is refused in one line
4. a broken file is named in one line and the others still work
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app.node import open_node


def reopened(here: Any) -> Any:
    here.close()
    return open_node(here.config)


def test_published_once(here: Any) -> None:
    record = here.store.get("form", "mini")
    assert record.fields["versions"] == {"1": record.fields["hash"]}
    again = reopened(here)
    assert again.store.get("form", "mini").seq == record.seq
    assert again.complaints == []
    assert again.forms.newest("mini").hash == record.fields["hash"]
    again.close()


def test_a_new_version_beside_the_old(here: Any, forms_dir: Path) -> None:
    text = (forms_dir / "mini.md").read_text("utf-8")
    (forms_dir / "mini.md").write_text(text.replace("| mini | 1 |", "| mini | 2 |").replace("备注", "其他说明"), "utf-8")
    again = reopened(here)
    assert again.forms.newest("mini").version == "2"
    assert again.forms.get("mini", "1").version == "1"
    assert set(again.forms.current()) == {"mini"}
    again.close()


def test_a_published_version_never_changes(here: Any, forms_dir: Path) -> None:
    before = here.store.get("form", "mini").fields["hash"]
    text = (forms_dir / "mini.md").read_text("utf-8")
    (forms_dir / "mini.md").write_text(text.replace("备注", "其他说明"), "utf-8")
    again = reopened(here)
    assert again.store.get("form", "mini").fields["hash"] == before
    (line,) = again.complaints
    assert "mini" in line
    assert "version" in line
    assert [problem.file for problem in again.library.problems] == ["mini"]  # the office's forms page shows it
    assert "\n" not in line
    again.close()


def test_a_broken_file_is_named_and_the_others_work(here: Any, forms_dir: Path) -> None:
    broken = (forms_dir / "mini.md").read_text("utf-8").replace("| mini | 1 |", "| broken | 1 |")
    (forms_dir / "broken.md").write_text(broken.replace("select_one yes_no", "select_one no_such_list"), "utf-8")
    again = reopened(here)
    assert again.complaints
    assert all("\n" not in line for line in again.complaints)
    assert "broken.md" in again.complaints[0]
    assert set(again.forms.current()) == {"mini"}
    again.close()
