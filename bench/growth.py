"""Growth: what taking in a visit costs in a store of 10⁴, 10⁵, 10⁶ … ops, in time and in bytes written.

    python3 run.py bench growth [--ops 1000000] [--postgres] [--folder /a/disk/with/room]

A store is filled with visits of a county (new submissions and visits, changes
of 3,000 households), and at each power of ten 300 visits are taken in one a
commit and 50 a commit, a phone with no news asks for some, and the database is
measured. 10⁷ ops want an hour and 40 GB of disk; with --copies the last power
of ten is filled by nine copies made inside the database, under other ids.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from _phones import visit_form
from postgres import Postgres

from sync import service
from sync.author import Author
from sync.own import own_install
from sync.protocol import encode
from sync.records import DEVICE, Credential, Grant, Op
from sync.scope import scope_of
from sync.store.base import Store
from sync.store.postgres import PostgresStore
from sync.store.sqlite import SqliteStore

COUNTY, HOUSEHOLDS, VILLAGES, PROBES = "500156", 3_000, 200, 300


def village(number: int) -> str:
    return f"{COUNTY}1{number % VILLAGES // 20 + 1:02d}{200 + number % VILLAGES % 20 + 1}"


class Load:
    """Visits without end, by one author."""

    def __init__(self, author: Author) -> None:
        self.author = author
        self.form = visit_form()
        one = {"household_id": "h", "state": "active", "sex": "1", "birth_date": "1980-05-06"}
        people = [{"id": f"m{line}", "fields": {**one, "full_name": f"家人{line}", "line": f"{line}", "relation": f"0{line}"}}
                  for line in range(1, 5)]  # fmt: skip
        self.answers = self.form.answers({"id": "h", "fields": {"head_name": "家人1"}}, people)
        self.households: list[list[str]] = []
        self.visits = 0

    def register(self) -> Iterator[Op]:
        for number in range(HOUSEHOLDS):
            id, area = self.author.ids(), village(number)
            self.households.append([id, area, ""])
            yield self.author.create("household", id, area, {"head_name": f"户主{number}", "last_visit": ""})

    def visit(self) -> list[Op]:
        household = self.households[self.visits * 7919 % HOUSEHOLDS]
        id, area, before = household
        household[2] = day = f"2026-{self.visits % 12 + 1:02}-{self.visits // 12 % 28 + 1:02}"
        self.visits += 1
        submission = self.author.ids()
        sent: dict[str, Any] = {**self.form.named, "household_id": id, "answers": self.answers}
        visit = {"household_id": id, "submission_id": submission, "date": day, "outcome": "met"}
        return [
            self.author.create("submission", submission, area, sent, submission=submission),
            self.author.create("visit", self.author.ids(), area, visit, submission=submission),
            self.author.update("household", id, area, {"last_visit": (before, day)}, submission=submission),
        ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="run.py bench growth")
    parser.add_argument("--ops", type=int, default=1_000_000)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--copies", action="store_true", help="the last tenfold by copying (SQLite only)")
    options = parser.parse_args()
    database = Postgres() if options.postgres else None
    try:
        with tempfile.TemporaryDirectory(dir=options.folder) as name:
            store: Store = PostgresStore(database.database()) if database else SqliteStore(Path(name))
            try:
                load = grow(store, options.ops // (10 if options.copies else 1), database.data if database else Path(name))
                if options.copies:
                    store.close()
                    began = time.perf_counter()
                    ops = copied(Path(name) / "store.db")
                    store = SqliteStore(Path(name))
                    look(store, load, ops, Path(name), f"copied in {time.perf_counter() - began:.0f} s")
            finally:
                store.close()
    finally:
        if database:
            database.close()


def grow(store: Store, most: int, folder: Path) -> Load:
    load = Load(Author(own_install(store, "bench"), "", clock=lambda: datetime.now(UTC)))
    ops = store.load(load.register())
    target = 10_000
    while target <= most:
        began, first = time.perf_counter(), ops
        while ops < target:
            ops += store.load(op for _ in range(1500) for op in load.visit())
        filled = f"filled at {(ops - first) / (time.perf_counter() - began):.0f} ops/s" if ops > first else ""
        ops = look(store, load, ops, folder, filled)
        target *= 10
    return load


def look(store: Store, load: Load, ops: int, folder: Path, filled: str) -> int:
    """Probe and print; answers how many ops there are then."""
    one, many = probed(store, load, 1), probed(store, load, 50)
    ops += 2 * PROBES * 3
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(
        f"  {ops:>9} ops: a visit alone {_cost(one)}, in batches {_cost(many)}; "
        f"no news {no_news(store) * 1e6:5.0f} µs; {size / 1e9:.2f} GB  {filled}",
        flush=True,
    )
    return ops


def copied(path: Path) -> int:
    """Every op, record, place and link of the chain nine times more, with ids before the others; answers the ops there are."""
    ids = {"op": ("op_id", "id", "submission"), "record": ("id",), "change": ("id",), "audit": ()}
    places = {"op": ("n", "seq"), "record": ("n", "seq"), "change": ("seq", "op_n"), "audit": ("n", "op_n")}
    with sqlite3.connect(path) as db:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -2000000"):
            db.execute(f"PRAGMA {pragma}")
        ends = {table: db.execute(f"SELECT max({'n' if table != 'change' else 'seq'}) FROM {table}").fetchone()[0] for table in ids}  # noqa: S608
        shift = {name: max(ends.values()) for name in ("n", "seq", "op_n")}
        for copy in range(1, 10):
            for table in ids:
                columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
                taken = [
                    f"'00{copy}' || substr({name}, 4)" if name in ids[table]
                    else f"{name} + {shift[name] * copy}" if name in places[table]
                    else "'copy'" if (table, name) == ("op", "install_id") else name
                    for name in columns
                ]  # fmt: skip
                key = "seq" if table == "change" else "n"
                db.execute(
                    f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(taken)} FROM {table} WHERE {key} <= ?",  # noqa: S608
                    (shift[key],),
                )
        return int(db.execute("SELECT count(*) FROM op").fetchone()[0])


def _cost(probe: tuple[float, float, float]) -> str:
    seconds, cpu, written = probe
    return f"{seconds * 1e6:6.0f} µs (CPU {cpu * 1e6:5.0f}, {written / 1000:.0f} KB written)"


def probed(store: Store, load: Load, at_once: int) -> tuple[float, float, float]:
    """(seconds, seconds of processor and bytes written by this process) a visit, durable, pushed by a phone of its own."""
    given = store.add_install("", kind=DEVICE, name="")
    author = Author(given.install_id, "", clock=lambda: datetime.now(UTC))
    # Whose rights these are does not matter here: no person is looked up.
    credential = Credential(install_id=given.install_id, user_id="", kind=DEVICE, grants=(Grant("cadre", COUNTY),))
    loaded, load.author = load.author, author
    bodies = [encode({"ops": [op for _ in range(at_once) for op in load.visit()]}) for _ in range(PROBES // at_once)]
    load.author = loaded
    written, began, cpu = _written(), time.perf_counter(), time.process_time()
    for body in bodies:
        results = service.push(store, credential, body, now=datetime.now(UTC))["results"]
        if any(result["status"] != "applied" for result in results):
            raise RuntimeError(f"not applied: {results[0]}")
    spent = time.perf_counter() - began, time.process_time() - cpu, float(_written() - written)
    return (spent[0] / PROBES, spent[1] / PROBES, spent[2] / PROBES)


def no_news(store: Store) -> float:
    """Seconds for a phone's look at whether there is anything new."""
    scope = scope_of(Credential(install_id="", user_id="", kind=DEVICE, grants=(Grant("cadre", village(3)),)))
    page = store.pull(scope, None, 2000)
    while page.more:
        page = store.pull(scope, page.cursor, 2000)
    began = time.perf_counter()
    for _ in range(20):
        store.pull(scope, page.cursor, 500)
    return (time.perf_counter() - began) / 20


def _written() -> int:
    lines = Path("/proc/self/io").read_text().splitlines() if os.path.exists("/proc/self/io") else []
    return next((int(line.split()[1]) for line in lines if line.startswith("write_bytes")), 0)


if __name__ == "__main__":
    main()
