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
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from proxy import FaultyProxy

from app.upstream import UPSTREAM_FILE
from sync.author import Author
from sync.relay import Relay
from sync.store.sqlite import SqliteStore
from tests.browser.servers import ROOT, free_port
from tests.test_sync_kill import Phone

VILLAGE = "500156103203"
SAY_EVERY = 15.0
STUCK_AFTER = 180.0


def clock() -> datetime:
    return datetime.now(UTC)


class Server:
    """A server process with as many lives as one likes: a parent that has read the program forks each of them."""

    def __init__(self, folder: Path, upstream: str = "") -> None:
        self.folder, self.port, self.pid = folder, free_port(), 0
        self.url = f"http://127.0.0.1:{self.port}"
        empty = folder.with_name("no-forms")
        empty.mkdir(exist_ok=True)
        self.log = folder.with_name(folder.name + ".log")
        with self.log.open("ab") as log:
            self._parent = subprocess.Popen(
                [sys.executable, "-c", FORKING, str(folder), str(empty), str(self.port), upstream],
                cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=log, text=True,
            )  # fmt: skip

    def start(self) -> None:
        self.pid = int(self._talk("start"))
        end = time.monotonic() + 120
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(self.url + "/manifest.webmanifest", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.02)
        raise AssertionError(f"the server did not start: {self.log.read_text()[-2000:]}")

    def stop(self, how: int = signal.SIGTERM) -> None:
        if self.pid:
            os.kill(self.pid, how)
            self._talk("wait")
            self.pid = 0

    def close(self) -> None:
        self.stop(signal.SIGKILL)
        assert self._parent.stdin is not None and self._parent.stdout is not None
        self._parent.stdin.close()
        self._parent.wait()
        self._parent.stdout.close()

    def _talk(self, word: str) -> str:
        assert self._parent.stdin is not None and self._parent.stdout is not None
        print(word, file=self._parent.stdin, flush=True)
        return self._parent.stdout.readline()


FORKING = """
import faulthandler, os, signal, sys
from pathlib import Path
import app, app.node, app.serve, sync.relay, sync.store.sqlite
from app.config import Config
data, forms, port, upstream = sys.argv[1:5]
config = Config(data_dir=Path(data), forms_dir=Path(forms), port=int(port), upstream=upstream, relay_seconds=0.2)
child = 0
while line := sys.stdin.readline():
    if line.strip() == "start":
        child = os.fork()
        if not child:
            os.close(0)
            faulthandler.register(signal.SIGUSR1)
            sys.exit(app.serve.serve(config, say=lambda words: print(words, file=sys.stderr, flush=True)))
        print(child, flush=True)
    else:
        print(os.waitpid(child, 0)[1], flush=True)
"""


