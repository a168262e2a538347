"""Asking PostgreSQL and writing to it: connections, what a refusal means, who this store is."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import Any, LiteralString, NoReturn

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from sync.problems import Problem
from sync.records import CENTRE
from sync.store.postgres_schema import ASIDE, counties, make_county, migrate

SCHEMA = "ruhu"
_SAFE = {"fsync": ("on",), "full_page_writes": ("on",), "synchronous_commit": ("on", "remote_apply", "remote_write")}


class PostgresAsking:
    """The connections of this process, and what every part of the store asks and writes with.

    connections: at most that many at once from this process. Raises Problem when the database cannot be used safely.
    """

    def __init__(self, url: str, connections: int) -> None:
        try:
            with psycopg.connect(url, autocommit=True, connect_timeout=10) as first:
                first.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}".encode())
                first.execute(f"SET search_path TO {SCHEMA}".encode())
                refuse_unsafe(first)
                migrate(first)
                self._counties = counties(first)
                for county in {ASIDE} - self._counties:
                    make_county(first, county)
                settings = f"-c search_path={SCHEMA}{_quicker(first)}"
        except psycopg.OperationalError as error:
            raise Problem("database_silent") from error
        self._counties.add(ASIDE)
        self._pool = ConnectionPool(
            url, min_size=1, max_size=connections, timeout=20, open=True,
            kwargs={"autocommit": True, "options": settings},
        )  # fmt: skip
        self._server_id = self._meta_or("server_id", lambda: str(uuid.uuid4()))
        self._epoch = self._meta_or("epoch", lambda: str(uuid.uuid4()))

    @property
    def server_id(self) -> str:
        return self._server_id

    @property
    def epoch(self) -> str:
        return self._epoch

    @property
    def tier(self) -> str:
        return CENTRE

    def agree(self, name: str, proposal: str) -> str:
        return self._meta_or(f"agreed.{name}", lambda: proposal)

    def agreed(self, name: str) -> str | None:
        found = self._one("SELECT value FROM meta WHERE key = %s", f"agreed.{name}")
        return str(found[0]) if found else None

    def agree_anew(self, name: str, value: str) -> None:
        self._do(
            "INSERT INTO meta VALUES (%s, %s) ON CONFLICT (key) DO UPDATE SET value = excluded.value", f"agreed.{name}", value
        )

    def _all(self, question: LiteralString | bytes, *values: Any) -> list[Any]:
        """Asked a second time when the connection had died meanwhile: the database was restarted."""
        for again in (True, False):
            try:
                with self._pool.connection() as connection:
                    return connection.execute(question, values).fetchall()
            except psycopg.OperationalError as error:
                if not again:
                    refuse(error)
                self._pool.check()
            except PoolTimeout as error:
                refuse(error)
        raise AssertionError

    def _one(self, question: LiteralString | bytes, *values: Any) -> Any:
        rows = self._all(question, *values)
        return rows[0] if rows else None

    def _do(self, statement: LiteralString, *values: Any) -> None:
        try:
            with self._pool.connection() as connection:
                connection.execute(statement, values)
        except (psycopg.OperationalError, PoolTimeout) as error:
            refuse(error)

    def _meta_or(self, key: str, make: Callable[[], str]) -> str:
        self._do("INSERT INTO meta VALUES (%s, %s) ON CONFLICT DO NOTHING", key, make())
        return str(self._one("SELECT value FROM meta WHERE key = %s", key)[0])

    @contextlib.contextmanager
    def transaction(self) -> Iterator[psycopg.Connection]:
        """A transaction on the tables themselves, for copies."""
        with self._pool.connection() as connection, connection.transaction():
            yield connection

    def make_counties(self, wanted: Iterable[str]) -> None:
        for county in set(wanted) - self._counties:
            with self._pool.connection() as connection:
                make_county(connection, county)
            self._counties.add(county)


def refuse_unsafe(connection: psycopg.Connection) -> None:
    """Raises Problem unsafe_database when an answered commit could be lost with the power."""
    for name, safe in _SAFE.items():
        found = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
        if found is None or found[0] not in safe:
            raise Problem("unsafe_database", where=f"{name} = {found[0] if found else '?'}")


def _quicker(connection: psycopg.Connection) -> str:
    """Packing wide rows by lz4, where this database has it: pglz was an eighth of all that a push costs it."""
    found = connection.execute(
        "SELECT 'lz4' = ANY(enumvals) FROM pg_settings WHERE name = 'default_toast_compression'"
    ).fetchone()
    return " -c default_toast_compression=lz4" if found and found[0] else ""


def refuse(error: Exception) -> NoReturn:
    if isinstance(error, psycopg.errors.DiskFull):
        raise Problem("disk_full") from error
    if isinstance(error, PoolTimeout):
        raise Problem("busy") from error
    raise Problem("store_failed") from error
