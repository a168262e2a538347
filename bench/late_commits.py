"""Eight slow writers on PostgreSQL: does a follower of the log miss a row that was committed late?

    python3 run.py bench late_commits --rows 1000000 [--writers 8] [--batch 50] [--delay 20] [--seed N]

Every writer is a process with its own store, as web hosts are. Between its last
statement and its commit it waits 0 to --delay ms, as a slow disk makes it. The
follower reads the log by its cursor the whole time; at the end every row that
a writer was answered for must have come by exactly in order. Beside it the
same writers fill a table whose places come from a bare sequence (a hundredth
of the rows): what a follower misses there shows that the delays do their work.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sys
import threading
import time
from datetime import UTC, datetime
from multiprocessing.synchronize import Event
from typing import Any

import msgspec
import psycopg
from postgres import Postgres

from sync import service
from sync.author import Author
from sync.protocol import push_body
from sync.store import postgres_taking as module
from sync.store.postgres import PostgresStore

VILLAGE = "500156103203"
SAY_EVERY = 15.0
_json = msgspec.json.Encoder()


def clock() -> datetime:
    return datetime.now(UTC)


def write(url: str, number: int, rows: int, batch: int, delay: float, seed: int) -> None:
    """One host: a phone of its own pushes that many visits through it."""
    chance = random.Random(f"{seed} {number}")
    real = module.write_down

    def dawdling(connection: psycopg.Connection, intake: Any, *came: Any) -> None:
        real(connection, intake, *came)
        time.sleep(chance.uniform(0, delay))

    module.write_down = dawdling
    store = PostgresStore(url, clock=clock, connections=2)
    install = store.add_install("u-cadre", kind="device", name=str(number))
    author = Author(install.install_id, "u-cadre", clock=clock)
    credential = store.credential(install.token)
    assert credential is not None
    for at in range(0, rows, batch):
        ops = [author.create("submission", f"s{number}-{n}", VILLAGE, {}) for n in range(at, min(at + batch, rows))]
        body = push_body([_json.encode(op) for op in ops], server_id=None, epoch=None)
        said = service.push(store, credential, body, now=clock())
        assert all(one["status"] == "applied" for one in said["results"]), said["results"][0]
    store.close()


def write_naively(url: str, number: int, rows: int, batch: int, delay: float, seed: int) -> None:
    chance = random.Random(f"{seed} {number}")
    with psycopg.connect(url) as db:
        for _ in range(0, rows, batch):
            db.execute("INSERT INTO naive (writer) SELECT %s FROM generate_series(1, %s)", (number, batch))
            time.sleep(chance.uniform(0, delay))
            db.commit()


def follow_naively(url: str, done: Event) -> int:
    """How many rows a follower of a bare sequence saw."""
    place = seen = 0
    with psycopg.connect(url, autocommit=True) as db:
        while True:
            last = done.is_set()
            found = db.execute("SELECT seq FROM naive WHERE seq > %s ORDER BY seq LIMIT 500", (place,)).fetchall()
            seen += len(found)
            place = found[-1][0] if found else place
            if last and not found:
                return seen


def follow(store: PostgresStore, done: Event, rows: int) -> set[str]:
    place = 0
    seen: set[str] = set()
    started = said = time.perf_counter()
    while True:
        last = done.is_set()
        page = store.changes(place, 500)
        for record in page.records:
            if record.seq <= place:
                raise AssertionError(f"place {record.seq} came after {place}")
            place = record.seq
            seen.add(record.id)
        place = page.seq
        now = time.perf_counter()
        if now - said > SAY_EVERY:
            said = now
            behind = store.latest_seq() - place
            print(f"  {now - started:6.0f} s  {len(seen):9,} of {rows:,} seen, {behind} behind", flush=True)
        if last and not page.records:
            return seen
        if not page.records:
            time.sleep(0.002)


def run(writer: Any, follower: Any, arguments: tuple[Any, ...], writers: int) -> Any:
    """All writers at once beside one follower; its answer."""
    processes = [multiprocessing.Process(target=writer, args=(arguments[0], n, *arguments[1:])) for n in range(writers)]
    done = multiprocessing.Event()

    def watch() -> None:
        for process in processes:
            process.join()
        done.set()

    for process in processes:
        process.start()
    watcher = threading.Thread(target=watch)
    watcher.start()
    answer = follower(done)
    watcher.join()
    failed = [process.exitcode for process in processes if process.exitcode]
    if failed:
        raise AssertionError(f"{len(failed)} writers failed")
    return answer


def main() -> int:
    parser = argparse.ArgumentParser(prog="run.py bench late_commits")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--delay", type=float, default=20, help="ms between the last statement and the commit, at most")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    each, delay = options.rows // options.writers, options.delay / 1000
    server = Postgres()
    try:
        url = server.database()
        store = PostgresStore(url, clock=clock)
        store.load([Author("seed", "seed", clock=clock).create("user", "u-cadre", VILLAGE, {"role": "cadre", "area": VILLAGE})])
        with psycopg.connect(url, autocommit=True) as db:
            db.execute("CREATE TABLE naive (seq bigserial PRIMARY KEY, writer int)")
        few = max(100, each // 100)
        saw = run(write_naively, lambda done: follow_naively(url, done), (url, few, 1, delay, options.seed),
                  options.writers)  # fmt: skip
        with psycopg.connect(url, autocommit=True) as db:
            there = (db.execute("SELECT count(*) FROM naive").fetchone() or (0,))[0]
        print(f"  by a bare sequence the follower missed {there - saw:,} of {there:,} rows", flush=True)
        started = time.perf_counter()
        seen = run(write, lambda done: follow(store, done, each * options.writers),
                   (url, each, options.batch, delay, options.seed), options.writers)  # fmt: skip
        passed = time.perf_counter() - started
        missed = sum(f"s{number}-{n}" not in seen for number in range(options.writers) for n in range(each))
        store.close()
        print(f"{each * options.writers:,} rows of {options.writers} writers in {passed:.0f} s: {missed} missed")
        return 1 if missed else 0
    finally:
        server.close()


if __name__ == "__main__":
    sys.exit(main())
