"""The audit chain in PostgreSQL: bound under the counter's lock, so that hosts cannot fork it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg

from sync.audit import EPOCH, ERASE, OP, STATUS, Chain, Entry, Fault, Later, OpRow, after, bound, faults

_CHUNK = 5000
KEEP_HEAD = (
    "INSERT INTO audit_head VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (server_id, day, epoch)"
    " DO UPDATE SET n = excluded.n, link = excluded.link, public = excluded.public, sig = excluded.sig"
)
# Entries and the counter go in one round trip: every host waits for this lock.
_BIND = (
    "WITH bound AS (INSERT INTO audit SELECT * FROM unnest(%b::int8[], %b::text[], %b::text[], %b::int8[], %b::text[],"
    " %b::int8[], %b::bytea[], %b::text[], %b::text[], %b::bytea[])) UPDATE counter SET audit_n = %s, audit_link = %s"
)


def bind(connection: psycopg.Connection, chain: Chain, entries: list[Entry]) -> Chain:
    """Write entries down behind the chain; answers where it stands then. The caller holds the counter's lock."""
    if not entries:
        return chain
    end = after(chain, entries)
    rows = [(*entry[:6], bytes.fromhex(entry.hash), *entry[7:]) for entry in entries]
    connection.execute(_BIND, (*(list(column) for column in zip(*rows, strict=True)), *end), prepare=True)
    return end


def locked_chain(connection: psycopg.Connection) -> Chain:
    """Where the chain stands; nobody else binds until this transaction ends."""
    n, link = connection.execute("SELECT audit_n, audit_link FROM counter FOR UPDATE").fetchone() or (0, b"")
    return Chain(n, bytes(link))


def note(connection: psycopg.Connection, what: str, at: str, **said: Any) -> None:
    """One more entry in this transaction."""
    chain = locked_chain(connection)
    bind(connection, chain, [bound(chain, what, at, **said)])


def begin(connection: psycopg.Connection, server_id: str, epoch: str, now: str) -> None:
    """Ops from before there was a chain get their entries; a new or restored database says so in one."""
    chain = locked_chain(connection)
    said = connection.execute("SELECT about FROM audit WHERE what = %s ORDER BY n DESC LIMIT 1", (EPOCH,)).fetchone()
    if said is not None and said[0] == epoch:
        return
    if said is None:
        _take_in_older(connection, chain)
    note(connection, EPOCH, now, about=epoch, code=server_id)


def _take_in_older(connection: psycopg.Connection, chain: Chain) -> None:
    with connection.cursor(name="older") as rows:
        rows.execute("SELECT n, install_id, dseq, hash, status, code, received_at FROM op ORDER BY n")
        while some := rows.fetchmany(_CHUNK):
            entries: list[Entry] = []
            for n, install, dseq, hash_, status, code, at in some:
                entries.append(bound(after(chain, entries), OP, at, op_n=n, about=install, dseq=dseq, hash=hash_,
                                     status=status, code=code))  # fmt: skip
            chain = bind(connection, chain, entries)


def found_faults(connection: psycopg.Connection) -> Iterator[Fault]:
    """Of one moment of the database, while it may go on being written."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        end = connection.execute("SELECT audit_n, audit_link FROM counter").fetchone() or (0, b"")
        yield from faults(_entries(connection), _ops(connection), _later(connection), Chain(end[0], bytes(end[1])))


def _entries(connection: psycopg.Connection) -> Iterator[Entry]:
    with connection.cursor(name="entries") as cursor:
        cursor.itersize = _CHUNK
        cursor.execute("SELECT n, what, at, op_n, about, dseq, hash, status, code, link FROM audit ORDER BY n")
        for row in cursor:
            yield Entry._make((*row[:6], bytes(row[6]).hex(), row[7], row[8], bytes(row[9])))


def _ops(connection: psycopg.Connection) -> Iterator[OpRow]:
    with connection.cursor(name="ops") as cursor:
        cursor.itersize = _CHUNK
        cursor.execute("SELECT n, install_id, dseq, hash, status, code, received_at, body FROM op ORDER BY n")
        for row in cursor:
            yield OpRow._make((*row[:7], bytes(row[7])))


def _later(connection: psycopg.Connection) -> Later:
    ask = connection.execute
    said = ask("SELECT op_n, status, code FROM audit WHERE what = %s ORDER BY n", (STATUS,)).fetchall()
    erased = ask("SELECT op_n FROM audit WHERE what = %s", (ERASE,)).fetchall()
    return Later({n: (status, code) for n, status, code in said}, frozenset(row[0] for row in erased))
