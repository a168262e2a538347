"""Push throughput: visits a second that a real server process takes in over HTTP and has on disk.

    python3 run.py bench push [--postgres]

One visit is what a phone sends for one: the submission with its answers, the
visit, and what it changes of the household. Requests are prepared beforehand,
packed as phones pack them, and sent by a process of its own that does little
else; every receipt is compared with what was sent. Batches of 50 visits go in
as many requests as the protocol's 50 ops a push need.

The sustained rate counts until every visit is also in the read tables and was
looked at again, which happens behind the receipt.

How far the read tables fell behind the log meanwhile is looked at from outside.

Beside each figure: what server and client used of the two cores, and what the
disk alone (the same bodies, one synchronous commit each) and reading the JSON
alone (length, digest, unpacking, parsing, hashes) would allow.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from pathlib import Path

import _load
from _lag import Lag
from _phones import Centre, Phone, Pushes, centre, confirm, phones_at, share

from sync import protocol

OPS_A_PUSH = 50
BATCH_VISITS = 50
MANY = 32


def main() -> None:
    parser = argparse.ArgumentParser(prog="run.py bench push")
    parser.add_argument("--visits", type=int, default=3200, help="visits of each run (default %(default)s)")
    parser.add_argument("--postgres", action="store_true", help="the centre in a PostgreSQL of its own")
    parser.add_argument("--only", type=int, help="one run: 0 … 3")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with centre(folder, households=900, postgres=options.postgres) as served:
            phones = phones_at(served.node.url, MANY)
            first = phones[0].requests(1, OPS_A_PUSH)
            # The first request opens what later ones find open.
            seen = served.wait_until_seen()
            confirm(_load.drive(served.node.url, [first.requests]).replies[0], first.hashes)
            served.wait_until_seen(seen + 1)
            print(f"one visit: {len(first.hashes)} ops, {len(first.bodies[0]) / 1000:.1f} KB of JSON")
            households = [one for phone in phones for one in phone.households]
            for number, (what, senders, ops) in enumerate(RUNS):
                if options.only in (None, number):
                    share(phones[:senders], households)
                    measure(served, what, phones[:senders], options.visits, ops, folder / str(number))


RUNS = (
    (f"batches of {BATCH_VISITS}, 1 phone", 1, OPS_A_PUSH),
    (f"batches of {BATCH_VISITS}, 8 phones", 8, OPS_A_PUSH),
    ("one a request, 1 phone", 1, 3),
    (f"one a request, {MANY} phones", MANY, 3),
)


def measure(served: Centre, what: str, phones: list[Phone], visits: int, ops_a_push: int, folder: Path) -> None:
    work = [phone.requests(visits // len(phones), ops_a_push) for phone in phones]
    count = visits // len(phones) * len(phones)
    seen = served.wait_until_seen()
    before, began = served.cpu(), time.perf_counter()
    with Lag(served.log_end(), served.read_tables) as lag:
        run = _load.in_own_process(served.node.url, [one.requests for one in work])
    used, late = served.cpu() - before, time.perf_counter() - began - run.seconds
    served.wait_until_seen(seen + count)
    sustained = count / (time.perf_counter() - began - late)
    all_used = served.cpu() - before
    for replies, sent in zip(run.replies, work, strict=True):
        confirm(replies, sent.hashes)
    requests = sum(len(one.requests) for one in work)
    print(
        f"  {what:24} {count / run.seconds:6.0f} visits/s  {requests / run.seconds:5.0f} requests/s  "
        f"p50 {run.quantile(0.5) * 1000:4.0f} ms  p95 {run.quantile(0.95) * 1000:4.0f} ms   "
        f"sustained {sustained:4.0f} visits/s   "
        f"tables at most {lag.worst:.1f} s behind   "
        f"server {all_used / count * 1e6:5.0f} µs a visit ({used / run.seconds:.2f} cores meanwhile), "
        f"client {run.cpu / run.seconds:.2f}   "
        f"disk alone {count / disk_alone(work, folder):6.0f}, reading alone {count / reading_alone(work):6.0f} visits/s",
        flush=True,
    )


def disk_alone(work: list[Pushes], folder: Path) -> float:
    """Seconds to have the bodies in SQLite, one synchronous commit each, as the store commits."""
    folder.mkdir()
    db = sqlite3.connect(folder / "bodies.db", isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE body (n INTEGER PRIMARY KEY, bytes BLOB)")
    began = time.perf_counter()
    for body in (body for one in work for body in one.bodies):
        db.execute("INSERT INTO body (bytes) VALUES (?)", (body,))
    seconds = time.perf_counter() - began
    db.close()
    return seconds


def reading_alone(work: list[Pushes]) -> float:
    """Seconds to compare, unpack, parse and hash the bodies, on one core."""
    packed = [request.partition(b"\r\n\r\n")[2] for one in work for request in one.requests]
    began = time.perf_counter()
    for body in packed:
        protocol.parse_push(protocol.checked_body(body, protocol.push_headers(body, gzipped=True)))
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
