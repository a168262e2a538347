"""Phones, village nodes and a centre in one process over real databases, with a network and disks that fail.

Everything that happens comes from one seeded random source, so a run can be
played again. `World.settle` lets the network work and everybody finish;
`World.check` then asks the invariants (I1 … I8 of docs/sync-protocol.md).
`bench soak` plays the same world at another `Size`.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from sync import failpoints, keys, logs, service, tray
from sync.author import Author
from sync.conflict import equal
from sync.devices import register
from sync.identity import Identity, identity_of
from sync.own import own_install
from sync.problems import Problem
from sync.protocol import Hello, checked_body, encode, parse_server_heads, push_body, push_headers
from sync.records import CENTRE, Grant, LateReceipt, Op, Scope, ServerHead
from sync.relay import Relay, Reply
from sync.store.backup import back_up, restore
from sync.store.base import Store
from sync.store.sqlite import SqliteStore

FIELDS = ("water_source", "road", "phone", "full_name", "id_no")
_json = msgspec.json.Encoder()


@dataclass(frozen=True)
class Size:
    """households: in each village. batch: ops in a push. page: records in a follower's look."""

    villages: int = 2
    phones: int = 3
    households: int = 2
    batch: int = 5
    page: int = 3


class Killed(BaseException):
    """A server of this process died at a failpoint: nothing after that place was done."""


class Said(NamedTuple):
    """An op in a phone's log."""

    op_id: str
    hash: str
    body: bytes


