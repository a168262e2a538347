"""Read tables: how many records a second a node takes over from its store, from nothing to the end of the log.

    python3 run.py bench catch_up [--households 3000]

What a deleted read.db or a new web host of a centre costs. Beside it what
reading the same records from the store alone takes.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from functools import partial
from pathlib import Path

from browser.servers import make_demo

from app.tables.follow import PAGE, Tables
from app.tables.hands import Hands
from sync.store.sqlite import SqliteStore


def main() -> None:
    parser = argparse.ArgumentParser(prog="run.py bench catch_up")
    parser.add_argument("--households", type=int, default=3000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "centre"
        make_demo(folder, households=options.households)
        store = SqliteStore(folder)
        tables = Tables(folder / "read.db", store, hands=partial(Hands, folder, "", folder / "read.db"))
        try:
            reading, read = time.perf_counter(), 0
            page = store.changes(0, PAGE)
            while page.records:
                read += len(page.records)
                page = store.changes(page.seq, PAGE)
            reading = time.perf_counter() - reading
            began, cpu = time.perf_counter(), time.process_time()
            taken = tables.catch_up()
            seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        finally:
            tables.close()
            store.close()
    print(
        f"{taken} records of {options.households} households: {taken / seconds:.0f} records/s, {cpu / seconds:.2f} cores   "
        f"goal ≥ 20,000   reading the store alone {read / reading:.0f} records/s"
    )


if __name__ == "__main__":
    main()
