"""Lists beside the register and the submissions: visits, issues, conflicts, areas, people, forms."""

from __future__ import annotations

from collections.abc import Sequence

from app.tables.names import normal
from app.tables.query import Conditions, Found, Listing, Row, count, every, one, page_of
from app.tables.reading import ReadTables
from app.tables.scope import HasPrefixes, area_clause
from sync.scope import ancestors_of, prefix_of, within

_BESIDE = 'h.head_name, h."group", h.house_no'


def find_visits(
    tables: ReadTables,
    scope: HasPrefixes,
    *,
    area: str = "",
    since: str = "",
    until: str = "",
    outcome: str = "",
    page: int = 1,
) -> Found:
    """Visits, the latest first."""
    where = Conditions(scope, "v.")
    where.add_within(area)
    where.add_if(since, "v.date >= ?")
    where.add_if(until, "v.date <= ?")
    where.add_if(outcome, "v.outcome = ?")
    source = "visits v LEFT JOIN households h ON h.id = v.household_id LEFT JOIN users u ON u.id = v.cadre"
    columns = f"v.*, {_BESIDE}, coalesce(nullif(v.cadre_name, ''), u.name, v.cadre) AS visitor"
    return page_of(tables, columns, source, where, "v.date DESC, v.id DESC", page)


def conflicts_asked(tables: ReadTables, scope: HasPrefixes, area: str = "") -> Listing:
    """Differences that wait for a person, the latest first. area: as `Conditions.add_within` takes it."""
    where = Conditions(scope)
    where.add("state NOT IN ('resolved', 'closed')")
    where.add_within(area)
    return Listing(tables, "*", "conflicts", where, "seq DESC")


def open_conflicts(tables: ReadTables, scope: HasPrefixes) -> int:
    where = Conditions(scope)
    where.add("state NOT IN ('resolved', 'closed')")
    return count(tables, f"SELECT count(*) FROM conflicts WHERE {where.sql}", where.values)  # noqa: S608


def conflicts_of(tables: ReadTables, scope: HasPrefixes, entity: str, ids: Sequence[str]) -> list[Row]:
    """What waits for a person about these records."""
    where = Conditions(scope)
    where.add("state NOT IN ('resolved', 'closed') AND entity = ?", entity)
    where.add(f"entity_id IN ({', '.join('?' * len(ids))})", *ids)
    sql = f"SELECT * FROM conflicts WHERE {where.sql} ORDER BY seq DESC"  # noqa: S608
    return every(tables, sql, where.values)


def decisions_asked(tables: ReadTables, scope: HasPrefixes, area: str = "") -> Listing:
    """What people of the office decided about ops that had been set aside, the latest first."""
    where = Conditions(scope)
    where.add_within(area)
    return Listing(tables, "*", "decisions", where, "seq DESC")


def area_names(tables: ReadTables, scope: HasPrefixes) -> dict[str, str]:
    """Names of the places in scope and of those they lie in, by 12-digit code."""
    where, values = _here_or_above(scope, "code")
    return {row["code"]: row["name"] for row in every(tables, f"SELECT code, name FROM areas WHERE {where}", values)}  # noqa: S608


def successors(tables: ReadTables, scope: HasPrefixes) -> dict[str, str]:
    """Codes that are no longer in use → the place in scope that took over."""
    clause, values = area_clause(scope, "successor")
    sql = f"SELECT code, successor FROM areas WHERE successor <> '' AND {clause}"  # noqa: S608
    return {row["code"]: row["successor"] for row in every(tables, sql, values)}


def areas_within(tables: ReadTables, scope: HasPrefixes, parent: str) -> list[Row]:
    """The places in one, with the households of each: code, name, level, until, successor, households."""
    clause, values = area_clause(scope, "code")
    ends = [prefix_of(parent) if parent else "", (prefix_of(parent) if parent else "") + ":"]
    sql = f"SELECT code, name, level, until, successor FROM areas WHERE {clause} AND code >= ? AND code < ? ORDER BY code"  # noqa: S608
    places = every(tables, sql, [*values, *ends])
    where = Conditions(scope)
    where.add("area >= ? AND area < ?", *ends)
    counted = every(tables, f"SELECT area, count(*) AS n FROM households WHERE {where.sql} GROUP BY area", where.values)  # noqa: S608
    for place in places:
        prefix = prefix_of(place["code"])
        place["households"] = sum(row["n"] for row in counted if row["area"].startswith(prefix))
    return places


def small_areas(tables: ReadTables, scope: HasPrefixes) -> list[Row]:
    """Small areas of which the reader may see at least one village."""
    found = every(tables, "SELECT * FROM small_areas ORDER BY name, id")
    return [row for row in found if any(within(code, scope.area_prefixes) for code in row["villages"].split())]