class Clock:
    """Device and server clocks are data: this one jumps when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=250)
        return self.now


class Network:
    """What becomes of a message. quiet: everything arrives, once, and its answer too."""

    FATES = ("ok", "ok", "ok", "ok", "lost", "unanswered", "twice")

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.quiet = False
        self.harmed = 0

    def carry(self, ask: Callable[[], Any]) -> Any:
        fate = "ok" if self.quiet else self.chance.choice(self.FATES)
        self.harmed += fate != "ok"
        if fate == "lost":
            raise Problem("upstream_silent")
        answer = ask()
        if fate == "twice":
            with suppress(Problem):
                answer = ask()
        if fate == "unanswered":
            raise Problem("upstream_silent")
        return answer


class Server:
    """A node or the centre: its store, and how it is killed, restored and reached."""

    def __init__(self, open_it: Callable[[], Store], folder: Path | None) -> None:
        self.open_it, self.folder = open_it, folder
        self.store = open_it()

    def restart(self) -> None:
        self.store.close()
        self.store = self.open_it()


class Upward:
    """A node's requests to the centre, over the network, answered as the HTTP API answers."""

    def __init__(self, world: World, token: str) -> None:
        self.world, self.token = world, token

    def __call__(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Reply:
        def ask() -> Reply:
            try:
                status, said = 200, self._answer(path, body, headers or {})
            except Killed:
                self.world.centre.restart()
                raise Problem("upstream_silent") from None
            except Problem as problem:
                status, said = (409 if problem.code == "cursor_stale" else 404), {"error": {"code": problem.code}}
            return Reply(status, {}, encode(said))

        answer: Reply = self.world.network.carry(ask)
        return answer

    def _answer(self, path: str, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
        store, now = self.world.centre.store, self.world.clock.now
        credential = store.credential(self.token)
        assert credential is not None
        route, _, query = path.partition("?")
        asked = dict(pair.split("=", 1) for pair in query.split("&") if pair)
        if route.endswith("/hello"):
            return service.hello(store, credential, Hello(), now=now, identity=self.world.identity)
        if route.endswith("/push"):
            return service.push(store, credential, checked_body(body, headers), now=now, identity=self.world.identity)
        if route.endswith("/pull"):
            return service.pull(store, credential, asked.get("cursor"), int(asked["limit"]), now=now)
        if route.endswith("/digest"):
            return service.digest(store, credential, asked.get("cursor"), asked.get("after", ""))
        if route.endswith("/bucket"):
            wanted = {int(one) for one in asked["buckets"].split(",")}
            return service.bucket(store, credential, asked.get("cursor"), asked["place"], wanted)
        return service.receipts(store, credential, asked["install_id"], int(asked["after"]), now=now,
                                identity=self.world.identity)  # fmt: skip


class Node(Server):
    def __init__(self, world: World, folder: Path, village: str, token: str) -> None:
        super().__init__(lambda: SqliteStore(folder, clock=world.clock), folder)
        self.village, self.clock = village, world.clock
        self.identity = identity_of(village.encode())
        self.upward = Upward(world, token)
        self.relay = self.new_relay()

    def new_relay(self) -> Relay:
        return Relay(self.store, transport=self.upward, key=self.identity.signing, prepare=self.register, compares=False,
                     clock=self.clock)  # fmt: skip

    def register(self) -> None:
        register(self.store, self.identity.public.sign, self.village, clock=self.clock)

    def restart(self) -> None:
        super().restart()
        self.relay = self.new_relay()

    def step(self) -> bool:
        try:
            return self.relay.step()
        except Problem:
            return False
        except Killed:
            self.restart()
            return False


class Phone:
    """A cadre's phone: its numbered log is never shortened; the server says how much of it is there."""

    def __init__(self, world: World, node: Node, user: str) -> None:
        self.world, self.node, self.user = world, node, user
        self.key = keys.signing_key(f"phone of {user}".encode())
        self.install = node.store.add_install(user, kind="device", name=user, key=keys.public_text(self.key))
        node.register()
        self.chains = [logs.chain_start(self.install.install_id)]
        self.author = Author(self.install.install_id, user, clock=world.clock)
        self.log: list[Said] = []
        self.next = 0  # of the log, to be offered
        self.epoch = node.store.epoch
        self.confirmed: dict[str, str] = {}  # op id → hash, by receipts ②
        self.promised: set[str] = set()  # op ids with receipt ①

    def say(self, op: Op) -> None:
        self.log.append(Said(op.op_id, op.hash, _json.encode(op)))
        self.chains.append(logs.chain_next(self.chains[-1], op.hash))

    def push(self) -> bool:
        """Offer the next ops; answers whether the server has more of the log than before."""
        self.hello()
        ops = self.log[self.next : self.next + self.world.size.batch]
        if not ops:
            return False
        end = self.next + len(ops)
        head = logs.sign_head(self.key, self.install.install_id, end, self.chains[end])
        body = push_body([op.body for op in ops], server_id=self.node.store.server_id, epoch=self.epoch, heads=[head])

        def ask() -> dict[str, Any]:
            credential = self.node.store.credential(self.install.token)
            assert credential is not None
            return service.push(self.node.store, credential, checked_body(body, push_headers(body)),
                                now=self.world.clock.now, identity=self.node.identity)  # fmt: skip

        try:
            reply = self.world.network.carry(ask)
        except Killed:
            self.node.restart()
            return False
        except Problem as problem:
            if problem.code == "epoch_changed":
                self.hello()
            return False
        upto = self.upto(parse_server_heads(reply["heads"]), self.node.identity, self.node.store.tier)
        self.promised |= {r["op_id"] for at, r in enumerate(reply["results"], self.next + 1) if r["receipt"] and at <= upto}
        before = self.next
        self.next = reply["acked_dseq"][self.install.install_id]
        return self.next > before

    def hello(self) -> None:
        """A server that was put back to an earlier day says so by its epoch: offer again from what it has."""
        store = self.node.store
        if store.epoch != self.epoch:
            self.epoch = store.epoch
            self.next = store.acked([self.install.install_id])[self.install.install_id]

    def upto(self, heads: Iterable[ServerHead], whose: Identity, tier: str) -> int:
        """How far a server's own signed word about this phone's log reaches."""
        mine = [head for head in heads if head.install_id == self.install.install_id]
        found = logs.trusted(mine, whose.public.sign, tier, self.chain_at)
        return max((head.dseq for head in found.values()), default=0)

    def chain_at(self, install_id: str, dseq: int) -> str:
        return self.chains[dseq] if dseq < len(self.chains) else ""

    def ask_receipts(self) -> None:
        store = self.node.store
        credential = store.credential(self.install.token)
        assert credential is not None
        said = service.receipts(store, credential, self.install.install_id, 0, now=self.world.clock.now,
                                identity=self.node.identity)  # fmt: skip
        self.take_receipts(said, all_receipts(store, self.install.install_id))

    def take_receipts(self, said: dict[str, Any], receipts: Iterable[LateReceipt]) -> None:
        upto = self.upto(parse_server_heads(said["heads"]), self.world.identity, CENTRE)
        for late in receipts:
            if late.receipt.tier == CENTRE and late.dseq <= upto:
                self.confirmed[late.op_id] = late.receipt.hash


class World:
    """One county: villages with a node each, phones, and a centre. ``open_centre`` makes the centre's store."""

    def __init__(
        self, folder: Path, seed: int, open_centre: Callable[[Clock], Store] | None = None, size: Size | None = None
    ) -> None:
        self.folder = folder
        self.size = size or Size()
        self.villages = [f"500156{103203 + n}" for n in range(self.size.villages)]
        self.households = {village: [f"h-{village}-{n}" for n in range(self.size.households)] for village in self.villages}
        self.chance = random.Random(seed)
        self.identity = identity_of(b"centre")
        self.clock = Clock()
        self.network = Network(self.chance)
        self.backups: dict[Path, Path] = {}
        centre_folder = None if open_centre else folder / "centre"
        make = open_centre or (lambda clock: SqliteStore(folder / "centre", clock=clock))
        self.centre = Server(lambda: make(self.clock), centre_folder)
        self.seed_county()
        self.nodes = [
            Node(self, folder / f"node{n}", village,
                 self.centre.store.add_install(f"u-node{n}", kind="node", name=f"node{n}",
                                               key=identity_of(village.encode()).public.sign).token)
            for n, village in enumerate(self.villages)
        ]  # fmt: skip
        self.network.quiet = True
        for node in self.nodes:
            node.step()
        self.phones = [Phone(self, self.nodes[n % len(self.nodes)], f"u{n}") for n in range(self.size.phones)]
        self.network.quiet = False
        self.deaths = 0
        self.put_back: set[Server] = set()
        self.followed: dict[int, tuple[str, int]] = {}
        self.seen: dict[int, dict[tuple[str, str], int]] = {}

    def seed_county(self) -> None:
        seed = Author("seed", "seed", clock=self.clock)
        people = [(f"u{n}", "cadre", self.villages[n % len(self.villages)]) for n in range(self.size.phones)]
        people += [(f"u-node{n}", "node", village) for n, village in enumerate(self.villages)]
        people += [("u-office", "county", f"{self.villages[0][:6]}000000")]
        self.centre.store.load(
            [seed.create("user", id, area, {"role": role, "area": area}) for id, role, area in people]
            + [seed.create("household", id, village, dict.fromkeys(FIELDS, "0"))
               for village, ids in self.households.items() for id in ids]
        )  # fmt: skip

    # --- what can happen ----------------------------------------------------------------------------------

    def edit(self, which: int, household: int, field: int, value: str, *, stale: bool = False) -> None:
        """A person changes a field from what their phone shows; stale: from what nobody has any more."""
        phone = self.phones[which]
        id = self.households[phone.node.village][household]
        seen = phone.node.store.get("household", id)
        old = "?" if stale else (seen.fields.get(FIELDS[field], "") if seen else "")
        phone.say(phone.author.update("household", id, phone.node.village, {FIELDS[field]: (old, value)}))

    def visit(self, which: int) -> None:
        """A finished visit: the submission, a new member, and a field of the household."""
        phone = self.phones[which]
        number = len(phone.log)
        village = phone.node.village
        submission = f"s-{phone.user}-{number}"
        phone.say(phone.author.create("submission", submission, village, {"answers": {"n": str(number)}}))
        phone.say(phone.author.create("member", f"m-{phone.user}-{number}", village, {"full_name": f"人{number}"},
                                      submission=submission))  # fmt: skip

    def early(self, which: int, maker: int) -> None:
        """An update of a member that another phone of the village makes, perhaps later."""
        phone = self.phones[which]
        id = f"m-{self.phones[maker].user}-{len(self.phones[maker].log) + 1}"
        phone.say(phone.author.update("member", id, phone.node.village, {"phone": ("", "1")}))

    def push(self, which: int) -> None:
        self.phones[which].push()

    def relay(self, which: int) -> None:
        self.nodes[which].step()

    def restart(self, which: int) -> None:
        """Any server stops and starts again."""
        self.server(which).restart()

    def server(self, which: int) -> Server:
        """The nodes by their number, after them the centre."""
        return self.nodes[which] if which < len(self.nodes) else self.centre

    def die(self, name: str, count: int) -> None:
        """Whichever server reaches that failpoint the count-th time from now dies there and is started again."""

        def die() -> None:
            self.deaths += 1
            raise Killed

        failpoints.arm(name, count, die=die)

    def jump(self, days: int) -> None:
        self.clock.now += timedelta(days=days)

    def back_up(self, which: int) -> None:
        server = self.server(which)
        if server.folder:
            target = self.folder / f"{server.folder.name}.backup"
            back_up(server.folder, target, now=self.clock.now, say=lambda _: None)
            self.backups[server.folder] = target

    def restore(self, which: int) -> None:
        """A server is put back to its last backup."""
        server = self.server(which)
        if server.folder not in self.backups or server.folder is None:
            return
        server.store.close()
        shutil.rmtree(server.folder)
        restore(self.backups[server.folder], server.folder, now=self.clock.now)
        server.store = server.open_it()
        self.put_back.add(server)
        if isinstance(server, Node):
            server.relay = server.new_relay()

    def follow(self, which: int) -> None:
        """Somebody pulls a little from a server, as read tables and devices do."""
        server = self.server(which)
        epoch, place = self.followed.get(which, ("", 0))
        if epoch != server.store.epoch:
            place, self.seen[which] = 0, {}
        page = server.store.changes(place, self.size.page)
        seen = self.seen.setdefault(which, {})
        for record in page.records:
            assert record.seq > place, f"I8 out of order: {record.kind} {record.id}"
            place = seen[record.kind, record.id] = record.seq
        self.followed[which] = (server.store.epoch, page.seq)

    def revoke(self, which: int) -> None:
        """The village no longer trusts a device; what it still sends is set aside."""
        phone = self.phones[which]
        phone.node.store.revoke(phone.install.install_id)

    def decide(self, which: int) -> None:
        """A person of the office takes up or turns down what waits longest; all who look at it think alike."""
        store = (self.nodes[which] if which < 2 else self.centre).store
        items = tray.items(store.undecided())
        if not items:
            return
        item = items[0]
        verdict = tray.ACCEPT if int(item.key[0], 16) % 2 else tray.REJECT
        records = {(c.op.entity, c.op.id): store.get(c.op.entity, c.op.id) for c in item.changes}
        areas = {c.hash: tray.area_of(c.op, records[c.op.entity, c.op.id], None) for c in item.changes}
        install = own_install(store, "office")
        author = Author(install, "u-office", next_dseq=store.acked([install])[install] + 1, clock=self.clock)
        with suppress(Problem):  # a submission that is there already cannot be taken up
            store.load(tray.decide(item, verdict, "x", records, areas, (Grant("county", self.villages[0][:6]),), author))

    # --- the end ------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """The network works again and everybody goes on until nothing moves."""
        self.network.quiet = True
        failpoints.disarm()
        for _ in range(200):
            moved = [phone.push() for phone in self.phones]
            moved += [node.step() for node in self.nodes]
            waiting = any(phone.next < len(phone.log) for phone in self.phones)
            if not any(moved) and not waiting:
                break
        for node in self.nodes:
            node.step()
        for phone in self.phones:
            phone.ask_receipts()

    def check(self) -> None:
        """Raises AssertionError naming the invariant that does not hold."""
        centre = self.centre.store
        for phone in self.phones:
            install = phone.install.install_id
            there = {late.op_id: late.receipt.hash for late in all_receipts(centre, install)}
            for dseq, op in enumerate(phone.log, 1):
                assert op.op_id in there, f"I1 op {dseq} of {phone.user} is not at the centre"
                assert there[op.op_id] == op.hash, "I1 hash"
                assert phone.confirmed.get(op.op_id) == op.hash, f"I15 no receipt 2 for op {dseq} of {phone.user}"
            assert len(there) == len(phone.log), "I3 more ops than were said"
            for store in (centre, phone.node.store):
                assert store.acked([install])[install] == len(phone.log), "I4 the log has a gap"
            assert phone.promised <= {op.op_id for op in phone.log}
        self._check_agreement(self._compare_put_back())
        for node in self.nodes:
            # Not before: what the digest would mend must not be there to be mended.
            assert node.relay.compare() == "same", f"I5 the digest found {node.store.mended(3)}"
        self._check_heads()
        self._check_followers()

    def _compare_put_back(self) -> set[tuple[str, str]]:
        """Where node and centre were both put back, an op of the node's own may be in neither any more, while the node still
        has the record as it came from above: only the comparison, which a new epoch brings on, finds that. Answers which.
        """
        found: set[tuple[str, str]] = set()
        for node in self.nodes:
            if {node, self.centre} <= self.put_back and node.relay.compare() != "same":
                mended = node.store.mended(50)
                assert all((one.kind, one.why) == ("device", "extra") for one in mended), f"I5 only the digest found {mended}"
                found |= {(one.kind, one.id) for one in mended}
        return found

    def _check_agreement(self, gone: set[tuple[str, str]]) -> None:
        """gone: what ended as a tombstone at a node alone."""
        for node in self.nodes:
            scope = Scope(area_prefixes=(node.village,))
            above = {(r.kind, r.id): r for r in pulled(self.centre.store, scope)}
            # A conflict that only the node saw, and that the centre did not confirm, ends as a tombstone there.
            below = {(r.kind, r.id): r for r in pulled(node.store, scope)
                     if not r.deleted or (r.rev and (r.kind, r.id) not in gone)}  # fmt: skip
            assert set(above) == set(below), f"I5 {set(above) ^ set(below)}"
            for key, record in above.items():
                there = below[key]
                assert (there.rev, there.fields, there.since, there.pending) == (
                    record.rev, record.fields, record.since, 0), f"I5 {key}: {record} / {there}"  # fmt: skip

    def _check_heads(self) -> None:
        """I3, I6, I7 by working the heads out again from the history, with a rule written down a second time."""
        for village, ids in self.households.items():
            conflicts = [r for r in pulled(self.centre.store, Scope(area_prefixes=(village,))) if r.kind == "conflict"]
            for id in ids:
                head: dict[str, Any] = {}
                seen: set[str] = set()
                disputed: set[tuple[str, str]] = set()
                for change in self.centre.store.history("household", id):
                    assert change.op.op_id not in seen, "I3 an op has two effects"
                    seen.add(change.op.op_id)
                    for name, said in change.op.fields.items():
                        if change.op.kind == "create" or equal(head.get(name), said.old):
                            head[name] = said.new
                        elif not equal(head.get(name), said.new) and not equal(said.old, said.new):
                            disputed.add((change.op.op_id, name))
                record = self.centre.store.get("household", id)
                assert record is not None and record.fields == head, f"I7 {record.fields if record else None} / {head}"
                kept = {(r.fields["op_id"], name) for r in conflicts if r.fields["id"] == id for name in r.fields["fields"]}
                assert kept == disputed, f"I6 {kept ^ disputed}"

    def _check_followers(self) -> None:
        servers = [*self.nodes, self.centre]
        for which, server in enumerate(servers):
            for _ in range(10_000):
                epoch, place = self.followed.get(which, ("", -1))
                if epoch == server.store.epoch and place >= server.store.latest_seq():
                    break
                self.follow(which)
            for record in everything(server.store):
                assert self.seen[which].get((record.kind, record.id)) == record.seq, f"I8 {record.kind} {record.id}"

    def close(self) -> None:
        for server in (*self.nodes, self.centre):
            server.store.close()


def pulled(store: Store, scope: Scope) -> list[Any]:
    found: list[Any] = []
    cursor, more = None, True
    while more:
        page = store.pull(scope, cursor, 500)
        found += page.records
        cursor, more = page.cursor, page.more
    return found


def everything(store: Store) -> Iterator[Any]:
    place, more = 0, True
    while more:
        page = store.changes(place, 5000)
        yield from page.records
        place, more = page.seq, page.more


def all_receipts(store: Store, install: str) -> Iterator[Any]:
    after = 0
    while found := store.receipts(install, after):
        yield from found
        after = found[-1].dseq


Action = Callable[["World", random.Random], str]


def play(world: World, steps: int, actions: Sequence[Action] | None = None) -> list[str]:
    """That many things happen, chosen by the world's own chance; answers what. actions: ACTIONS when not told."""
    chance = world.chance
    done = []
    for _ in range(steps):
        action = chance.choice(actions or ACTIONS)
        done.append(action(world, chance))
    return done


def _act(name: str, make: Callable[[random.Random], tuple[Any, ...]]) -> Callable[[World, random.Random], str]:
    def act(world: World, chance: random.Random) -> str:
        arguments = make(chance)
        getattr(world, name)(*arguments)
        return f"{name}{arguments}"

    return act


_EDIT = _act("edit", lambda c: (c.randrange(3), c.randrange(2), c.randrange(len(FIELDS)), str(c.randrange(4))))
_PUSH = _act("push", lambda c: (c.randrange(3),))
_RELAY = _act("relay", lambda c: (c.randrange(2),))
ACTIONS = (
    _EDIT, _EDIT, _EDIT, _PUSH, _PUSH, _PUSH, _PUSH, _RELAY, _RELAY, _RELAY,
    _act("visit", lambda c: (c.randrange(3),)),
    _act("visit", lambda c: (c.randrange(3),)),
    _act("early", lambda c: c.choice([(0, 2), (2, 0)])),
    _act("restart", lambda c: (c.randrange(3),)),
    _act("jump", lambda c: (c.choice([-4000, -1, 3000]),)),
    _act("back_up", lambda c: (c.randrange(3),)),
    _act("restore", lambda c: (c.randrange(3),)),
    _act("follow", lambda c: (c.randrange(3),)),
    _act("follow", lambda c: (c.randrange(3),)),
)  # fmt: skip
# Beside the usual: devices that are revoked, and an office that decides about what they sent.
TRAY_ACTIONS = (
    *ACTIONS,
    _act("revoke", lambda c: (c.randrange(3),)),
    _act("decide", lambda c: (c.randrange(3),)),
    _act("decide", lambda c: (c.randrange(3),)),
)