class Cadre(threading.Thread):
    """A phone that visits and pushes until it is told to end, then until all is answered."""

    def __init__(self, phone: Phone, name: str, ops: int, seed: int) -> None:
        super().__init__(daemon=True, name=name)
        self.phone, self.ops = phone, ops
        self.chance = random.Random(f"{seed} {name}")
        self.ending = threading.Event()
        self.failures = 0
        self.last_failure = ""
        self.broken: BaseException | None = None

    def run(self) -> None:
        try:
            self.work()
        except BaseException as broken:
            self.broken = broken
            raise

    def work(self) -> None:
        while not (self.ending.is_set() and len(self.phone.promised) == len(self.phone.log)):
            log = self.phone.log
            if not self.ending.is_set() and len(log) - len(self.phone.promised) < 20 and (not self.ops or len(log) < self.ops):
                for _ in range(self.chance.randrange(1, 10)):
                    log.append(self.phone.author.create("submission", f"{self.name}-{len(log)}", VILLAGE, {"n": "1"}))
            elif len(log) == len(self.phone.promised):
                time.sleep(0.1)
            try:
                self.phone.push(20)
            except (OSError, urllib.error.URLError, ValueError) as failed:
                self.failures += 1
                self.last_failure = f"{datetime.now(UTC):%H:%M:%S} {failed!r}"
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
        """All run; a node has met its people before a phone comes."""
        centre, *below = self.servers
        centre.start()
        for node in below:
            store = SqliteStore(node.folder, clock=clock)
            Relay(store, centre.url, self.token).step()
            store.close()
            node.start()

    def proxy(self, port: int) -> FaultyProxy:
        made = FaultyProxy(port, self.options.network, seed=self.options.seed)
        self.proxies.append(made)
        return made

    def make_servers(self) -> list[Server]:
        folder = self.folder / "centre"
        store = SqliteStore(folder, clock=clock)
        seed = Author("seed", "seed", clock=clock)
        people = {"u-cadre": "cadre", "u-node": "node"}
        store.load([seed.create("user", id, VILLAGE, {"role": role, "area": VILLAGE}) for id, role in people.items()])
        self.token = store.add_install("u-node", kind="node", name="node").token
        server_id = store.server_id
        self.installs = [store.add_install("u-cadre", kind="device", name=f"p{n}") for n in range(self.options.phones)]
        store.close()
        centre = Server(folder)
        if self.options.hops == 1:
            return [centre]
        url = f"http://127.0.0.1:{self.proxy(centre.port).port}"
        folder = self.folder / "node"
        folder.mkdir()
        kept = {"url": url, "token": self.token, "install_id": "", "area": VILLAGE, "server_id": server_id}
        (folder / UPSTREAM_FILE).write_text(json.dumps(kept))
        store = SqliteStore(folder, clock=clock)
        self.installs = [store.add_install("u-cadre", kind="device", name=f"p{n}") for n in range(self.options.phones)]
        store.close()
        return [centre, Server(folder, url)]

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
            server.stop(signal.SIGKILL)
            self.killed += 1
            server.start()
            self.say()
        each = self.options.ops // self.options.phones
        self.until_progress_ends(lambda: all(len(one.phone.promised) >= each for one in self.cadres))
        for cadre in self.cadres:
            cadre.ending.set()
        self.until_progress_ends(lambda: not any(cadre.is_alive() for cadre in self.cadres))
        for cadre in self.cadres:
            assert cadre.broken is None, f"{cadre.name} broke: {cadre.broken!r}"

    def until_progress_ends(self, done: Callable[[], bool]) -> None:
        """Wait for that. Raises AssertionError, with what every server is doing, after minutes without any answer."""
        promised, since = -1, time.monotonic()
        while not done():
            now = sum(len(one.phone.promised) for one in self.cadres)
            if now != promised:
                promised, since = now, time.monotonic()
            if time.monotonic() - since > STUCK_AFTER:
                raise AssertionError(self.standing())
            time.sleep(0.2)
            self.say()

    def standing(self) -> str:
        """Who waits for what: each phone's last failure, each server's log with the stacks of its threads."""
        for server in self.servers:
            if server.pid:
                os.kill(server.pid, signal.SIGUSR1)
        time.sleep(1)
        phones = "\n".join(f"{one.name}: {len(one.phone.promised)} of {len(one.phone.log)} answered for; {one.last_failure}"
                           for one in self.cadres)  # fmt: skip
        servers = "\n".join(f"--- {server.log}\n{server.log.read_text()[-6000:]}" for server in self.servers)
        return f"no answer for {STUCK_AFTER:.0f} s\n{phones}\n{servers}"

    def settle(self) -> None:
        """Until the centre has all; nothing is harmed any more."""
        for proxy in self.proxies:
            proxy.toxic = ""
        wanted = {one.phone.author.install_id: len(one.phone.log) for one in self.cadres}
        said: dict[str, int] = {}
        since = time.monotonic()
        while time.monotonic() - since < STUCK_AFTER:
            before = dict(said)
            for one in self.cadres:
                try:
                    said |= json.loads(one.phone.ask("POST", "/sync/v1/hello", b"{}")[1])["confirmed_dseq"]
                except (OSError, ValueError) as failed:
                    one.last_failure = f"{datetime.now(UTC):%H:%M:%S} {failed!r}"
            if wanted.items() <= said.items():
                return
            if said != before:
                since = time.monotonic()
            time.sleep(0.5)
        raise AssertionError(f"not all reached the centre: {said} of {wanted}\n{self.standing()}")

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
                assert promised == there, f"{folder}: receipts differ"
                assert store.acked([install]) == {install: len(there)}, "the log has a gap"
                for op in cadre.phone.log[::20]:
                    effects = len(store.history("submission", op.id))
                    assert effects == 1, f"{folder}: {op.id} has {effects} effects"
                ops += len(there)
            sound = store._one("PRAGMA integrity_check")[0]
            assert sound == "ok", f"{folder}: {sound}"
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
            traceback.print_exc()
            return 1
        finally:
            for server in run.servers:
                server.close()
            for proxy in run.proxies:
                proxy.close()
        failures, harmed = sum(one.failures for one in run.cadres), sum(one.harmed for one in run.proxies)
        print(f"{run.killed:,} kills of {len(run.servers)} servers, {ops:,} ops of {options.phones} phones, "
              f"{failures:,} pushes failed, network {options.network} harmed {harmed:,} times, "
              f"{time.perf_counter() - run.started:.0f} s: 0 lost, 0 doubled")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
