"""Many rows in one statement of SQLite.

A statement a row gives the interpreter's lock away for each, and has to wait
for it again behind threads that read other bodies; one statement for dozens of
rows does so once, and costs SQLite a fifth less.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

AT_ONCE = (60, 15, 3, 1)
"""Rows a statement: few different statements, so that each is prepared once. A visit is three ops."""


def insert(write: sqlite3.Connection, into: str, rows: Sequence[Sequence[Any]], behind: str = "") -> None:
    """Insert rows; into: the table with its columns, behind: what follows the values (ON CONFLICT …).

    A broken constraint ends the whole transaction: so SQLite keeps no journal to take back a statement by itself.
    """
    at = 0
    for most in AT_ONCE:
        while len(rows) - at >= most:
            some = rows[at : at + most]
            write.execute(_statement(into, len(some[0]), most, behind), tuple(chain.from_iterable(some)))
            at += most


@lru_cache(maxsize=256)
def _statement(into: str, columns: int, rows: int, behind: str) -> str:
    marks = f"({', '.join('?' * columns)})"
    return f"INSERT OR ROLLBACK INTO {into} VALUES {', '.join([marks] * rows)}{behind}"  # noqa: S608 - names of ours
