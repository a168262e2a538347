"""Who helps whom, and which households are without a valid helper."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.tables.query import PAGE_SIZE, Conditions, Found, Row, count, each, every
from app.tables.reading import ReadTables
from app.tables.schema import IN_NEED
from app.tables.scope import HasPrefixes

REASONS = ("none", "ended", "stopped", "away", "relative", "differs", "undated")


@dataclass(frozen=True)
class Doubts:
    """today: the day a pairing has to hold. stopped: accounts that are switched off or unknown.
    away: "account|village" of helpers who may not work there."""

    today: str
    stopped: Collection[str] = ()
    away: Collection[str] = ()


_WHY = """
CASE WHEN h.helper_name = '' AND h.helper = '' THEN 'none'
 WHEN p.running = 0 THEN 'ended'
 WHEN h.helper_relation = 'relative' OR p.relative > 0 THEN 'relative'
 WHEN p.running > 0 AND CASE WHEN p.helper <> '' AND h.helper <> '' THEN p.helper <> h.helper
   ELSE p.helper_name <> h.helper_name END THEN 'differs'
 WHEN p.running IS NULL THEN 'undated' ELSE '' END"""
_PAIRED = """
(SELECT household_id, sum(runs) AS running, sum(runs AND helper_relation = 'relative') AS relative,
  max(CASE WHEN runs THEN helper ELSE '' END) AS helper, max(CASE WHEN runs THEN helper_name ELSE '' END) AS helper_name
 FROM (SELECT household_id, helper, helper_name, helper_relation, started <= ? AND (ended = '' OR ended > ?) AS runs
       FROM pairings WHERE helper_role = 'helper' AND household_id IN ({ids})) GROUP BY household_id)"""
# What the register says of each household in need; whether its helper's account holds is asked when somebody looks.
_HELPED = (
    f"SELECT h.id AS household_id, h.area, {_WHY} AS why, h.helper FROM households h "  # noqa: S608 - texts of ours
    f"LEFT JOIN {_PAIRED} p ON p.household_id = h.id WHERE h.id IN ({{ids}}) AND h.{IN_NEED}"
)
_DUE = "SELECT household_id FROM check_due"
_GIVEN = "SELECT value FROM json_each(?)"


def keep_helped(db: sqlite3.Connection, ids: Sequence[str], today: str) -> None:
    """Note of these households how they are helped on that day; the checks do it with everything that changed."""
    given = json.dumps(list(ids))
    db.execute(f"DELETE FROM helped WHERE household_id IN ({_GIVEN})", [given])  # noqa: S608
    found, values = _helped(_GIVEN, [given], today)
    db.execute(f"INSERT INTO helped(household_id, area, why, helper) {found}", values)


def _helped(ids: str, values: Sequence[Any], today: str) -> tuple[str, list[Any]]:
    """The question for households, which are a question themselves, with all its values."""
    return _HELPED.format(ids=ids), [today, today, *values, *values]


def without_valid_helper(
    tables: ReadTables, scope: HasPrefixes, doubts: Doubts, counts: Mapping[str, int], *,
    area: str = "", why: str = "", page: int = 1, whole: bool = False,
) -> Found:  # fmt: skip
    """Households that need a helper and whose one is missing or doubtful: h.* and why. Undated ones only when asked for.

    counts: what `counts_of_doubts` said; looking a second time only to count would cost as much again. whole: all pages.
    """
    doubtful, values = _doubtful(tables, scope, doubts, area)
    where = Conditions(scope, "h.")
    if why in REASONS:
        where.add("w.why = ?", why)
    else:
        where.add("w.why NOT IN ('', 'undated')")
    where.values[:0] = values
    total = counts.get(why, 0) if why in REASONS else sum(n for one, n in counts.items() if one not in ("", "undated"))
    size = max(1, total) if whole else PAGE_SIZE
    number = max(1, min(page, -(-total // size)))
    # Only who is doubtful is read whole: a household is a broad row.
    sql = (
        f"SELECT h.*, w.why FROM {doubtful} w JOIN households h ON h.id = w.id WHERE {where.sql} "  # noqa: S608
        "ORDER BY h.area, h.place_key, h.n LIMIT ? OFFSET ?"
    )
    return Found(every(tables, sql, [*where.values, size, (number - 1) * size]), total, number, size)


def counts_of_doubts(tables: ReadTables, scope: HasPrefixes, doubts: Doubts, area: str = "") -> dict[str, int]:
    """How many households for each reason; '' are those with a valid one."""
    doubtful, values = _doubtful(tables, scope, doubts, area)
    found = every(tables, f"SELECT why, count(*) AS n FROM {doubtful} GROUP BY why", values)  # noqa: S608
    return {row["why"]: row["n"] for row in found}


def _doubtful(tables: ReadTables, scope: HasPrefixes, doubts: Doubts, area: str) -> tuple[str, list[Any]]:
    """(id, why) of every household that needs a helper, as a source of a query, with its values.

    What was noted, and worked out now for what changed since; all of it on a day the checks have not begun.
    """
    where = Conditions(scope)
    where.add_within(area)
    known = tables.reading().execute("SELECT 1 FROM meta WHERE name = 'checked_on' AND value = ?", [doubts.today]).fetchone()
    kept = f"SELECT household_id, area, why, helper FROM helped WHERE {where.sql} AND household_id NOT IN ({_DUE})"  # noqa: S608
    homes = f"SELECT id FROM households WHERE {where.sql}"  # noqa: S608
    rows, given = _helped(f"{homes} AND id IN ({_DUE})" if known else homes, where.values, doubts.today)
    if known:
        rows, given = f"{kept} UNION ALL {rows}", [*where.values, *given]
    source = (
        "(SELECT household_id AS id, CASE WHEN why IN ('none', 'ended') OR helper = '' THEN why "  # noqa: S608
        f"WHEN helper IN ({_GIVEN}) THEN 'stopped' WHEN helper || '|' || substr(area, 1, 12) IN ({_GIVEN}) THEN 'away' "
        f"ELSE why END AS why FROM ({rows}))"
    )
    return source, [json.dumps(sorted(doubts.stopped)), json.dumps(sorted(doubts.away)), *given]


def helpers_at_work(tables: ReadTables, scope: HasPrefixes) -> list[Row]:
    """Each account that a household names as its helper, with each village: helper, village, households."""
    where = Conditions(scope)
    where.add("helper <> ''")
    sql = (
        "SELECT helper, substr(area, 1, 12) AS village, count(*) AS households FROM households "  # noqa: S608
        f"WHERE {where.sql} GROUP BY 1, 2"
    )
    return every(tables, sql, where.values)


def pairings_of(tables: ReadTables, scope: HasPrefixes, household_id: str) -> list[Row]:
    """Every pairing of a household, those that run first, then the latest."""
    where = Conditions(scope)
    where.add("household_id = ?", household_id)
    sql = f"SELECT * FROM pairings WHERE {where.sql} ORDER BY ended <> '', started DESC, id"  # noqa: S608
    return every(tables, sql, where.values)


def posts(tables: ReadTables, scope: HasPrefixes, area: str = "") -> list[Row]:
    """Posts in the villages themselves, those that run first."""
    where = Conditions(scope)
    where.add_within(area)
    where.add("household_id = ''")
    return every(tables, f"SELECT * FROM pairings WHERE {where.sql} ORDER BY area, ended <> '', started DESC, id", where.values)  # noqa: S608


def count_of(tables: ReadTables, scope: HasPrefixes, area: str = "") -> int:
    where = Conditions(scope)
    where.add_within(area)
    return count(tables, f"SELECT count(*) FROM pairings WHERE {where.sql}", where.values)  # noqa: S608


def each_pairing(tables: ReadTables, scope: HasPrefixes, area: str = "") -> Iterator[Row]:
    """All pairings, house by house, and the posts of a village before its houses: p.*, head_name, "group", house_no, status."""
    where = Conditions(scope, "p.")
    where.add_within(area)
    yield from each(
        tables,
        'SELECT p.*, h.head_name, h."group", h.house_no, h.status FROM pairings p LEFT JOIN households h ON h.id = p.household_id '  # noqa: S608
        f"WHERE {where.sql} ORDER BY p.area, p.household_id <> '', h.place_key, h.n, p.started, p.id",
        where.values,
    )


def to_hand_over(tables: ReadTables, scope: HasPrefixes, id: str, name: str, area: str = "") -> list[Row]:
    """Households of a helper: id, head_name, "group", house_no, area, status, by_name (no account stands there),
    issues (how many unclosed ones of it are theirs)."""
    where = Conditions(scope, "h.")
    where.add_within(area)
    where.add("(h.helper = ? OR (h.helper = '' AND h.helper_name = ? AND h.helper_name <> ''))", id, name)
    sql = (
        'SELECT h.id, h.head_name, h."group", h.house_no, h.area, h.status, h.helper = \'\' AS by_name, '  # noqa: S608
        "(SELECT count(*) FROM issues i WHERE i.household_id = h.id AND i.state <> 'closed' "
        " AND (i.owner_id = ? OR (i.owner_id = '' AND i.owner = ?))) AS issues "
        f"FROM households h WHERE {where.sql} ORDER BY h.area, h.place_key, h.n"
    )
    return every(tables, sql, [id, name, *where.values])


def other_issues(tables: ReadTables, scope: HasPrefixes, id: str, without: Sequence[str], area: str = "") -> list[Row]:
    """Unclosed issues that somebody owns in households that are not theirs: id, household_id, area."""
    where = Conditions(scope)
    where.add_within(area)
    where.add("owner_id = ? AND state <> 'closed'", id)
    where.add("household_id NOT IN (SELECT value FROM json_each(?))", json.dumps(list(without)))
    return every(tables, f"SELECT id, household_id, area FROM issues WHERE {where.sql} ORDER BY area, id", where.values)  # noqa: S608


def handed_over_by(tables: ReadTables, scope: HasPrefixes, handover: str) -> list[Row]:
    """The pairings that a handover made."""
    where = Conditions(scope)
    where.add("handover = ? AND handover <> ''", handover)
    return every(tables, f"SELECT * FROM pairings WHERE {where.sql}", where.values)  # noqa: S608


def handovers(tables: ReadTables, scope: HasPrefixes, limit: int = 20) -> list[Row]:
    """The latest handovers (a limit below 0: all): handover, started, helper, to_name, taken_from, households."""
    where = Conditions(scope)
    where.add("handover <> ''")
    sql = (
        "SELECT handover, started, max(helper) AS helper, max(helper_name) AS to_name, max(taken_from) AS taken_from, "  # noqa: S608
        "sum(household_id <> '') AS households "
        f"FROM pairings WHERE {where.sql} GROUP BY handover, started ORDER BY started DESC, max(seq) DESC LIMIT ?"
    )
    return every(tables, sql, [*where.values, limit])
