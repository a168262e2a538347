"""The shared choice lists of ``forms/library/lists.md``, read once."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

LISTS = Path(__file__).parents[1] / "forms" / "library" / "lists.md"


@lru_cache(maxsize=1)
def code_lists() -> dict[str, dict[str, tuple[str, str]]]:
    """List → code → (zh, en)."""
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for line in LISTS.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) >= 5 and cells[1] not in ("", "list_name"):
            found.setdefault(cells[1], {})[cells[2]] = (cells[3], cells[4])
    return found
