"""Which database a place means: the only module that knows both."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sync.store.base import Store

POSTGRES = ("postgresql://", "postgres://")


def is_database(url: str) -> bool:
    """Whether an upstream is a PostgreSQL database, which makes this node a web host of the centre."""
    return url.startswith(POSTGRES)


def open_store(folder: Path, database: str = "", *, clock: Callable[[], datetime] | None = None) -> Store:
    """The store in the folder, or in the database when one is named. Raises Problem."""
    if is_database(database):
        from sync.store.postgres import PostgresStore  # not loaded on a village box

        return PostgresStore(database, clock=clock)
    from sync.store.sqlite import SqliteStore

    return SqliteStore(folder, clock=clock)
