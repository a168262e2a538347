"""Households that may be one and the same, with why. A person looks; nothing is merged here."""

from __future__ import annotations

from collections.abc import Mapping

from app.tables.names import natural_key, normal, sort_key
from app.tables.query import Conditions, Row, every
from app.tables.reading import ReadTables
from app.tables.scope import HasPrefixes
from app.tables.search import match_expression

MOST = 200
SHOWN = 8
"""Candidates shown while somebody types one person or household."""
NUMBER, PERSON, NAME, SOUND = "number", "person", "name", "sound"
_COLUMNS = "a.id AS a, b.id AS b"


def likely_pairs(tables: ReadTables, scope: HasPrefixes, area: str = "", most: int = MOST) -> list[Row]:
    """Pairs of households: a, b (ids) and reasons, the surest first. area: one of the two lies there."""
    found: dict[tuple[str, str], list[str]] = {}
    for reason, question in ((NUMBER, _numbers), (PERSON, _people), (NAME, _names), (SOUND, _sounds)):
        for row in question(tables, scope, area, most):
            pair = (min(row["a"], row["b"]), max(row["a"], row["b"]))
            if reason not in found.setdefault(pair, []):
                found[pair].append(reason)
        if len(found) >= most:
            break
    return [{"a": a, "b": b, "reasons": reasons} for (a, b), reasons in list(found.items())[:most]]


def _where(scope: HasPrefixes, area: str, alias: str) -> Conditions:
    where = Conditions(scope, alias)
    where.add_within(area)
    return where


def _other(area: str) -> str:
    """Each pair once; from the one side when only that is looked at, which may be the later of the two."""
    return "<>" if area else ">"


def _numbers(tables: ReadTables, scope: HasPrefixes, area: str, most: int) -> list[Row]:
    """The same national household number."""
    first, second = _where(scope, area, "a."), _where(scope, "", "b.")
    sql = (
        f"SELECT {_COLUMNS} FROM households a JOIN households b ON b.national_no = a.national_no AND b.n {_other(area)} a.n "  # noqa: S608
        f"WHERE a.national_no <> '' AND b.national_no <> '' AND {first.sql} AND {second.sql} LIMIT ?"
    )
    return every(tables, sql, [*first.values, *second.values, most])


def _people(tables: ReadTables, scope: HasPrefixes, area: str, most: int) -> list[Row]:
    """A person of the same ID number lives in both."""
    first, second = _where(scope, area, "p."), _where(scope, "", "q.")
    sql = (
        f"SELECT DISTINCT a.id AS a, b.id AS b FROM members p JOIN members q ON q.id_no = p.id_no AND q.id {_other(area)} p.id "  # noqa: S608
        "AND q.household_id <> p.household_id "
        "JOIN households a ON a.id = p.household_id JOIN households b ON b.id = q.household_id "
        "WHERE p.id_no <> '' AND q.id_no <> '' AND p.state IN ('', 'active') AND q.state IN ('', 'active') "
        f"AND {first.sql} AND {second.sql} LIMIT ?"
    )
    return every(tables, sql, [*first.values, *second.values, most])


def _names(tables: ReadTables, scope: HasPrefixes, area: str, most: int) -> list[Row]:
    """Heads of one name in one village and group, or of one birth date."""
    first = _where(scope, area, "a.")
    sql = (
        f"WITH twice AS (SELECT area, head_name FROM households a WHERE head_name <> '' AND {first.sql} "  # noqa: S608
        "GROUP BY area, head_name HAVING count(*) > 1) "
        f"SELECT {_COLUMNS} FROM twice t JOIN households a ON a.area = t.area AND a.head_name = t.head_name "
        "JOIN households b ON b.area = t.area AND b.head_name = t.head_name AND b.n > a.n "
        'WHERE a."group" = b."group" AND (a.national_no = \'\' OR b.national_no = \'\' OR a.national_no = b.national_no) '
        "LIMIT ?"
    )
    return every(tables, sql, [*first.values, most])


