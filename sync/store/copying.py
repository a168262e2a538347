"""A SQLite centre moved into PostgreSQL, row by row, and compared afterwards.

The log keeps its places, so cursors and receipts of phones and nodes stay
true, as long as only one of the two goes on serving: the folder is marked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import msgspec
import psycopg

from sync.problems import Problem
from sync.records import CENTRE
from sync.store.postgres import PostgresStore
from sync.store.postgres_schema import ASIDE, county_of
from sync.store.sqlite import SqliteStore

PART = 256 * 1024
ROWS = 5000
MOVED = "moved_to"

_TABLES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    # PostgreSQL columns, the SQLite query for them, their types
    "op": (
        "county, n, op_id, install_id, dseq, entity, id, submission, hash, body, received_at, status, code, rev, seq, variant",
        "SELECT ruhu_county(status, body), n, op_id, install_id, dseq, entity, id, submission, hash, body, received_at,"
        " status, code, rev, seq, variant = 1 FROM op ORDER BY n",
        ("text", "int8", "text", "text", "int8", "text", "text", "text", "text", "bytea", "text", "text", "text", "int8",
         "int8", "bool"),
    ),
    "record": (
        "county, kind, id, area, rev, seq, fields, since, deleted",
        "SELECT substr(area || '000000', 1, 6), kind, id, area, rev, seq, fields, since, deleted = 1 FROM record ORDER BY seq",
        ("text", "text", "text", "text", "int8", "int8", "jsonb", "jsonb", "bool"),
    ),
    "install": (
        "install_id, user_id, kind, name, token_hash, created_at, last_seen, revoked_at, made_dseq, told, lost_by, key",
        "SELECT install_id, user_id, kind, name, token_hash, created_at, last_seen, revoked_at, made_dseq, told, lost_by, key"
        " FROM install",
        ("text",) * 8 + ("int8", "text", "text", "text"),
    ),
    "log": ("install_id, acked, chain", "SELECT install_id, acked, chain FROM log", ("text", "int8", "text")),
    "log_head": (
        "install_id, dseq, chain, sig", "SELECT install_id, dseq, chain, sig FROM log_head", ("text", "int8", "text", "text"),
    ),
    "blob_named": (
        "sha256, kind, id, size", "SELECT sha256, kind, id, size FROM blob_named", ("text", "text", "text", "int8"),
    ),
    "delivered": (
        "install_id, prefixes, place, seen_at, until",
        "SELECT install_id, prefixes, place, seen_at, until FROM delivered",
        ("text", "text", "int8", "text", "int8"),
    ),
    "gone": ("kind, id, area, rev, seq", "SELECT kind, id, area, rev, seq FROM gone", ("text", "text", "text", "int8", "int8")),
    "raw_push": (
        "install_id, received_at, sha256, body",
        "SELECT install_id, received_at, sha256, body FROM raw_push ORDER BY id",
        ("text", "text", "text", "bytea"),
    ),
    "audit": (
        "n, what, at, op_n, about, dseq, hash, status, code, link",
        "SELECT n, what, at, op_n, about, dseq, hash, status, code, link FROM audit ORDER BY n",
        ("int8", "text", "text", "int8", "text", "int8", "bytea", "text", "text", "bytea"),
    ),
    "compared": (
        "install_id, at, result, mended", "SELECT install_id, at, result, mended FROM compared",
        ("text", "text", "text", "int8"),
    ),
    "mended": (
        "at, install_id, kind, id, why", "SELECT at, install_id, kind, id, why FROM mended ORDER BY n", ("text",) * 5,
    ),
    "enrolment": (
        "id, secret_hash, claim_hash, state, tries, body",
        "SELECT id, secret_hash, claim_hash, state, tries, body FROM enrolment",
        ("text", "text", "text", "text", "int8", "text"),
    ),
    "audit_head": (
        "server_id, day, epoch, n, link, public, sig",
        "SELECT server_id, day, epoch, n, link, public, sig FROM audit_head ORDER BY server_id, day, epoch",
        ("text", "text", "text", "int8", "text", "text", "text"),
    ),
}  # fmt: skip
_BOOLEANS = {"op": 15, "record": 8}
_JSON = {"record": (6, 7)}


def move_to_postgres(source: SqliteStore, target: PostgresStore, say: Callable[[str, int], None]) -> dict[str, int]:
    """Copy everything and compare; answers how many rows of each table were moved.

    say: told the table and the rows so far. The target must be new. Raises
    Problem not_a_centre, not_empty, or copy_differs; then the folder is unmarked and goes on serving.
    """
    if source.tier != CENTRE:
        raise Problem("not_a_centre")
    if target.latest_seq():
        raise Problem("not_empty")
    target.make_counties(_counties(source))
    counts: dict[str, int] = {}
    with target.transaction() as connection:
        connection.execute("DELETE FROM audit")  # only that the target was made
        for table in _TABLES:
            counts[table] = _copy(connection, table, _rows(source, table), partial(say, table))
        last_n, last_seq = source.ends()
        connection.execute(
            "UPDATE counter SET n = %s, seq = %s, audit_n = %s, audit_link = %s", (last_n, last_seq, *source.chain_end())
        )
        for key in ("server_id", "epoch"):
            connection.execute("UPDATE meta SET value = %s WHERE key = %s", (getattr(source, key), key))
        counts["blob"] = _copy_blobs(source, connection, say)
    target.know_itself()
    for table in ("op", "record", "log", "log_head"):
        say(f"= {table}", counts[table])
        with target.transaction() as connection:
            if _digest(table, _rows(source, table)) != _digest(table, _moved(connection, table)):
                raise Problem("copy_differs", where=table)
    source.mark(MOVED, "postgresql")
    return counts


def _counties(source: SqliteStore) -> set[str]:
    rows = source.rows("SELECT DISTINCT substr(area || '000000', 1, 6) FROM record")
    return {row[0] for row in rows} | {row[0] for row in _rows(source, "op")} | {ASIDE}


def _county_of_op(status: str, body: bytes) -> str:
    """As `postgres_intake` files it: by the area the op claims, unless it was set aside."""
    if status == "quarantined":
        return ASIDE
    try:
        claimed = msgspec.json.decode(body).get("area")
    except (msgspec.MsgspecError, AttributeError):
        claimed = None
    return county_of(claimed) if isinstance(claimed, str) else ASIDE


def _rows(source: SqliteStore, table: str) -> Iterator[tuple[Any, ...]]:
    boolean = _BOOLEANS.get(table)
    for row in source.rows(_TABLES[table][1], ruhu_county=_county_of_op):
        yield tuple(bool(value) if place == boolean else value for place, value in enumerate(row))


def _copy(
    connection: psycopg.Connection, table: str, rows: Iterable[tuple[Any, ...]], say: Callable[[int], None]
) -> int:
    columns, _, types = _TABLES[table]
    count = 0
    with connection.cursor().copy(f"COPY {table} ({columns}) FROM STDIN (FORMAT BINARY)".encode()) as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row([_as_json(value) if place in _JSON.get(table, ()) else value for place, value in enumerate(row)])
            count += 1
            if count % ROWS == 0:
                say(count)
    say(count)
    return count


def _as_json(text: str) -> Any:
    from psycopg.types.json import Jsonb

    return Jsonb(msgspec.json.decode(text))


def _copy_blobs(source: SqliteStore, connection: psycopg.Connection, say: Callable[[str, int], None]) -> int:
    count = 0
    for sha256, size, stored_at in source.rows("SELECT sha256, size, stored_at FROM blob"):
        digest = hashlib.sha256()
        with source.open_blob(sha256) as body:
            at = 0
            while part := body.read(PART):
                digest.update(part)
                connection.execute("INSERT INTO blob_part VALUES (%s, %s, %s)", (sha256, at, part))
                at += len(part)
        if digest.hexdigest() != sha256:
            raise Problem("copy_differs", where=f"blob {sha256}")
        connection.execute("INSERT INTO blob VALUES (%s, %s, %s)", (sha256, size, stored_at))
        count += 1
    say("blob", count)
    return count


def _moved(connection: psycopg.Connection, table: str) -> Iterator[tuple[Any, ...]]:
    order = {"op": "n", "record": "seq", "log": "install_id", "log_head": "install_id"}[table]
    columns = _TABLES[table][0].replace("fields, since", "fields::text, since::text")
    with connection.cursor(name="moved") as cursor:
        cursor.execute(f"SELECT {columns} FROM {table} ORDER BY {order}".encode())  # noqa: S608 - our own names
        yield from cursor


def _digest(table: str, rows: Iterable[tuple[Any, ...]]) -> str:
    """Of all rows in order; JSON by its meaning, since jsonb spells it its own way."""
    total = 0
    order = hashlib.sha256()
    for row in rows:
        plain = [
            msgspec.json.decode(value) if place in _JSON.get(table, ()) else value for place, value in enumerate(row)
        ]
        one = msgspec.json.encode(plain, order="sorted")
        if table in ("log", "log_head"):  # in no order of its own
            total ^= int.from_bytes(hashlib.sha256(one).digest(), "big")
        else:
            order.update(one + b"\n")
    return f"{order.hexdigest()} {total:x}"
