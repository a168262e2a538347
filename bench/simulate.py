"""Soak of sync: random counties under network faults, restarts, restores and clock jumps until all must agree.

    python3 run.py bench simulate --sequences 10000 [--seed 0] [--steps 60] [--postgres]

Each sequence has a number that plays it again: `--seed N --sequences 1`. The
first one that breaks an invariant is printed with everything that happened
before, and the command ends with 1. docs/sync-protocol.md lists the invariants.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from postgres import Postgres
from simulation import World, play

from sync.store.postgres import PostgresStore


def main() -> int:
    parser = argparse.ArgumentParser(prog="run.py bench simulate")
    parser.add_argument("--sequences", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="number of the first sequence")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--postgres", action="store_true", help="the centre in a PostgreSQL of its own")
    options = parser.parse_args()
    server = Postgres() if options.postgres else None
    started = time.perf_counter()
    ops = 0
    try:
        for seed in range(options.seed, options.seed + options.sequences):
            folder = Path(tempfile.mkdtemp(prefix="ruhu-simulate-"))
            url = server.database() if server else ""
            world = World(folder, seed, (lambda clock, url=url: PostgresStore(url, clock=clock)) if server else None)
            done: list[str] = []
            try:
                done = play(world, options.steps)
                world.settle()
                world.check()
            except Exception as broken:
                print(f"✗ sequence {seed}: {type(broken).__name__} {broken}\n  after {done}")
                return 1
            finally:
                ops += sum(len(phone.log) for phone in world.phones)
                world.close()
                shutil.rmtree(folder)
            if (seed - options.seed + 1) % 100 == 0:
                print(f"  {seed - options.seed + 1} sequences, {ops} ops, {time.perf_counter() - started:.0f} s", flush=True)
    finally:
        if server:
            server.close()
    print(f"{options.sequences} sequences, {ops} ops, {time.perf_counter() - started:.0f} s: 0 lost, 0 doubled, all tiers agree")
    return 0


if __name__ == "__main__":
    sys.exit(main())
