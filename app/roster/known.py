"""What the register already holds, looked up for a roster: by national number, ID number, or name in a village.

Reads the read tables' file on a connection of its own, so that it works in
another process. Every question takes the scope's prefixes.
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = dict[str, Any]
VILLAGES_KEPT = 8


class Known:
    """clause, values: which areas may be seen, as app.tables.scope.area_clause says it."""

    def __init__(self, read_db: Path, clause: str, values: Sequence[str]) -> None:
        self._db = sqlite3.connect(f"file:{read_db}?mode=ro", uri=True)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA query_only = 1")
        self._clause, self._values = clause, list(values)
        self._empty = {t for t in ("households", "members") if not self._db.execute(f"SELECT 1 FROM {t} LIMIT 1").fetchone()}  # noqa: S608
        self._villages: OrderedDict[str, Village] = OrderedDict()

    def close(self) -> None:
        self._db.close()

    def area_names(self) -> dict[str, str]:
        return {row["code"]: row["name"] for row in self._db.execute("SELECT code, name FROM areas")}

    def successors(self) -> dict[str, str]:
        """Codes that are no longer in use → the place that took over. """
        return dict(self._db.execute("SELECT code, successor FROM areas WHERE successor <> ''").fetchall())

    def household(self, id: str) -> Row | None:
        return self._one("households", "id", id)

    def household_by_national(self, number: str) -> Row | None:
        return self._one("households", "national_no", number)

    def member_by_national(self, number: str) -> Row | None:
        return self._one("members", "national_no", number)

    def member_by_id(self, id_no: str) -> Row | None:
        return self._one("members", "id_no", id_no)

    def members(self, household_id: str) -> list[Row]:
        return self._all("members", "household_id", household_id)

    def village(self, area: str) -> Village:
        """The households of a village by the name of their head; the last few villages are kept."""
        found = self._villages.get(area)
        if found is None:
            found = self._villages[area] = Village(self._all("households", "area", area))
            if len(self._villages) > VILLAGES_KEPT:
                self._villages.popitem(last=False)
        return found

    def _one(self, table: str, column: str, value: str) -> Row | None:
        found = self._all(table, column, value, " LIMIT 1")
        return found[0] if found else None

    def _all(self, table: str, column: str, value: str, more: str = "") -> list[Row]:
        """table and column are names of ours."""
        if table in self._empty or not value:
            return []
        # Not blank: said so that the partial indexes are used.
        sql = f"SELECT * FROM [{table}] WHERE [{column}] = ? AND [{column}] <> '' AND {self._clause}{more}"  # noqa: S608
        return [dict(row) for row in self._db.execute(sql, [value, *self._values])]


@dataclass
class Village:
    households: list[Row]

    def __post_init__(self) -> None:
        self.by_head: dict[str, list[Row]] = {}
        for row in self.households:
            self.by_head.setdefault(row["head_name"], []).append(row)
