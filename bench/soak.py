"""Soak of two hops: a million ops of 500 phones through 20 village nodes to a PostgreSQL centre, under random faults.

    python3 run.py bench soak --ops 1000000 --phones 500 --nodes 20 [--seed N]

One process, the real stores, the network and failpoints of tests/simulation.py:
messages lost, doubled and unanswered, servers that die in the middle of a
transaction, restarts, nodes put back to older backups, clocks that jump, and
once, in the middle, the whole PostgreSQL centre put back to an earlier day.
Afterwards everybody goes on until nothing moves, and every op is looked for:
0 lost, 0 doubled, all tiers agree (I1 I3 I4 I5 I6 I7 I8 I11 I15 I16 of
docs/sync-protocol.md). Ends with 1 and names the seed when one does not hold.
`bench kills` is the same with real server processes and kill -9.
"""

from __future__ import annotations

import argparse
import random
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from postgres import Postgres
from simulation import FIELDS, Network, Size, World

from sync.failpoints import NAMES
from sync.store.postgres import PostgresStore
from sync.store.postgres_restored import renew_epoch

SAY_EVERY = 15.0
PLACES = [name for name in NAMES if not name.startswith("blob")]  # nobody sends pictures here


class BadNetwork(Network):
    """Of a hundred messages four never arrive, four stay unanswered, two come twice."""

    FATES = ("ok",) * 90 + ("lost",) * 4 + ("unanswered",) * 4 + ("twice",) * 2


class Soak:
    def __init__(self, world: World, server: Postgres, url: str, wanted: int) -> None:
        self.world, self.server, self.url, self.wanted = world, server, url, wanted
        self.chance: random.Random = world.chance
        self.made = 0
        self.faults: Counter[str] = Counter()
        self.started = self.said = time.perf_counter()
        self.yesterday: Path | None = None

    def run(self) -> None:
        phones, nodes = list(range(len(self.world.phones))), list(range(len(self.world.nodes)))
        while self.made < self.wanted:
            for phone in self.chance.sample(phones, 10):
                self.work(phone)
                for _ in range(3):
                    self.world.push(phone)
            for node in self.chance.sample(nodes, 2):
                self.world.relay(node)
            self.fault()
            self.world.follow(self.chance.randrange(len(nodes) + 1))
            self.say()

    def work(self, phone: int) -> None:
        """A cadre's half day: visits, changes of households, now and then one from a screen that is long out of date."""
        chance, world = self.chance, self.world
        before = len(world.phones[phone].log)
        for _ in range(chance.randrange(20, 60)):
            what = chance.random()
            if what < 0.45:
                world.visit(phone)
            elif what < 0.98:
                household, field = chance.randrange(world.size.households), chance.randrange(len(FIELDS))
                world.edit(phone, household, field, str(chance.randrange(9)), stale=what > 0.95)
            else:
                world.early(phone, (phone + len(world.nodes)) % len(world.phones))
        self.made += len(world.phones[phone].log) - before

    def fault(self) -> None:
        chance, world = self.chance, self.world
        node = chance.randrange(len(world.nodes))
        what = chance.random()
        if what < 0.25:
            world.die(chance.choice(PLACES), chance.randrange(1, 6))
        elif what < 0.35:
            self.faults["restarts"] += 1
            world.restart(chance.randrange(len(world.nodes) + 1))
        elif what < 0.40:
            self.faults["clock jumps"] += 1
            world.jump(chance.choice((-4000, -1, 1, 3000)))
        elif what < 0.46:
            self.faults["node backups"] += 1
            world.back_up(node)
        elif what < 0.48 and world.nodes[node].folder in world.backups:
            self.faults["nodes restored"] += 1
            world.restore(node)
        elif what > 0.99:
            self.faults["power cuts of PostgreSQL"] += 1
            self.server.stop("immediate")
            self.server.start()
        if self.yesterday is None and self.made > self.wanted * 0.25:
            world.centre.store.close()
            self.yesterday = self.server.copy_aside()
            world.centre.store = world.centre.open_it()
        elif self.yesterday is not None and not self.faults["centre restored"] and self.made > self.wanted * 0.4:
            self.faults["centre restored"] += 1
            world.centre.store.close()
            self.server.put_back(self.yesterday)
            renew_epoch(self.url)
            world.centre.store = world.centre.open_it()

    def harm(self) -> str:
        told = {"deaths in a transaction": self.world.deaths, **self.faults, "messages harmed": self.world.network.harmed}
        return ", ".join(f"{name} {count:,}" for name, count in told.items())

    def say(self, what: str = "") -> None:
        now = time.perf_counter()
        if what or now - self.said > SAY_EVERY:
            self.said = now
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            passed = now - self.started
            print(f"  {passed:6.0f} s  {self.made:9,} ops said, {self.made / passed:6.0f}/s, {memory} MB, "
                  f"{self.harm()} {what}", flush=True)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="run.py bench soak")
    parser.add_argument("--ops", type=int, default=1_000_000)
    parser.add_argument("--phones", type=int, default=500)
    parser.add_argument("--nodes", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    size = Size(villages=options.nodes, phones=options.phones, households=200, batch=50, page=2000)
    print(f"soak of {options.ops:,} ops, {options.phones} phones, {options.nodes} nodes, seed {options.seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="ruhu-soak-"))
    server = Postgres()
    try:
        url = server.database()
        world = World(folder, options.seed, lambda clock: PostgresStore(url, clock=clock), size)
        world.network = BadNetwork(world.chance)
        soak = Soak(world, server, url, options.ops)
        try:
            soak.run()
            soak.say("all said; everybody goes on until nothing moves")
            world.settle()
            soak.say("quiet; looking for every op")
            world.check()
        except Exception as broken:
            print(f"✗ seed {options.seed}: {type(broken).__name__} {broken}", flush=True)
            return 1
        finally:
            world.close()
        soak.say()
        print(f"{soak.made:,} ops of {options.phones} phones over {options.nodes} nodes, seed {options.seed}, "
              f"{time.perf_counter() - soak.started:.0f} s, {soak.harm()}: 0 lost, 0 doubled, all tiers agree")  # fmt: skip
        return 0
    finally:
        server.close()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
