"""Many rows in one statement: all of them, or none of the transaction."""

from __future__ import annotations

import sqlite3

import pytest

from sync.store.sqlite_rows import AT_ONCE, insert


@pytest.fixture
def write() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT NOT NULL)")
    return connection


@pytest.mark.parametrize("count", [0, 1, 2, 3, 14, 50, AT_ONCE[0], AT_ONCE[0] * 2 + 17])
def test_every_row_is_there_in_its_order(write: sqlite3.Connection, count: int) -> None:
    rows = [(n, f"x{n}") for n in range(count)]
    insert(write, "t (a, b)", rows)
    assert write.execute("SELECT a, b FROM t ORDER BY a").fetchall() == rows


def test_a_broken_constraint_leaves_nothing_of_the_transaction(write: sqlite3.Connection) -> None:
    write.execute("BEGIN IMMEDIATE")
    insert(write, "t (a, b)", [(1, "one"), (2, "two")])
    with pytest.raises(sqlite3.IntegrityError):
        insert(write, "t (a, b)", [(3, "three"), (1, "again"), (4, "four")])
    assert not write.in_transaction
    assert write.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_what_is_there_may_be_put_anew(write: sqlite3.Connection) -> None:
    insert(write, "t (a, b)", [(1, "one")])
    insert(write, "t (a, b)", [(1, "other"), (2, "two")], " ON CONFLICT (a) DO UPDATE SET b = excluded.b")
    assert write.execute("SELECT * FROM t ORDER BY a").fetchall() == [(1, "other"), (2, "two")]
