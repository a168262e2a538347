"""What only PostgreSQL brings: several hosts on one store, commits that come late, partitions, restarts."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from app.commands.restore import main as restore_command
from sync import service
from sync.author import Author
from sync.own import write_own
from sync.problems import Problem
from sync.protocol import push_body
from sync.store import postgres_taking as module
from sync.store.opening import open_store
from sync.store.postgres import PostgresStore
from sync.store.postgres_intake import PostgresMemory
from sync.store.postgres_views import make_views
from tests.postgres import NoPostgres, Postgres
from tests.simulation import World
from tests.store_contract import ABROAD, VILLAGE, Phone, clock, statuses, together

_json = msgspec.json.Encoder()
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def hosts(postgres: Postgres) -> Iterator[list[PostgresStore]]:
    """Three web hosts of one centre."""
    url = postgres.database()
    made = [PostgresStore(url, clock=clock) for _ in range(3)]
    seed = Author("seed", "seed", clock=clock)
    made[0].load([seed.create("user", "u-cadre", VILLAGE, {"role": "cadre", "area": VILLAGE}),
                  seed.create("household", "h1", VILLAGE, {"head_name": "冉光明", "water_source": "well"})])  # fmt: skip
    yield made
    for store in made:
        store.close()


def test_hosts_are_one_centre(hosts: list[PostgresStore]) -> None:
    assert len({(store.server_id, store.epoch) for store in hosts}) == 1
    assert {store.agree("secret", str(n)) for n, store in enumerate(hosts)} == {"0"}
    phone = Phone(hosts[0])
    phone.push(phone.visit("s1"))
    phone.store = hosts[1]
    assert statuses(phone.push(phone.visit("s2"))) == ["applied"]
    assert hosts[2].acked([phone.install.install_id]) == {phone.install.install_id: 2}


def test_a_device_stopped_at_one_host_is_stopped_in_the_next_round_of_each(hosts: list[PostgresStore]) -> None:
    phone, other = Phone(hosts[0]), Phone(hosts[0])
    tokens = [phone.install.token, other.install.token]
    assert [[one.credentials(tokens)[token].revoked for token in tokens] for one in hosts] == [[False, False]] * 3
    hosts[1].revoke(phone.install.install_id)
    assert [[one.credentials(tokens)[token].revoked for token in tokens] for one in hosts] == [[True, False]] * 3


def test_the_same_body_at_three_hosts_has_one_effect(hosts: list[PostgresStore]) -> None:
    phone = Phone(hosts[0])
    ops = [phone.visit("s1"), phone.water("well", "piped")]
    body = push_body([_json.encode(op) for op in ops], server_id=None, epoch=None)
    credential = phone.credential
    replies = together(6, lambda n: service.push(hosts[n % 3], credential, body, now=NOW))
    found = sorted(tuple(statuses(reply["results"])) for reply in replies)
    assert found == [("applied", "applied")] + [("duplicate", "duplicate")] * 5
    record = hosts[1].get("household", "h1")
    assert record is not None and record.rev == 2


def test_what_is_asked_at_once_is_what_is_asked_one_by_one(hosts: list[PostgresStore]) -> None:
    """Records here, in another county, erased long ago and nowhere; ops known, held and set aside; logs begun and not."""
    store, phone, new = hosts[0], Phone(hosts[0]), Phone(hosts[1])
    author = Author("seed-2", "seed", clock=clock)
    store.load([author.create("household", "far", ABROAD, {"head_name": "远处"}),
                author.create("household", "old", VILLAGE, {"head_name": "从前"}),
                author.void("household", "old", VILLAGE, {"head_name": "从前"}, "搬走")])  # fmt: skip
    store.age_tombstones(now=NOW + timedelta(days=1), keep_days=0)
    ops = [phone.visit("s1"), phone.water("", "well", household="nobody"), phone.author.create("issue", "i1", ABROAD, {"n": "1"})]
    assert statuses(phone.push(*ops)) == ["applied", "held", "quarantined"]
    keys = [("household", id, VILLAGE) for id in ("h1", "far", "old", "nobody", "never")] + [("submission", "s1", "")]
    installs = [phone.install.install_id, new.install.install_id, "stranger"]
    asked = [*ops, new.visit("s9")]
    told = []
    for foreseen in (False, True):
        with store.transaction() as connection:
            memory = PostgresMemory(connection)
            if foreseen:
                memory.foresee(installs, asked, keys)
            stored = memory.stored(keys)
            missing = [key[:2] for key in keys if key[:2] not in stored]
            told.append((memory.logs(installs), memory.known_ops(asked), stored, memory.waiting(missing)))
    assert told[0] == told[1]
    assert {key[1] for key in told[1][2]} == {"h1", "far", "old", "s1"} and list(told[1][3]) == [("household", "nobody")]
    assert set(told[1][1]) == {op.op_id for op in ops}


@pytest.mark.parametrize("apart", [False, True], ids=["one_host", "two_hosts"])
@pytest.mark.parametrize("first", ["create", "update"])
@pytest.mark.parametrize("second", ["create", "update"])
def test_what_two_rounds_at_once_find_nowhere_is_decided_once_more(
    hosts: list[PostgresStore], monkeypatch: pytest.MonkeyPatch, first: str, second: str, apart: bool
) -> None:
    """The second round asks while the first waits for its commit: a row that is not there cannot be locked."""
    early, late = Phone(hosts[0]), Phone(hosts[1 if apart else 0])
    ops = {
        "create": lambda phone, name: phone.author.create("household", "new", VILLAGE, {name: "甲"}),
        "update": lambda phone, name: phone.author.update("household", "new", VILLAGE, {name: ("", "甲")}),
    }
    asked, written, count = threading.Event(), threading.Event(), [0]
    foresee, together_ = PostgresMemory.foresee, hosts[0]._push_together._together

    def foreseen(memory: PostgresMemory, *what: Any) -> None:
        foresee(memory, *what)
        count[0] += 1
        if count[0] == 2:
            asked.set()

    def waiting(work: Any, pass_on: Any) -> Any:
        def passed() -> None:
            pass_on()
            if not written.is_set():
                written.set()
                assert asked.wait(20)

        return together_(work, passed)

    monkeypatch.setattr(PostgresMemory, "foresee", foreseen)
    monkeypatch.setattr(hosts[0]._push_together, "_together", waiting)
    found: dict[str, str] = {}

    def push(phone: Phone, kind: str, name: str) -> None:
        found[name] = statuses(phone.push(ops[kind](phone, name)))[0]

    threads = [threading.Thread(target=push, args=(early, first, "head_name"))]
    threads[0].start()
    assert written.wait(20)
    threads.append(threading.Thread(target=push, args=(late, second, "water_source")))
    threads[1].start()
    for thread in threads:
        thread.join(30)
    held = {"create": "applied", "update": "held"}
    assert found == {"head_name": held[first], "water_source": held[second] if first == "update" else "applied"}
    record = hosts[2].get("household", "new")
    if first == second == "update":
        assert record is None
    else:
        assert record is not None and record.rev == 2
        assert record.fields == {"head_name": "甲", "water_source": "甲"}


def test_hosts_that_make_own_ops_at_once_lose_none(hosts: list[PostgresStore]) -> None:
    def publish(number: int) -> None:
        write_own(hosts[number % 3], "office", "u1",
                  lambda author: [author.create("issue", f"i{number}", VILLAGE, {"n": str(number)})], clock=clock)  # fmt: skip

    together(12, publish)
    assert all(hosts[0].get("issue", f"i{number}") is not None for number in range(12))


def test_a_follower_misses_no_commit_that_comes_late(
    hosts: list[PostgresStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its last statement and its commit every writer dawdles, as a slow disk makes it."""
    real = module.write_down
    delays = threading.local()

    def dawdling(connection: psycopg.Connection, intake: Any, *came: Any) -> None:
        real(connection, intake, *came)
        delays.count = getattr(delays, "count", 0) + 1
        time.sleep((delays.count * 7 % 5) / 500)

    monkeypatch.setattr(module, "write_down", dawdling)
    phones = [Phone(hosts[n % 3]) for n in range(8)]
    done = threading.Event()
    seen: set[str] = set()

    def follow() -> None:
        place = 0
        while True:
            last = done.is_set()
            page = hosts[2].changes(place, 50)
            seen.update(record.id for record in page.records)
            place = page.seq
            if last and not page.records:
                return

    follower = threading.Thread(target=follow)
    follower.start()
    together(8, lambda n: [phones[n].push(phones[n].visit(f"s{n}-{k}")) for k in range(12)])
    done.set()
    follower.join(60)
    assert {f"s{n}-{k}" for n in range(8) for k in range(12)} <= seen


