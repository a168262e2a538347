"""Which database a place means: the only module that knows both."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from sync.audit import Fault
from sync.problems import Problem
from sync.store.base import Store

Ask = Callable[..., list[Any]]
"""Asks a database a question with ? for its values; answers the rows."""

POSTGRES = ("postgresql://", "postgres://")


def is_database(url: str) -> bool:
    """Whether an upstream is a PostgreSQL database, which makes this node a web host of the centre."""
    return url.startswith(POSTGRES)


@contextlib.contextmanager
def audit_of(folder: Path, database: str = "") -> Iterator[tuple[str, Ask, Iterator[Fault]]]:
    """(server_id, questions to its tables, faults of its chain), also while it serves. Raises Problem not_found."""
    if is_database(database):
        import psycopg

        from sync.store import postgres_audit
        from sync.store.postgres_asking import SCHEMA

        with psycopg.connect(database, autocommit=True, options=f"-c search_path={SCHEMA}") as there:
            ask: Ask = lambda question, *values: there.execute(question.replace("?", "%s").encode(), values).fetchall()  # noqa: E731
            yield _server_id(ask), ask, postgres_audit.found_faults(there)
        return
    from sync.store import sqlite_audit
    from sync.store.sqlite_file import NAME, open_reader

    if not (folder / NAME).exists():
        raise Problem("not_found", where=str(folder / NAME))
    with contextlib.closing(open_reader(folder / NAME)) as here:
        ask = lambda question, *values: here.execute(question, values).fetchall()  # noqa: E731
        yield _server_id(ask), ask, sqlite_audit.found_faults(here)


def _server_id(ask: Ask) -> str:
    return str(ask("SELECT value FROM meta WHERE key = 'server_id'")[0][0])


def open_store(folder: Path, database: str = "", *, clock: Callable[[], datetime] | None = None) -> Store:
    """The store in the folder, or in the database when one is named. Raises Problem."""
    if is_database(database):
        from sync.store.postgres import PostgresStore  # not loaded on a village box

        return PostgresStore(database, clock=clock, beside=folder)
    from sync.store.sqlite import SqliteStore

    return SqliteStore(folder, clock=clock)
