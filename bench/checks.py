"""Checks: how long all of them take over a whole register, and over one household that changed.

    python3 run.py bench checks [--households 100000]

A demo county of a tenth is made and copied ten times inside the read tables
(other ids, other counties, other numbers that are valid where the first was),
since making a whole one takes longer than all the rest. Then every household
is looked at, as after a change of the rules; the database and the processes
are those of a node. What one process alone takes stands beside it.
"""

from __future__ import annotations

import argparse
import resource
import sqlite3
import tempfile
import time
from datetime import datetime
from pathlib import Path

from browser.servers import make_demo

from app.checks import amounts
from app.tables import checks
from app.tables.checks import check_some, due, look_at
from app.tables.follow import Tables
from forms.rules.facts import check_character, number_of
from sync.store.sqlite import SqliteStore

COPIES = 10
PROGRESS_EVERY = 20_000


def other_number(number: str, copy: int) -> str:
    """Somebody else's ID number, with the same thing wrong with it if something is."""
    tidy = number_of({"id_no": number})
    if len(tidy) < 18 or not tidy[:17].isdigit():
        return number
    other = f"5{copy:05d}{tidy[6:17]}"
    right = check_character(tidy[:17]) == tidy[17]
    return other + (check_character(other) if right else "X" if check_character(other) != "X" else "0") + tidy[18:]


def multiply(db: sqlite3.Connection, copies: int) -> None:
    """The register so many times over, everybody due."""
    db.create_function("other_number", 2, other_number)
    for table, own in (("households", {"id"}), ("members", {"id", "household_id"})):
        columns = [row[1] for row in db.execute(f"PRAGMA table_info([{table}])") if row[1] != "n"]
        made = {name: f"[{name}]" for name in columns} | {name: f"[{name}] || ?2" for name in own}
        made |= {"area": "'50' || substr('000' || ?1, -4) || substr(area, 7)"}
        if table == "members":
            made["id_no"] = "other_number(id_no, ?1)"
        names, values = ", ".join(f"[{name}]" for name in columns), ", ".join(made.values())
        for copy in range(1, copies):
            sql = f"INSERT INTO [{table}] ({names}) SELECT {values} FROM [{table}] WHERE instr(id, '~') = 0"  # noqa: S608
            db.execute(sql, (copy, f"~{copy}"))
    db.execute("INSERT OR IGNORE INTO check_due SELECT id FROM households")


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--households", type=int, default=100_000)
    count = options.parse_args().households
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "centre"
        began = time.perf_counter()
        make_demo(data, count // COPIES)
        print(f"demo county of {count // COPIES:,} households: {time.perf_counter() - began:.0f} s", flush=True)
        store = SqliteStore(data)
        tables = Tables(Path(folder) / "read.db", store)
        began = time.perf_counter()
        taken = tables.catch_up()
        print(f"read tables: {taken:,} records in {time.perf_counter() - began:.0f} s", flush=True)
        began = time.perf_counter()
        with tables.writing() as db:
            multiply(db.conn, COPIES)
        print(f"copied {COPIES} times in {time.perf_counter() - began:.0f} s", flush=True)
        now, waiting, looked = datetime.now().astimezone(), due(tables), 0
        began = time.perf_counter()
        while some := check_some(tables, now, limit=PROGRESS_EVERY, defaults=amounts()):
            looked += some
            print(f"  {looked:,} looked at after {time.perf_counter() - began:.1f} s", flush=True)
        took = time.perf_counter() - began
        db = tables.reading().conn
        found = db.execute("SELECT count(*) FROM findings").fetchone()[0]
        people = db.execute("SELECT count(*) FROM members").fetchone()[0]
        print(f"all checks over {waiting:,} households, {people:,} people: {took:.1f} s "
              f"({took / waiting * 1000:.2f} ms a household, goal 60 s for 100,000); {found:,} findings")  # fmt: skip
        ids = [row[0] for row in db.execute("SELECT id FROM households LIMIT 2000")]
        began = time.process_time()
        for at in range(0, len(ids), checks.CHUNK):
            look_at(db, ids[at : at + checks.CHUNK], now, amounts())
        print(f"one process: {(time.process_time() - began) / len(ids) * 1000:.2f} ms CPU a household")
        began = time.perf_counter()
        for id_ in ids[:50]:
            look_at(db, [id_], now, amounts())
        print(f"one household by itself: {(time.perf_counter() - began) / 50 * 1000:.2f} ms")
        print(f"memory of the largest process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
        tables.close()
        store.close()


if __name__ == "__main__":
    main()
