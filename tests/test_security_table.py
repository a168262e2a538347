"""docs/security-tests.md is true: every row is there, and every test it names exists."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parent
TABLE = TESTS.parent / "docs" / "security-tests.md"
ROWS = [line for line in TABLE.read_text("utf-8").splitlines() if re.match(r"\| \d+ ", line)]
_NAMED = re.compile(r"`((?:[\w/]+\.(?:test\.js|py))?(?:::[^`]+)?)`")


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("| ").split(" | ")]


def test_no_row_is_left_out() -> None:
    assert [int(cells(row)[0]) for row in ROWS] == list(range(1, 45))
    assert all(len(cells(row)) == 4 or "open" in row for row in ROWS)


def test_every_row_names_a_test_or_says_why_not() -> None:
    untested = {int(cells(row)[0]) for row in ROWS if "::" not in cells(row)[2] and ".py" not in cells(row)[2]}
    # What is missing is named here too, so that nobody adds to it without a second look.
    assert untested <= {28, 39}


def test_every_test_that_is_named_exists() -> None:
    for row in ROWS:
        file = ""
        for place in _NAMED.findall(row):
            path, _, name = place.partition("::")
            file = path or file
            if not file.endswith((".py", ".js")):
                continue
            text = (TESTS / file).read_text("utf-8")
            assert not name or f"def {name}(" in text or f"test('{name}'" in text, f"row {cells(row)[0]}: no test {place}"