def _here_or_above(scope: HasPrefixes, column: str = "area") -> tuple[str, list[str]]:
    """What a place publishes is for every place below it: names of areas, and forms."""
    within, values = area_clause(scope, column)
    above = sorted({code for prefix in scope.area_prefixes for code in ancestors_of(prefix)})
    marks = ", ".join("?" * len(above))
    return f"({within} OR {column} IN ({marks}))", [*values, *above]


def users_asked(tables: ReadTables, scope: HasPrefixes, text: str = "", area: str = "", role: str = "") -> Listing:
    """text: every word of it stands in the name, the username or the unit. area: as `Conditions.add_within` takes it."""
    where = Conditions(scope)
    for word in normal(text).split():
        where.add("(instr(lower(name), ?) OR instr(lower(username), ?) OR instr(lower(unit), ?))", word, word, word)
    where.add_within(area)
    where.add_if(role, "role = ?")
    return Listing(tables, "*", "users", where, "area, role, username, id")


def people_over(tables: ReadTables, scope: HasPrefixes, area: str) -> list[Row]:
    """Accounts in scope whose own place holds this one, the nearest first."""
    where = Conditions(scope)
    where.add("coalesce(state, '') <> 'disabled'")
    sql = f"SELECT id, area, role, username, name, unit FROM users WHERE {where.sql} ORDER BY name, id"  # noqa: S608
    found = every(tables, sql, where.values)
    return sorted((row for row in found if area.startswith(prefix_of(row["area"]))), key=lambda row: -len(prefix_of(row["area"])))


def staff_lists(tables: ReadTables, scope: HasPrefixes, limit: int = 20) -> list[Row]:
    """Lists of people taken in, the latest first: batch (an id that begins with its moment), people, first (a name)."""
    where = Conditions(scope)
    where.add("batch <> ''")
    sql = f"SELECT batch, count(*) AS people, min(name) AS first FROM users WHERE {where.sql} GROUP BY batch ORDER BY batch DESC LIMIT ?"  # noqa: S608, E501
    return every(tables, sql, [*where.values, limit])


def people_of_list(tables: ReadTables, scope: HasPrefixes, batch: str) -> list[str]:
    """Ids of the people that a list made accounts for."""
    where = Conditions(scope)
    where.add("batch = ? AND batch <> ''", batch)
    return [row["id"] for row in every(tables, f"SELECT id FROM users WHERE {where.sql} ORDER BY username", where.values)]  # noqa: S608


def users_by_id(tables: ReadTables, scope: HasPrefixes) -> dict[str, Row]:
    where = Conditions(scope)
    found = every(tables, f"SELECT * FROM users WHERE {where.sql}", where.values)  # noqa: S608
    return {row["id"]: row for row in found}


def told_devices(tables: ReadTables, scope: HasPrefixes) -> list[Row]:
    """Devices of people that a server told of, the newest first."""
    where = Conditions(scope)
    question = f"SELECT * FROM devices WHERE {where.sql} AND user_id <> '' ORDER BY enrolled_at DESC"  # noqa: S608
    return every(tables, question, where.values)


def user_names(tables: ReadTables, scope: HasPrefixes, ids: Sequence[str]) -> dict[str, str]:
    """Names of people who acted on a record one may see; whoever is unknown is missing."""
    if not ids or not scope.area_prefixes:
        return {}
    marks = ", ".join("?" * len(ids))
    found = every(tables, f"SELECT id, name, username FROM users WHERE id IN ({marks})", list(ids))  # noqa: S608
    return {row["id"]: row["name"] or row["username"] for row in found}


def published_forms(tables: ReadTables, scope: HasPrefixes) -> list[Row]:
    """Published forms, those of the places above included."""
    where, values = _here_or_above(scope)
    return every(tables, f"SELECT * FROM forms WHERE {where} ORDER BY form_id", values)  # noqa: S608


def reaches_everything(tables: ReadTables, scope: HasPrefixes) -> bool:
    """Whether no place known here lies beside the scope: its reader answers for all there is."""
    inside, values = _here_or_above(scope, "code")
    return bool(scope.area_prefixes) and not count(tables, f"SELECT count(*) FROM areas WHERE NOT {inside}", values)  # noqa: S608


def record_area(tables: ReadTables, scope: HasPrefixes, kind: str, id: str) -> str | None:
    """The area of a household, member, visit, issue or submission in scope; None when it is not."""
    table = {"household": "households", "member": "members", "visit": "visits", "issue": "issues"}.get(
        kind, "submissions"
    )
    where = Conditions(scope)
    where.add("id = ?", id)
    row = one(tables, f"SELECT area FROM [{table}] WHERE {where.sql}", where.values)  # noqa: S608
    return row and row["area"]
