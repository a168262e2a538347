"""Every store keeps the one contract: SQLite, and PostgreSQL in a real server of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sync.store.base import Store
from sync.store.postgres import PostgresStore
from sync.store.sqlite import SqliteStore
from tests.postgres import NoPostgres, Postgres
from tests.store_contract import StoreContract, clock


class TestSqlite(StoreContract):
    @pytest.fixture
    def new_store(self, tmp_path: Path) -> Callable[[], Store]:
        return lambda: SqliteStore(tmp_path / "data", clock=clock)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    try:
        server = Postgres()
    except NoPostgres as missing:
        pytest.skip(f"no PostgreSQL here: {missing}")
    yield server
    server.close()


class TestPostgres(StoreContract):
    @pytest.fixture
    def new_store(self, postgres: Postgres) -> Callable[[], Store]:
        url = postgres.database()
        return lambda: PostgresStore(url, clock=clock)
