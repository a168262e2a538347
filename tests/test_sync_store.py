"""Every store keeps the one contract: SQLite, and PostgreSQL in a real server of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from sync.store.base import Store
from sync.store.postgres import PostgresStore
from sync.store.sqlite import SqliteStore
from tests.postgres import Postgres
from tests.store_contract import StoreContract, clock
from tests.tray_contract import TrayContract


class TestSqlite(StoreContract, TrayContract):
    @pytest.fixture
    def new_store(self, tmp_path: Path) -> Callable[[], Store]:
        return lambda: SqliteStore(tmp_path / "data", clock=clock)

    @pytest.fixture
    def kept_bytes(self, tmp_path: Path) -> Callable[[], bytes]:
        """Every byte of the data folder, free pages and the write-ahead log included."""
        return lambda: b"".join(path.read_bytes() for path in sorted((tmp_path / "data").rglob("*")) if path.is_file())


class TestPostgres(StoreContract, TrayContract):
    @pytest.fixture
    def url(self, postgres: Postgres) -> str:
        return postgres.database()

    @pytest.fixture
    def new_store(self, url: str) -> Callable[[], Store]:
        return lambda: PostgresStore(url, clock=clock)

    @pytest.fixture
    def kept_bytes(self, url: str) -> Callable[[], bytes]:
        """Everything the tables hold; dead rows go with the next VACUUM (docs/database.md)."""

        def read() -> bytes:
            tables = ("op", "record", "raw_push", "blob_part", "blob_named", "meta", "gone", "delivered")
            with psycopg.connect(url, options="-c search_path=ruhu") as connection:
                rows = [connection.execute(f"SELECT * FROM {table}".encode()).fetchall() for table in tables]  # noqa: S608
            return "".join(
                value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
                for table in rows for row in table for value in row
            ).encode()  # fmt: skip

        return read
