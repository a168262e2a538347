"""What the register already holds, looked up for a roster: by national number, ID number, or name in a village.

Reads the read tables' file on a connection of its own, so that it works in
another process. Every question takes the scope's prefixes. Of a roster of
which most is there already, hundreds of lines are asked about at once.
"""

from __future__ import annotations

import json
import sqlite3
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = dict[str, Any]
VILLAGES_KEPT = 8
# What a comparison asks of every row; the fields that its roster speaks of come on top.
_ALWAYS = {
    "households": ("id", "area", "rev", "national_no", "group", "head_name"),
    "members": ("id", "household_id", "area", "rev", "national_no", "id_no", "full_name", "relation", "birth_date", "sex", "state"),
}
_TABLES = {"household": "households", "member": "members"}


class Known:
    """clause, values: which areas may be seen, as app.tables.scope.area_clause says it. targets: what the roster speaks of."""

    def __init__(self, read_db: Path, clause: str, values: Sequence[str], targets: Iterable[str] = ()) -> None:
        self._db = sqlite3.connect(f"file:{read_db}?mode=ro", uri=True)
        self._db.execute("PRAGMA query_only = 1")
        self._clause, self._values = clause, list(values)
        self._empty = {t for t in _ALWAYS if not self._db.execute(f"SELECT 1 FROM {t} LIMIT 1").fetchone()}  # noqa: S608
        self._columns = {table: self._columns_of(table, targets) for table in _ALWAYS}
        self._villages: OrderedDict[str, Village] = OrderedDict()
        self._near: dict[tuple[str, str], dict[str, list[Row]]] = {}

    def _columns_of(self, table: str, targets: Iterable[str]) -> list[str]:
        there = {row[1] for row in self._db.execute(f"PRAGMA table_info({table})")}
        said = (target.split(".", 1) for target in targets if target)
        asked = (name for entity, name in said if _TABLES.get(entity) == table and name in there)
        return list(dict.fromkeys((*_ALWAYS[table], *asked)))

    def close(self) -> None:
        self._db.close()

    def area_names(self) -> dict[str, str]:
        return dict(self._db.execute("SELECT code, name FROM areas").fetchall())

    def successors(self) -> dict[str, str]:
        """Codes that are no longer in use → the place that took over."""
        return dict(self._db.execute("SELECT code, successor FROM areas WHERE successor <> ''").fetchall())

    def expect(self, homes: set[str], people: set[str], ids: set[str]) -> None:
        """Look up at once what will be asked of these national numbers of households and people, and of these ID numbers."""
        self._near = {}
        by_number = self._ask_ahead("households", "national_no", homes)
        found = self._ask_ahead("members", "national_no", people) + self._ask_ahead("members", "id_no", ids)
        at_home = {row["id"] for row in by_number} | {row["household_id"] for row in found}
        self._ask_ahead("households", "id", at_home)
        self._ask_ahead("members", "household_id", at_home)

    def _ask_ahead(self, table: str, column: str, values: set[str]) -> list[Row]:
        if table in self._empty or not values:
            return []
        found: dict[str, list[Row]] = {value: [] for value in values}
        rows = self._rows(table, "IN (SELECT value FROM json_each(?))", column, json.dumps(list(values)))
        for row in rows:
            found[row[column]].append(row)
        self._near[table, column] = found
        return rows

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
        if table in self._empty or not value:
            return []
        near = self._near.get((table, column))
        if near is not None and value in near:
            return near[value]
        return self._rows(table, "= ?", column, value, more)

    def _rows(self, table: str, which: str, column: str, value: str, more: str = "") -> list[Row]:
        """table and column are names of ours."""
        names = self._columns[table]
        # Not blank: said so that the partial indexes are used.
        sql = f"SELECT {', '.join(f'[{name}]' for name in names)} FROM [{table}] WHERE [{column}] {which} AND [{column}] <> '' AND {self._clause}{more}"  # noqa: S608, E501
        return [dict(zip(names, row, strict=True)) for row in self._db.execute(sql, [value, *self._values])]


@dataclass
class Village:
    households: list[Row]

    def __post_init__(self) -> None:
        self.by_head: dict[str, list[Row]] = {}
        for row in self.households:
            self.by_head.setdefault(row["head_name"], []).append(row)
