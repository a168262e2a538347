"""What keeps a SQLite store clear of the WAL-reset fault (docs/decisions/0007-sqlite.md)."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from store_contract import clock

from sync import service
from sync.author import Author
from sync.problems import Problem
from sync.protocol import encode
from sync.records import Credential, Grant
from sync.scope import scope_of
from sync.store import sqlite_file
from sync.store.scope_sql import scope_sql
from sync.store.sqlite import SqliteStore
from sync.store.sqlite_file import SqliteFile
from sync.store.sqlite_taking import PULL


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
            assert any("INTEGER PRIMARY KEY (rowid=?)" in step for step in steps), steps
            assert not any("TEMP B-TREE" in step and "ORDER BY" in step for step in steps[:-1]), steps
    finally:
        store.close()


def _filled(question: str, values: tuple[Any, ...]) -> str:
    for value in values:
        question = question.replace("?", repr(value), 1)
    return question


def test_taking_ops_in_scans_no_table(tmp_path: Path) -> None:
    """What is asked with every push must cost the same in a store of ten and of ten million ops."""
    store = SqliteStore(tmp_path / "data")
    asked: set[str] = set()
    try:
        own = Author(store.add_install("", kind="node", name="own").install_id, "", clock=clock)
        store.load([own.create("household", "h", "500156103203", {"a": "1"})])
        given = store.add_install("u", kind="device", name="")
        phone = Author(given.install_id, "u", clock=clock)
        ops = [phone.create("submission", "s", "500156103203", {"answers": {}}),
               phone.update("household", "h", "500156103203", {"a": ("1", "2")}),
               phone.update("household", "later", "500156103203", {"a": ("1", "2")})]  # fmt: skip
        credential = Credential(install_id=given.install_id, user_id="u", kind="device",
                                grants=(Grant("cadre", "500156103203"),))  # fmt: skip
        with store._writing() as write:
            write.set_trace_callback(asked.add)
        service.push(store, credential, encode({"ops": ops}), now=clock())
        with store._writing() as write:
            write.set_trace_callback(None)
            questions = [one for one in asked if one.lstrip().upper().startswith(("SELECT", "UPDATE", "DELETE"))]
            plans = {one: [row[3] for row in write.execute("EXPLAIN QUERY PLAN " + one)] for one in questions}
    finally:
        store.close()
    assert any("FROM op WHERE" in one for one in questions)
    grown = tuple(f"SCAN {name}" for name in ("op", "record", "change", "audit", "raw_push", "blob_named", "log", "install"))
    # The last row of a table is found from its end.
    asked_often = {one: plan for one, plan in plans.items() if "ORDER BY n DESC LIMIT 1" not in one}
    scans = {one: plan for one, plan in asked_often.items() for step in plan if step.startswith(grown) and "INDEX" not in step}
    assert not scans


CLOSED_UNDER_A_READER = """
import sys, threading
from pathlib import Path
from sync.store.sqlite import SqliteStore

store = SqliteStore(Path(sys.argv[1]))
asking, told = threading.Event(), []

def slow(n):
    asking.set()
    return n

def ask():
    store._file.reader().create_function("slow", 1, slow)
    count = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT slow(n) + 1 FROM c WHERE n < 300000) SELECT n FROM c"
    told.append(len(store._all(count)))

thread = threading.Thread(target=ask)
thread.start()
asking.wait()
store.close()
thread.join()
print(told)
"""


def test_a_store_is_not_closed_under_who_still_asks(tmp_path: Path) -> None:
    """SQLite would go on in memory that was given back, and the process die of it: one of its own, to see that."""
    command = [sys.executable, "-c", CLOSED_UNDER_A_READER, str(tmp_path / "data")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=Path(__file__).parents[1], check=False)
    assert (ended.returncode, ended.stdout) == (0, "[300000]\n"), ended.stderr
