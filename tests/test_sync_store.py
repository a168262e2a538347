"""Every store keeps the one contract: SQLite, and PostgreSQL in a real server of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sync.store.base import Store
from sync.store.postgres import PostgresStore
from sync.store.sqlite import SqliteStore
from tests.postgres import Postgres
from tests.store_contract import StoreContract, clock


class TestSqlite(StoreContract):
    @pytest.fixture
    def new_store(self, tmp_path: Path) -> Callable[[], Store]:
        return lambda: SqliteStore(tmp_path / "data", clock=clock)


class TestPostgres(StoreContract):
    @pytest.fixture
    def new_store(self, postgres: Postgres) -> Callable[[], Store]:
        url = postgres.database()
        return lambda: PostgresStore(url, clock=clock)
