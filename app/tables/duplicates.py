"""Households that may be one and the same, with why. A person looks; nothing is merged here."""

from __future__ import annotations

from app.tables.follow import Tables
from app.tables.query import Conditions, Row, every
from app.tables.scope import HasPrefixes

MOST = 200
NUMBER, PERSON, NAME, SOUND = "number", "person", "name", "sound"
_COLUMNS = "a.id AS a, b.id AS b"


def likely_pairs(tables: Tables, scope: HasPrefixes, area: str = "") -> list[Row]:
    """Pairs of households: a, b (ids) and reasons, the surest first, at most MOST. area: only there."""
    found: dict[tuple[str, str], list[str]] = {}
    for reason, question in ((NUMBER, _numbers), (PERSON, _people), (NAME, _names), (SOUND, _sounds)):
        for row in question(tables, scope, area):
            pair = (min(row["a"], row["b"]), max(row["a"], row["b"]))
            if reason not in found.setdefault(pair, []):
                found[pair].append(reason)
        if len(found) >= MOST:
            break
    return [{"a": a, "b": b, "reasons": reasons} for (a, b), reasons in list(found.items())[:MOST]]


def _where(scope: HasPrefixes, area: str, alias: str) -> Conditions:
    where = Conditions(scope, alias)
    where.add_within(area)
    return where


def _numbers(tables: Tables, scope: HasPrefixes, area: str) -> list[Row]:
    """The same national household number."""
    first, second = _where(scope, area, "a."), _where(scope, "", "b.")
    sql = (
        f"SELECT {_COLUMNS} FROM households a JOIN households b ON b.national_no = a.national_no AND b.n > a.n "  # noqa: S608
        f"WHERE a.national_no <> '' AND b.national_no <> '' AND {first.sql} AND {second.sql} LIMIT {MOST}"
    )
    return every(tables, sql, [*first.values, *second.values])


def _people(tables: Tables, scope: HasPrefixes, area: str) -> list[Row]:
    """A person of the same ID number lives in both."""
    first, second = _where(scope, area, "p."), _where(scope, "", "q.")
    sql = (
        "SELECT DISTINCT a.id AS a, b.id AS b FROM members p JOIN members q ON q.id_no = p.id_no AND q.id > p.id "  # noqa: S608
        "AND q.household_id <> p.household_id "
        "JOIN households a ON a.id = p.household_id JOIN households b ON b.id = q.household_id "
        "WHERE p.id_no <> '' AND q.id_no <> '' AND p.state IN ('', 'active') AND q.state IN ('', 'active') "
        f"AND {first.sql} AND {second.sql} LIMIT {MOST}"
    )
    return every(tables, sql, [*first.values, *second.values])


def _names(tables: Tables, scope: HasPrefixes, area: str) -> list[Row]:
    """Heads of one name in one village and group, or of one birth date."""
    first = _where(scope, area, "a.")
    sql = (
        f"WITH twice AS (SELECT area, head_name FROM households a WHERE head_name <> '' AND {first.sql} "  # noqa: S608
        "GROUP BY area, head_name HAVING count(*) > 1) "
        f"SELECT {_COLUMNS} FROM twice t JOIN households a ON a.area = t.area AND a.head_name = t.head_name "
        "JOIN households b ON b.area = t.area AND b.head_name = t.head_name AND b.n > a.n "
        'WHERE a."group" = b."group" AND (a.national_no = \'\' OR b.national_no = \'\' OR a.national_no = b.national_no) '
        f"LIMIT {MOST}"
    )
    return every(tables, sql, first.values)


def _sounds(tables: Tables, scope: HasPrefixes, area: str) -> list[Row]:
    """Heads whose names sound alike, of one village, group and house number."""
    first = _where(scope, area, "a.")
    sound = "substr({0}.head_key, 1, length({0}.head_key) - length({0}.head_name))"
    sql = (
        f"SELECT {_COLUMNS} FROM households a JOIN households b ON b.area = a.area AND b.place_key = a.place_key AND b.n > a.n "  # noqa: S608
        f"WHERE a.house_no <> '' AND a.head_name <> b.head_name AND {sound.format('a')} = {sound.format('b')} "
        f"AND {first.sql} LIMIT {MOST}"
    )
    return every(tables, sql, first.values)
