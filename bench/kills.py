"""Kill -9 without end: real servers, real phones, a bad network, and a ledger of every op that was answered for.

    python3 run.py bench kills --kills 1000 [--hops 2] [--seed N]
    python3 run.py bench kills --kills 0 --ops 10000 --network flaps      the link breaks every 5 s
    python3 run.py bench kills --kills 0 --ops 40 --network slow          2 kB/s with 3 s on the way, each direction

Phones (threads) push visits through a proxy to a server process that is killed
at a random moment, again and again; with --hops 2 it is a node with a centre
above it, the link between them goes through a proxy too, and the two are
killed in turn. After each start the phones go on. At the end everything runs in
peace until all is at the top; then the ledger is compared with the databases:
every op that got a receipt is there with the hash of the receipt, once, and
nothing else is. Ends with 1 when not.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
import urllib.error
from datetime import UTC, datetime
from pathlib import Path

from proxy import FaultyProxy

from app.node import UPSTREAM_FILE
from sync.author import Author
from sync.store.sqlite import SqliteStore
from tests.test_sync_kill import BareNode, Phone

VILLAGE = "500156103203"
SAY_EVERY = 15.0


def clock() -> datetime:
    return datetime.now(UTC)


class Cadre(threading.Thread):
    """A phone that visits and pushes until it is told to end, then until all is answered."""

    def __init__(self, phone: Phone, name: str, ops: int, seed: int) -> None:
        super().__init__(daemon=True, name=name)
        self.phone, self.ops = phone, ops
        self.chance = random.Random(f"{seed} {name}")
        self.ending = threading.Event()
        self.failures = 0

    def run(self) -> None:
        while not (self.ending.is_set() and len(self.phone.promised) == len(self.phone.log)):
            log = self.phone.log
            if not self.ending.is_set() and len(log) - len(self.phone.promised) < 20 and (not self.ops or len(log) < self.ops):
                for _ in range(self.chance.randrange(1, 10)):
                    log.append(self.phone.author.create("submission", f"{self.name}-{len(log)}", VILLAGE, {"n": "1"}))
            elif len(log) == len(self.phone.promised):
                time.sleep(0.1)
            try:
                self.phone.push(20)
            except (OSError, urllib.error.URLError, ValueError):
                self.failures += 1
                time.sleep(self.chance.uniform(0.05, 0.3))


class Run:
    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.folder, self.options = folder, options
        self.chance = random.Random(options.seed)
        self.proxies: list[FaultyProxy] = []
        self.servers = self.make_servers()
        self.front = self.servers[-1]
        url = f"http://127.0.0.1:{self.proxy(self.front.port).port}"
        self.cadres = [Cadre(self.phone(url, n), f"p{n}", options.ops // options.phones, options.seed)
                       for n in range(options.phones)]  # fmt: skip
        self.killed = 0
        self.started = self.said = time.perf_counter()

    def begin(self) -> None:
        for server in self.servers:
            server.start()

    def proxy(self, port: int) -> FaultyProxy:
        made = FaultyProxy(port, self.options.network, seed=self.options.seed)
        self.proxies.append(made)
        return made

    def make_servers(self) -> list[BareNode]:
        folder = self.folder / "centre"
        store = SqliteStore(folder, clock=clock)
        seed = Author("seed", "seed", clock=clock)
        people = {"u-cadre": "cadre", "u-node": "node"}
        store.load([seed.create("user", id, VILLAGE, {"role": role, "area": VILLAGE}) for id, role in people.items()])
        token = store.add_install("u-node", kind="node", name="node").token
        server_id = store.server_id
        self.installs = [store.add_install("u-cadre", kind="device", name=f"p{n}") for n in range(self.options.phones)]
        store.close()
        centre = BareNode(folder)
        if self.options.hops == 1:
            return [centre]
        url = f"http://127.0.0.1:{self.proxy(centre.port).port}"
        folder = self.folder / "node"
        folder.mkdir()
        kept = {"url": url, "token": token, "install_id": "", "area": VILLAGE, "server_id": server_id}
        (folder / UPSTREAM_FILE).write_text(json.dumps(kept))
        store = SqliteStore(folder, clock=clock)
        self.installs = [store.add_install("u-cadre", kind="device", name=f"p{n}") for n in range(self.options.phones)]
        store.close()
        return [centre, BareNode(folder, url)]

    def phone(self, url: str, number: int) -> Phone:
        phone = Phone(url, self.installs[number].token, self.installs[number].install_id)
        phone.patience = 120.0 if self.options.network == "slow" else 5.0
        return phone

    def kill_and_go_on(self) -> None:
        for cadre in self.cadres:
            cadre.start()
        while self.killed < self.options.kills:
            server = self.chance.choice(self.servers)
            time.sleep(self.chance.uniform(0.05, self.options.life))
            if server.process is not None:
                os.kill(server.process.pid, signal.SIGKILL)
                server.process.wait()
                self.killed += 1
            server.start()
            self.say()
        while self.options.ops and any(len(one.phone.promised) < self.options.ops // self.options.phones for one in self.cadres):
            time.sleep(1)
            self.say()
        for cadre in self.cadres:
            cadre.ending.set()
        for cadre in self.cadres:
            cadre.join()

    def settle(self) -> None:
        """Until the centre has all; nothing is harmed any more."""
        for proxy in self.proxies:
            proxy.toxic = ""
        phone = self.cadres[0].phone
        wanted = {one.phone.author.install_id: len(one.phone.log) for one in self.cadres}
        for _ in range(1200):
            said = [json.loads(one.phone.ask("POST", "/sync/v1/hello", b"{}")[1])["confirmed_dseq"] for one in self.cadres]
            if all(confirmed[install] == count for confirmed, (install, count) in zip(said, wanted.items(), strict=True)):
                return
            time.sleep(0.5)
        raise AssertionError(f"not all reached the centre: {phone.url} {said}")

    def check(self) -> int:
        """The ledger against the databases; answers how many ops there are."""
        for server in self.servers:
            server.stop()
        ops = 0
        for folder in sorted(self.folder.glob("*/store.db")):
            store = SqliteStore(folder.parent, clock=clock)
            ops = 0
            for cadre in self.cadres:
                promised = cadre.phone.promised
                install, after = cadre.phone.author.install_id, 0
                there: dict[str, str] = {}
                while found := store.receipts(install, after):
                    for late in found:
                        assert late.op_id not in there, f"{late.op_id} is there twice"
                        there[late.op_id] = late.receipt.hash
                    after = found[-1].dseq
                lost = promised.keys() - there.keys()
                assert not lost, f"{folder}: {len(lost)} answered for and lost"
                assert there == {op.op_id: op.hash for op in cadre.phone.log}, f"{folder}: other contents"
                assert promised == there
                assert store.acked([install]) == {install: len(there)}, "the log has a gap"
                assert all(len(store.history("submission", op.id)) == 1 for op in cadre.phone.log[::50])
                ops += len(there)
            assert store._one("PRAGMA integrity_check")[0] == "ok"
            store.close()
        return ops

    def say(self) -> None:
        now = time.perf_counter()
        if now - self.said > SAY_EVERY:
            self.said = now
            promised = sum(len(one.phone.promised) for one in self.cadres)
            failures, harmed = sum(one.failures for one in self.cadres), sum(one.harmed for one in self.proxies)
            print(f"  {now - self.started:6.0f} s  {self.killed} kills, {promised:,} ops answered for, "
                  f"{failures:,} pushes failed, {harmed:,} times harmed", flush=True)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="run.py bench kills")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--hops", type=int, choices=(1, 2), default=2)
    parser.add_argument("--phones", type=int, default=8)
    parser.add_argument("--ops", type=int, default=0, help="end when that many were answered for (0: after the kills)")
    parser.add_argument("--life", type=float, default=1.0, help="seconds a server lives at most")
    parser.add_argument("--network", default="lost_answers", choices=FaultyProxy.TOXICS)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ruhu-kills-", ignore_cleanup_errors=True) as folder:
        run = Run(Path(folder), options)
        try:
            run.begin()
            run.kill_and_go_on()
            run.settle()
            ops = run.check()
        except AssertionError as broken:
            print(f"✗ seed {options.seed}: {broken}", flush=True)
            return 1
        finally:
            for server in run.servers:
                server.stop(9)
            for proxy in run.proxies:
                proxy.close()
        failures, harmed = sum(one.failures for one in run.cadres), sum(one.harmed for one in run.proxies)
        print(f"{run.killed:,} kills of {len(run.servers)} servers, {ops:,} ops of {options.phones} phones, "
              f"{failures:,} pushes failed, network {options.network} harmed {harmed:,} times, "
              f"{time.perf_counter() - run.started:.0f} s: 0 lost, 0 doubled")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
