"""Who helps whom, and which households are without a valid helper."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from app.tables.follow import Tables
from app.tables.query import Conditions, Found, Row, every, page_of
from app.tables.scope import HasPrefixes

NEEDS_ONE = ("poor", "exited", "monitored")
"""A household of one of these needs a helper."""
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
 WHEN p.known > 0 AND p.running = 0 THEN 'ended'
 WHEN h.helper <> '' AND h.helper IN (SELECT value FROM json_each(?)) THEN 'stopped'
 WHEN h.helper <> '' AND h.helper || '|' || substr(h.area, 1, 12) IN (SELECT value FROM json_each(?)) THEN 'away'
 WHEN h.helper_relation = 'relative' OR p.relative > 0 THEN 'relative'
 WHEN p.running > 0 AND p.same = 0 THEN 'differs'
 WHEN p.running IS NULL THEN 'undated' ELSE '' END"""
_PAIRED = """
(SELECT q.household_id, count(*) AS known, sum(q.runs) AS running, sum(q.runs AND q.helper_relation = 'relative') AS relative,
  sum(q.runs AND CASE WHEN q.helper <> '' AND o.helper <> '' THEN q.helper = o.helper
      ELSE q.helper_name = o.helper_name END) AS same
 FROM (SELECT *, started <= ? AND (ended = '' OR ended > ?) AS runs FROM pairings
       WHERE helper_role = 'helper' AND household_id <> '') q JOIN households o ON o.id = q.household_id
 GROUP BY q.household_id)"""


def without_valid_helper(
    tables: Tables, scope: HasPrefixes, doubts: Doubts, *, area: str = "", why: str = "", page: int = 1
) -> Found:
    """Households that need a helper and whose one is missing or doubtful: h.* and why. Undated ones only when asked for."""
    source, where = _source(scope, doubts, area)
    if why in REASONS:
        where.add("w.why = ?", why)
    else:
        where.add("w.why NOT IN ('', 'undated')")
    return page_of(tables, "w.*", source, where, "w.area, w.place_key, w.n", page)


def counts_of_doubts(tables: Tables, scope: HasPrefixes, doubts: Doubts, area: str = "") -> dict[str, int]:
    """How many households for each reason; '' are those with a valid one."""
    source, where = _source(scope, doubts, area)
    found = every(tables, f"SELECT w.why, count(*) AS n FROM {source} WHERE {where.sql} GROUP BY w.why", where.values)  # noqa: S608
    return {row["why"]: row["n"] for row in found}


def _source(scope: HasPrefixes, doubts: Doubts, area: str) -> tuple[str, Conditions]:
    inner, where = Conditions(scope, "h."), Conditions(scope, "w.")
    inner.add_within(area)
    inner.add(f"h.status IN ({', '.join('?' * len(NEEDS_ONE))})", *NEEDS_ONE)
    source = (
        f"(SELECT h.*, {_WHY} AS why FROM households h LEFT JOIN {_PAIRED} p ON p.household_id = h.id "  # noqa: S608
        f"WHERE {inner.sql}) w"
    )
    given = [json.dumps(sorted(doubts.stopped)), json.dumps(sorted(doubts.away)), doubts.today, doubts.today, *inner.values]
    where.values[:0] = given
    return source, where


def helpers_at_work(tables: Tables, scope: HasPrefixes) -> list[Row]:
    """Each account that a household names as its helper, with each village: helper, village, households."""
    where = Conditions(scope)
    where.add("helper <> ''")
    sql = (
        "SELECT helper, substr(area, 1, 12) AS village, count(*) AS households FROM households "  # noqa: S608
        f"WHERE {where.sql} GROUP BY 1, 2"
    )
    return every(tables, sql, where.values)


def pairings_of(tables: Tables, scope: HasPrefixes, household_id: str) -> list[Row]:
    """Every pairing of a household, those that run first, then the latest."""
    where = Conditions(scope)
    where.add("household_id = ?", household_id)
    sql = f"SELECT * FROM pairings WHERE {where.sql} ORDER BY ended <> '', started DESC, id"  # noqa: S608
    return every(tables, sql, where.values)


def posts(tables: Tables, scope: HasPrefixes, area: str = "") -> list[Row]:
    """Posts in the villages themselves, those that run first."""
    where = Conditions(scope)
    where.add_within(area)
    where.add("household_id = ''")
    return every(tables, f"SELECT * FROM pairings WHERE {where.sql} ORDER BY area, ended <> '', started DESC, id", where.values)  # noqa: S608


def to_hand_over(tables: Tables, scope: HasPrefixes, id: str, name: str, area: str = "") -> list[Row]:
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


def other_issues(tables: Tables, scope: HasPrefixes, id: str, without: Sequence[str], area: str = "") -> list[Row]:
    """Unclosed issues that somebody owns in households that are not theirs: id, household_id, area."""
    where = Conditions(scope)
    where.add_within(area)
    where.add("owner_id = ? AND state <> 'closed'", id)
    where.add("household_id NOT IN (SELECT value FROM json_each(?))", json.dumps(list(without)))
    return every(tables, f"SELECT id, household_id, area FROM issues WHERE {where.sql} ORDER BY area, id", where.values)  # noqa: S608


def handed_over_by(tables: Tables, scope: HasPrefixes, handover: str) -> list[Row]:
    """The pairings that a handover made."""
    where = Conditions(scope)
    where.add("handover = ? AND handover <> ''", handover)
    return every(tables, f"SELECT * FROM pairings WHERE {where.sql}", where.values)  # noqa: S608


def handovers(tables: Tables, scope: HasPrefixes, limit: int = 20) -> list[Row]:
    """The latest handovers: handover, started, helper, to_name, taken_from, households."""
    where = Conditions(scope)
    where.add("handover <> ''")
    sql = (
        "SELECT handover, started, max(helper) AS helper, max(helper_name) AS to_name, max(taken_from) AS taken_from, "  # noqa: S608
        "sum(household_id <> '') AS households "
        f"FROM pairings WHERE {where.sql} GROUP BY handover, started ORDER BY started DESC, max(seq) DESC LIMIT {limit}"
    )
    return every(tables, sql, where.values)