def test_without_the_counters_lock_the_follower_would_miss_some(postgres: Postgres) -> None:
    """The safeguard's own test: places from a bare sequence become visible out of order."""
    url = postgres.database()
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("CREATE TABLE naive (seq bigserial PRIMARY KEY)")
    done = threading.Event()
    seen: set[int] = set()

    def follow() -> None:
        place = 0
        with psycopg.connect(url, autocommit=True) as db:
            while not done.is_set():
                for (seq,) in db.execute("SELECT seq FROM naive WHERE seq > %s ORDER BY seq", (place,)).fetchall():
                    seen.add(seq)
                    place = seq

    def write(number: int) -> None:
        with psycopg.connect(url) as db:
            for step in range(40):
                db.execute("INSERT INTO naive DEFAULT VALUES")
                time.sleep((number * step) % 7 / 1000)
                db.commit()

    follower = threading.Thread(target=follow)
    follower.start()
    together(8, write)
    time.sleep(0.1)
    done.set()
    follower.join(30)
    assert len(seen) < 320


def test_counties_are_partitions_and_strangers_make_none(hosts: list[PostgresStore]) -> None:
    phone = Phone(hosts[0])
    far = [phone.author.create("household", f"x{n}", f"11{n:04d}100200", {}) for n in range(5)]
    assert statuses(phone.push(*far)) == ["quarantined"] * 5
    hosts[0].load([Author("seed2", "s", clock=clock).create("household", "h2", ABROAD, {})])
    with hosts[0].transaction() as db:
        rows = db.execute("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' ORDER BY 1").fetchall()
    assert [row[0] for row in rows] == [f"{table}_{county}" for table in ("op", "record")
                                        for county in ("000000", "500156", "500240")]  # fmt: skip


