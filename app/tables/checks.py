"""What the checks find of the register, kept beside it: a household is looked at again when something of it changed.

Looking needs no store: the tables are enough. A node has it done by another
process (`app.tables.review_process`), many at once (a first start, other rules,
a new day) by two, so that pushes do not wait for it.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from multiprocessing import get_context, parent_process

from app.tables.follow import Tables
from app.tables.pairings import keep_helped
from app.tables.query import Conditions, Found, Row, count, each, every, one, page_of
from app.tables.reading import ReadTables
from app.tables.scope import HasPrefixes
from forms.register import FIELDS
from forms.rules.reading import RuleSet, shipped
from forms.rules.running import Checks, Finding

CHUNK = 400
# Below this a process of its own costs more than it saves.
MANY = 1_200
WORKERS = 2
NICE = 10
APPROVED, REQUESTED, REJECTED, ENDED = "approved", "requested", "rejected", "ended"
ELSEWHERE = "id_elsewhere"

# (key, area, household_id, member_id, rule, severity, since, exempt)
Line = tuple[str, str, str, str, str, str, str, int]
Look = Callable[[Sequence[str], datetime, Mapping[str, str]], "list[Line] | None"]
"""As `look_at`, but somewhere else; None when it could not be done there."""


@dataclass(frozen=True)
class Settings:
    """What a county changed of the shipped rules. county: its six digits."""

    off: frozenset[str]
    limits: Mapping[str, str]


def settings_by_county(db: sqlite3.Connection) -> dict[str, Settings]:
    found = {}
    for id_, off, limits in db.execute("SELECT id, off, limits FROM rule_settings WHERE id <> 'shipped'"):
        found[id_] = Settings(frozenset(off.split()), _amounts(limits))
    return found


def _amounts(text: str) -> dict[str, str]:
    try:
        read = json.loads(text or "{}")
    except ValueError:
        return {}
    return {str(k): str(v) for k, v in read.items()} if isinstance(read, dict) else {}


def check_some(
    tables: Tables, now: datetime, *, limit: int = 20 * CHUNK, defaults: Mapping[str, str] | None = None,
    look: Look | None = None,
) -> int:  # fmt: skip
    """Look at households that are due, at most about limit; answers how many were.

    defaults: amounts by limit name. look: who does it, for so few that processes of their own are not worth while.
    """
    today = now.date().isoformat()
    with tables.writing() as db:
        _new_day(db.conn, today)
        ids = [row[0] for row in db.execute("SELECT household_id FROM check_due LIMIT ?", [limit]).fetchall()]
    if not ids:
        return 0
    chunks = [ids[at : at + CHUNK] for at in range(0, len(ids), CHUNK)]
    for chunk, lines in zip(chunks, _looked_at(tables, chunks, now, dict(defaults or {}), look), strict=True):
        with tables.writing() as db:
            _keep(db.conn, chunk, lines)
            keep_helped(db.conn, chunk, today)
    return len(ids)


def due(tables: ReadTables) -> int:
    """Households not yet looked at."""
    return int(tables.reading().execute("SELECT count(*) FROM check_due").fetchone()[0])


def _new_day(db: sqlite3.Connection, today: str) -> None:
    """Ages, deadlines and exemptions move with the date: once a day everything is due."""
    known = db.execute("SELECT value FROM meta WHERE name = 'checked_on'").fetchone()
    if known is None or known[0] != today:
        if known is not None:
            db.execute("INSERT OR IGNORE INTO check_due SELECT id FROM households")
        db.execute("INSERT OR REPLACE INTO meta(name, value) VALUES ('checked_on', ?)", (today,))


def _looked_at(
    tables: Tables, chunks: Sequence[Sequence[str]], now: datetime, defaults: dict[str, str], look: Look | None
) -> Iterator[list[Line]]:
    if sum(map(len, chunks)) < MANY or ":memory:" in tables.path:
        for chunk in chunks:
            lines = look(chunk, now, defaults) if look else None
            yield look_at(tables.reading().conn, chunk, now, defaults) if lines is None else lines
        return
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn"), initializer=_begin_worker) as pool:
        yield from pool.map(_in_a_process, ((tables.path, chunk, now, defaults) for chunk in chunks))


def _begin_worker() -> None:
    """At low priority, and no longer than whoever it works for, however that ends."""
    os.nice(NICE)
    if parent := parent_process():
        threading.Thread(target=lambda: (parent.join(), os._exit(0)), daemon=True).start()


def _in_a_process(work: tuple[str, Sequence[str], datetime, dict[str, str]]) -> list[Line]:
    path, chunk, now, defaults = work
    with closing(sqlite3.connect(path, timeout=15)) as db:
        db.execute("PRAGMA query_only = 1")
        return look_at(db, chunk, now, defaults)


def look_at(db: sqlite3.Connection, ids: Sequence[str], now: datetime, defaults: Mapping[str, str]) -> list[Line]:
    """What the checks find of these households as they stand in the tables."""
    marks = ", ".join("?" * len(ids))
    households = _rows(db, f"SELECT {_columns('household')} FROM households WHERE id IN ({marks})", ids)  # noqa: S608
    members = _rows(
        db,
        f"SELECT {_columns('member')} FROM members WHERE household_id IN ({marks}) ORDER BY household_id, id",  # noqa: S608
        ids,
    )
    of = {id_: list(group) for id_, group in groupby(members, key=lambda one: one["household_id"])}
    elsewhere = _numbers_elsewhere(db, members)
    exempt = _exempt(db, ids, now.date().isoformat())
    settings = settings_by_county(db)
    today = now.date().isoformat()
    lines: list[Line] = []
    for household in households:
        people = of.get(household["id"], [])
        for person in people:
            person[ELSEWHERE] = elsewhere.get(person["id_no"], "") if person["state"] in ("", "active") else ""
        checks = checks_of(household["area"][:6], settings, defaults)
        for found in checks.household(household, people, now=now):
            lines.append(_line(household, found, today, exempt))
    return lines


def _line(household: Mapping[str, str], found: Finding, today: str, exempt: set[tuple[str, str, str]]) -> Line:
    who = (household["id"], found.member, found.rule)
    severity = shipped().rules[found.rule].severity
    return ("|".join(who), household["area"], *who, severity, today, int(who in exempt))  # type: ignore[return-value]


def checks_of(county: str, settings: Mapping[str, Settings], defaults: Mapping[str, str]) -> Checks:
    """The checks as a county has them."""
    own = settings.get(county, Settings(frozenset(), {}))
    return _made(tuple(sorted({**defaults, **own.limits}.items())), own.off)


@lru_cache(maxsize=64)
def _made(limits: tuple[tuple[str, str], ...], off: frozenset[str]) -> Checks:
    return Checks(shipped(), limits=dict(limits), off=off)


@lru_cache(maxsize=2)
def _columns(kind: str) -> str:
    return ", ".join(f"[{name}]" for name in ("id", "area", *(field.name for field in FIELDS[kind])))


def _rows(db: sqlite3.Connection, sql: str, values: Sequence[str]) -> list[dict[str, str]]:
    cursor = db.execute(sql, values)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _numbers_elsewhere(db: sqlite3.Connection, members: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """ID numbers of these people that somebody of another household has as well, with where: village or county."""
    own = {member["id_no"]: member for member in members if member["id_no"] and member["state"] in ("", "active")}
    found: dict[str, str] = {}
    numbers = sorted(own)
    for at in range(0, len(numbers), 500):
        part = numbers[at : at + 500]
        marks = ", ".join("?" * len(part))
        sql = f"SELECT id_no, household_id, area FROM members WHERE id_no IN ({marks}) AND id_no <> '' AND state IN ('', 'active')"  # noqa: S608
        for number, household, area in db.execute(sql, part):
            if household != own[number]["household_id"]:
                near = area[:12] == own[number]["area"][:12]
                found[number] = "village" if near or found.get(number) == "village" else "county"
    return found


def _exempt(db: sqlite3.Connection, ids: Sequence[str], today: str) -> set[tuple[str, str, str]]:
    marks = ", ".join("?" * len(ids))
    sql = (
        f"SELECT household_id, member_id, rule FROM exemptions WHERE household_id IN ({marks}) AND state = ?"  # noqa: S608
        " AND (valid_until = '' OR valid_until >= ?)"
    )
    return set(db.execute(sql, (*ids, APPROVED, today)).fetchall())


def _keep(db: sqlite3.Connection, ids: Sequence[str], lines: Sequence[Line]) -> None:
    """Put what was found in the place of what was known; what is still true keeps the day it was first seen."""
    marks = ", ".join("?" * len(ids))
    known = dict(db.execute(f"SELECT key, since FROM findings WHERE household_id IN ({marks})", ids))  # noqa: S608
    db.execute(f"DELETE FROM findings WHERE household_id IN ({marks})", ids)  # noqa: S608
    db.executemany(
        "INSERT OR REPLACE INTO findings VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(*line[:6], known.get(line[0], line[6]), line[7]) for line in lines],
    )
    db.executemany("DELETE FROM check_due WHERE household_id = ?", [(id_,) for id_ in ids])


# --- lists ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FindingWish:
    """What a list of findings is to hold; '' asks for nothing. exempt: those too that are exempted."""

    area: str = ""
    rule: str = ""
    severity: str = ""
    exempt: bool = False


_COLUMNS = 'f.*, h.head_name, h."group", h.house_no, h.code, m.full_name'
_SOURCE = "findings f JOIN households h ON h.id = f.household_id LEFT JOIN members m ON m.id = f.member_id"
_ORDER = "CASE f.severity WHEN 'block' THEN 0 WHEN 'flag' THEN 1 ELSE 2 END, f.rule, f.area, h.place_key, f.key"


def find_findings(tables: ReadTables, scope: HasPrefixes, wish: FindingWish, page: int = 1) -> Found:
    return page_of(tables, _COLUMNS, _SOURCE, _asked_for(scope, wish), _ORDER, page)


def each_finding(tables: ReadTables, scope: HasPrefixes, wish: FindingWish) -> Iterator[Row]:
    where = _asked_for(scope, wish)
    yield from each(tables, f"SELECT {_COLUMNS} FROM {_SOURCE} WHERE {where.sql} ORDER BY {_ORDER}", where.values)  # noqa: S608


def findings_of(tables: ReadTables, scope: HasPrefixes, household_id: str) -> list[Row]:
    where = Conditions(scope, "f.")
    where.add("f.household_id = ?", household_id)
    return every(tables, f"SELECT {_COLUMNS} FROM {_SOURCE} WHERE {where.sql} ORDER BY {_ORDER}", where.values)  # noqa: S608


def finding(tables: ReadTables, scope: HasPrefixes, key: str) -> Row | None:
    where = Conditions(scope, "f.")
    where.add("f.key = ?", key)
    return one(tables, f"SELECT {_COLUMNS} FROM {_SOURCE} WHERE {where.sql}", where.values)  # noqa: S608


def by_rule(tables: ReadTables, scope: HasPrefixes, area: str = "") -> list[Row]:
    """How many each rule finds, exempted ones apart."""
    where = Conditions(scope)
    where.add_within(area)
    sql = f"SELECT rule, severity, sum(exempt = 0) AS open, sum(exempt) AS exempted, count(DISTINCT household_id) AS households FROM findings WHERE {where.sql} GROUP BY rule, severity"  # noqa: S608, E501
    return every(tables, sql, where.values)


def open_findings(tables: ReadTables, scope: HasPrefixes) -> int:
    where = Conditions(scope)
    where.add("exempt = 0")
    return count(tables, f"SELECT count(*) FROM findings WHERE {where.sql}", where.values)  # noqa: S608


def find_exemptions(tables: ReadTables, scope: HasPrefixes, state: str = "", area: str = "", page: int = 1) -> Found:
    """Those that wait for an answer first, then the ones that end soonest. area: as `Conditions.add_within` takes it."""
    where = _exemptions_asked(scope, state, area)
    return page_of(tables, _EXEMPTION, _EXEMPTIONS, where, "e.state <> 'requested', e.valid_until, e.id", page)


def each_exemption(tables: ReadTables, scope: HasPrefixes, state: str = "", area: str = "") -> Iterator[Row]:
    """All of them, village by village."""
    where = _exemptions_asked(scope, state, area)
    yield from each(tables, f"SELECT {_EXEMPTION} FROM {_EXEMPTIONS} WHERE {where.sql} ORDER BY e.area, e.id", where.values)  # noqa: S608


_EXEMPTIONS = "exemptions e LEFT JOIN households h ON h.id = e.household_id LEFT JOIN members m ON m.id = e.member_id"
_EXEMPTION = 'e.*, h.head_name, h."group", h.house_no, m.full_name'


def _exemptions_asked(scope: HasPrefixes, state: str, area: str) -> Conditions:
    where = Conditions(scope, "e.")
    where.add_if(state, "e.state = ?")
    where.add_within(area)
    return where


def exemption(tables: ReadTables, scope: HasPrefixes, id: str) -> Row | None:
    where = Conditions(scope)
    where.add("id = ?", id)
    return one(tables, f"SELECT * FROM exemptions WHERE {where.sql}", where.values)  # noqa: S608


def exemptions_of(tables: ReadTables, scope: HasPrefixes, household_id: str) -> list[Row]:
    where = Conditions(scope)
    where.add("household_id = ?", household_id)
    return every(tables, f"SELECT * FROM exemptions WHERE {where.sql}", where.values)  # noqa: S608


def waiting_exemptions(tables: ReadTables, scope: HasPrefixes) -> int:
    where = Conditions(scope)
    where.add("state = 'requested'")
    return count(tables, f"SELECT count(*) FROM exemptions WHERE {where.sql}", where.values)  # noqa: S608


def _asked_for(scope: HasPrefixes, wish: FindingWish) -> Conditions:
    where = Conditions(scope, "f.")
    where.add_within(wish.area)
    where.add_if(wish.rule, "f.rule = ?")
    where.add_if(wish.severity, "f.severity = ?")
    if not wish.exempt:
        where.add("f.exempt = 0")
    return where


def default_limits(amounts: Mapping[str, str], rules: RuleSet | None = None) -> dict[str, str]:
    """Amounts for the limits that rules.md leaves open, from the shared list of thresholds."""
    names = (rules or shipped()).limits
    return {name: amounts[name] for name, limit in names.items() if not limit.amount and name in amounts}
