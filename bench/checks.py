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
import tempfile
import time
from datetime import datetime
from pathlib import Path

from _copies import COPIES, multiply
from browser.servers import make_demo

from app.checks import amounts
from app.tables import checks
from app.tables.checks import check_some, due, look_at
from app.tables.follow import Tables
from sync.store.sqlite import SqliteStore

PROGRESS_EVERY = 20_000


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
            multiply(db.conn)
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