def test_answered_pushes_survive_a_power_cut_of_the_database() -> None:
    try:
        server = Postgres()
    except NoPostgres as missing:
        pytest.skip(f"no PostgreSQL here: {missing}")
    try:
        url = server.database()
        store = PostgresStore(url, clock=clock)
        store.load([Author("seed", "s", clock=clock).create("user", "u-cadre", VILLAGE, {"role": "cadre", "area": VILLAGE})])
        phone = Phone(store)
        answered = [n for n in range(20) if statuses(phone.push(phone.visit(f"s{n}"))) == ["applied"]]
        server.stop("immediate")
        with pytest.raises(Problem) as silent:
            phone.push(phone.visit("lost"))
        assert silent.value.code in ("store_failed", "busy")
        server.start()
        assert [n for n in range(20) if store.get("submission", f"s{n}")] == answered
        phone.author.next_dseq = 21
        assert statuses(phone.push(phone.visit("again"))) == ["applied"]
        store.close()
    finally:
        server.close()


def test_a_database_put_back_to_yesterday_is_noticed_and_the_nodes_offer_again(tmp_path: Path) -> None:
    """Row 27: a backup of the whole cluster is restored under a centre that had gone on."""
    try:
        server = Postgres()
    except NoPostgres as missing:
        pytest.skip(f"no PostgreSQL here: {missing}")
    try:
        url = server.database()
        host = tmp_path / "host"
        host.mkdir()
        world = World(tmp_path, 1, lambda clock: open_store(host, url, clock=clock))
        world.network.quiet = True
        world.visit(0)
        world.settle()
        world.centre.store.close()
        yesterday = server.copy_aside()
        world.centre.store = world.centre.open_it()
        world.visit(0)
        world.visit(1)
        world.settle()
        assert world.centre.store.latest_seq() > 0
        world.centre.store.close()
        server.put_back(yesterday)
        with pytest.raises(Problem) as noticed:
            world.centre.open_it()
        assert noticed.value.code == "database_rolled_back"
        assert restore_command(["--confirm", "--upstream", url, "--data", str(host)]) == 0
        world.centre.store = world.centre.open_it()
        world.settle()
        world.check()
        world.close()
    finally:
        server.close()


def test_other_tools_read_households_and_answers_as_columns(hosts: list[PostgresStore]) -> None:
    definition = {
        "form_id": "visit",
        "nodes": [
            {"path": "/data/home", "name": "home", "kind": "group", "type": "group"},
            {"path": "/data/home/water", "name": "water", "kind": "question", "type": "text"},
            {"path": "/data/member", "name": "member", "kind": "repeat", "type": "repeat"},
            {"path": "/data/member/age", "name": "age", "kind": "question", "type": "integer"},
            {"path": "/data/odd\"name", "name": "odd\"name", "kind": "question", "type": "text"},
        ],
    }  # fmt: skip
    answers = {"home": {"water": "piped"}, "member": [{"age": "7"}], "odd\"name": "1"}
    phone = Phone(hosts[0])
    phone.push(phone.author.create("submission", "s1", VILLAGE, {"form_id": "visit", "answers": answers}))
    with hosts[0].transaction() as db:
        assert "answers_visit" in make_views(db, [definition])
        make_views(db, [definition])
        assert db.execute("SELECT head_name, water_source FROM households").fetchall() == [("冉光明", "well")]
        assert db.execute('SELECT form_id, water, member, "odd""name" FROM answers_visit').fetchall() == [
            ("visit", "piped", '[{"age": "7"}]', "1")]  # fmt: skip
