"""The audit chain in SQLite: written by the one writer, read again by whoever doubts it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

from sync.audit import EPOCH, ERASE, OP, STATUS, Chain, Entry, Fault, Head, Later, OpRow, after, bound, faults
from sync.store.sqlite_file import SqliteFile
from sync.store.sqlite_rows import insert

_COLUMNS = "n, what, at, op_n, about, dseq, hash, status, code, link"
_CHUNK = 5000


def bind(write: sqlite3.Connection, chain: Chain, entries: list[Entry]) -> Chain:
    """Write entries down behind the chain; answers where it stands then."""
    insert(write, f"audit ({_COLUMNS})", [(*entry[:6], bytes.fromhex(entry.hash), *entry[7:]) for entry in entries])
    return after(chain, entries)


def chain_of(connection: sqlite3.Connection) -> Chain:
    """Where the chain stands for this connection."""
    last = connection.execute("SELECT n, link FROM audit ORDER BY n DESC LIMIT 1").fetchone()
    return Chain(last[0], bytes(last[1])) if last else Chain()


def note(write: sqlite3.Connection, what: str, at: str, **said: Any) -> None:
    """One more entry in the writer's transaction."""
    chain = chain_of(write)
    bind(write, chain, [bound(chain, what, at, **said)])


def begin(file: SqliteFile, server_id: str, epoch: str, now: str) -> None:
    """Ops from before there was a chain get their entries; a new or restored database says so in one."""
    said = file.one("SELECT about FROM audit WHERE what = ? ORDER BY n DESC LIMIT 1", EPOCH)
    if said is None or said[0] != epoch:
        with file.writing() as write:
            if said is None:
                _take_in_older(write)
            note(write, EPOCH, now, about=epoch, code=server_id)


def _take_in_older(write: sqlite3.Connection) -> None:
    chain = Chain()
    rows = write.execute("SELECT n, install_id, dseq, hash, status, code, received_at FROM op ORDER BY n")
    while some := rows.fetchmany(_CHUNK):
        entries: list[Entry] = []
        for n, install, dseq, hash_, status, code, at in some:
            entries.append(bound(after(chain, entries), OP, at, op_n=n, about=install, dseq=dseq, hash=hash_,
                                 status=status, code=code))  # fmt: skip
        chain = bind(write, chain, entries)


def found_faults(connection: sqlite3.Connection) -> Iterator[Fault]:
    """Of one moment of the database, while it may go on being written."""
    ask = connection.execute
    ask("BEGIN")
    try:
        end = ask("SELECT coalesce(max(n), 0) FROM audit_head WHERE epoch = (SELECT value FROM meta WHERE key = 'epoch')"
                  " AND server_id = (SELECT value FROM meta WHERE key = 'server_id')").fetchone()[0]  # fmt: skip
        yield from faults(_entries(ask), _ops(ask), _later(ask), Chain(end))
    finally:
        ask("COMMIT")


def _entries(ask: Callable[..., sqlite3.Cursor]) -> Iterator[Entry]:
    for row in ask(f"SELECT {_COLUMNS} FROM audit ORDER BY n"):  # noqa: S608
        yield Entry._make((*row[:6], bytes(row[6]).hex(), row[7], row[8], bytes(row[9])))


def _ops(ask: Callable[..., sqlite3.Cursor]) -> Iterator[OpRow]:
    for row in ask("SELECT n, install_id, dseq, hash, status, code, received_at, body FROM op ORDER BY n"):
        yield OpRow(*row)


def _later(ask: Callable[..., sqlite3.Cursor]) -> Later:
    said = ask("SELECT op_n, status, code FROM audit WHERE what = ? ORDER BY n", (STATUS,))
    statuses = {n: (status, code) for n, status, code in said}
    erased = ask("SELECT op_n FROM audit WHERE what = ?", (ERASE,))
    return Later(statuses, frozenset(row[0] for row in erased))


def keep_head(file: SqliteFile, head: Head) -> None:
    with file.writing() as write:
        write.execute("INSERT OR REPLACE INTO audit_head VALUES (?, ?, ?, ?, ?, ?, ?)", head)


def heads_of(file: SqliteFile, server_id: str) -> list[Head]:
    rows = file.all(
        "SELECT server_id, day, epoch, n, link, public, sig FROM audit_head WHERE server_id = ? ORDER BY day, n", server_id
    )
    return [Head(*row) for row in rows]
