"""What keeps a SQLite store clear of the WAL-reset fault (docs/decisions/0007-sqlite.md)."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from sync.problems import Problem
from sync.records import Credential, Grant
from sync.scope import scope_of
from sync.store import sqlite_file
from sync.store.scope_sql import scope_sql
from sync.store.sqlite import PULL, SqliteStore
from sync.store.sqlite_file import SqliteFile


def test_readers_can_neither_write_nor_checkpoint(tmp_path: Path) -> None:
    file = SqliteFile(tmp_path)
    found: list[Any] = []

    def look() -> None:
        reader = file.reader()
        found.append(reader.execute("PRAGMA query_only").fetchone()[0])
        found.append(reader.execute("PRAGMA wal_autocheckpoint").fetchone()[0])
        with pytest.raises(sqlite3.OperationalError):
            reader.execute("DELETE FROM meta")

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [1, 0]
    file.close()


def test_there_is_one_writer_and_it_flushes_every_commit(tmp_path: Path) -> None:
    file = SqliteFile(tmp_path)
    with file.writing() as one:
        assert one.execute("PRAGMA synchronous").fetchone()[0] == sqlite_file.FULL
        assert one.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    with file.writing() as again:
        assert again is one
    with pytest.raises(Problem) as second:
        SqliteFile(tmp_path)
    assert second.value.code == "folder_in_use"
    file.close()


def test_a_disk_without_write_ahead_log_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class NoWal(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            return super().execute(sql.replace("journal_mode=WAL", "journal_mode=DELETE"), *values)

    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: real(*a, **{**k, "factory": NoWal}))
    with pytest.raises(Problem) as refused:
        SqliteFile(tmp_path)
    assert refused.value.code == "unsafe_file"


def test_a_pull_reads_an_index_and_sorts_nothing(tmp_path: Path) -> None:
    """Otherwise every look for news would read the whole register of a county."""
    store = SqliteStore(tmp_path / "data")
    try:
        for scope in (scope_of(Credential(install_id="i", user_id="u", kind=kind, grants=(Grant("cadre", "500156103203"),)))
                      for kind in ("device", "node")):  # fmt: skip
            where, values = scope_sql(scope)
            steps = [row[3] for row in store.rows("EXPLAIN QUERY PLAN " + _filled(PULL.format(where=where), (0, *values, 500)))]
            assert any("COVERING INDEX record_by_seq (seq>?" in step for step in steps), steps
            assert any("PRIMARY KEY (kind=? AND id=?)" in step for step in steps), steps
            assert not any("TEMP B-TREE" in step and "ORDER BY" in step for step in steps[:-1]), steps
    finally:
        store.close()


def _filled(question: str, values: tuple[Any, ...]) -> str:
    for value in values:
        question = question.replace("?", repr(value), 1)
    return question