def _sounds(tables: ReadTables, scope: HasPrefixes, area: str, most: int) -> list[Row]:
    """Heads whose names sound alike, of one village, group and house number."""
    first = _where(scope, area, "a.")
    sound = "substr({0}.head_key, 1, length({0}.head_key) - length({0}.head_name))"
    sql = (
        f"SELECT {_COLUMNS} FROM households a JOIN households b ON b.area = a.area AND b.place_key = a.place_key AND b.n > a.n "  # noqa: S608
        f"WHERE a.house_no <> '' AND a.head_name <> b.head_name AND {sound.format('a')} = {sound.format('b')} "
        f"AND {first.sql} LIMIT ?"
    )
    return every(tables, sql, [*first.values, most])


# --- while somebody types one in ------------------------------------------------------------------------------


def likely_people(tables: ReadTables, scope: HasPrefixes, typed: Mapping[str, str], area: str) -> list[Row]:
    """Who of the reader's places the typed person may be, the surest first: members.*, head_name, why (number, name, sound).

    By ID number anywhere; by name where no birth date speaks against it; in the village by the same birth date and a name
    that sounds the same.
    """
    found: dict[str, Row] = {}
    if typed.get("id_no"):
        for row in _members(tables, scope, "m.id_no = ? AND m.id_no <> ''", typed["id_no"]):
            found.setdefault(row["id"], row | {"why": NUMBER})
    name = typed.get("full_name", "")
    expression = match_expression(name)
    if name and expression:
        named = "h.n IN (SELECT rowid FROM household_search WHERE household_search MATCH ?) AND m.full_name = ?"
        for row in _members(tables, scope, named, expression, name):
            if _may_be(row, typed):
                found.setdefault(row["id"], row | {"why": NAME})
        sound = _sound(name)
        born = typed.get("birth_date", "")
        near = "m.household_id IN (SELECT id FROM households WHERE area = ?)"
        same_day = f"{near} AND m.birth_date = ? AND m.birth_date <> '' AND m.full_name <> ?"
        for row in _members(tables, scope, same_day, area, born, name):
            if _sound(row["full_name"]) == sound and _may_be(row, typed):
                found.setdefault(row["id"], row | {"why": SOUND})
    return list(found.values())[:SHOWN]


def likely_households(tables: ReadTables, scope: HasPrefixes, typed: Mapping[str, str], area: str) -> list[Row]:
    """Households that the typed one may be: households.*, why. By number anywhere, by name or by door in the village."""
    found: dict[str, Row] = {}
    door = f"{natural_key(typed.get('group', ''))} {natural_key(typed.get('house_no', ''))}"
    sound = _sound(typed.get("head_name", ""))
    asked = [
        (NUMBER, "national_no = ? AND national_no <> ''", [typed.get("national_no", "")]),
        (NAME, "area = ? AND head_key = ? AND head_name <> ''", [area, sort_key(typed.get("head_name", ""))]),
        ("door", "area = ? AND place_key = ? AND house_no <> ''", [area, door]),
    ]
    for why, sql, values in asked:
        where = Conditions(scope)
        where.add(sql, *values)
        for row in every(tables, f"SELECT * FROM households WHERE {where.sql} LIMIT {SHOWN}", where.values):  # noqa: S608
            same_sound = why == "door" and _sound(row["head_name"]) == sound
            found.setdefault(row["id"], row | {"why": SOUND if same_sound else why})
    return list(found.values())[:SHOWN]


def _members(tables: ReadTables, scope: HasPrefixes, sql: str, *values: str | int, most: int = 50) -> list[Row]:
    where = Conditions(scope, "m.")
    where.add(sql, *values)
    question = (
        'SELECT m.*, h.head_name, h."group", h.house_no FROM members m JOIN households h ON h.id = m.household_id '  # noqa: S608
        f"WHERE {where.sql} LIMIT {most}"
    )
    return every(tables, question, where.values)


def _may_be(row: Row, typed: Mapping[str, str]) -> bool:
    """Neither a birth date nor an ID number speaks against it."""
    return all(not row[name] or not typed.get(name) or row[name] == typed[name] for name in ("birth_date", "id_no"))


def _sound(name: str) -> str:
    """How a name is read, without the name itself."""
    return sort_key(name)[: -len(name)] if name else normal(name)
