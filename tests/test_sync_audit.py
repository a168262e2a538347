"""The audit chain: every decision is an entry, and whoever edits or removes a row afterwards is named.

Tampering is done in SQL behind the store's back, on SQLite and on PostgreSQL.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.commands import audit as command
from sync import audit, heads
from sync.audit import Fault, Head, head_verified
from sync.keys import signing_key
from sync.records import Op
from sync.store.backup import renew_epoch
from sync.store.base import Store
from sync.store.copying import move_to_postgres
from sync.store.postgres import PostgresStore
from sync.store.postgres_asking import SCHEMA
from sync.store.sqlite import SqliteStore
from tests.postgres import Postgres
from tests.store_contract import VILLAGE, Phone, clock
from tests.test_sync_two_hops import County

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
KEY, OTHER_KEY = signing_key(b"a" * 32), signing_key(b"b" * 32)


class Place:
    """A store, and somebody with a database shell."""

    def __init__(self, store: Store, tamper: Callable[[str], Any]) -> None:
        self.store, self.tamper = store, tamper

    def faults(self) -> list[Fault]:
        return list(self.store.audit_faults())


def on_sqlite(folder: Path) -> Place:
    def tamper(statement: str) -> None:
        with sqlite3.connect(folder / "store.db") as shell:
            shell.execute(statement)

    return Place(SqliteStore(folder, clock=clock), tamper)


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "sqlite":
        made = on_sqlite(tmp_path / "data")
    else:
        url = request.getfixturevalue("postgres").database()

        def tamper(statement: str) -> None:
            with psycopg.connect(url, options=f"-c search_path={SCHEMA}") as shell:
                shell.execute(statement.encode())

        made = Place(PostgresStore(url, clock=clock), tamper)
    seed(made.store)
    yield made
    made.store.close()


def seed(store: Store) -> tuple[Phone, list[Op]]:
    """Five ops of a phone: a visit, two edits, one that waits for its record, and the record."""
    from sync.author import Author

    town = Author("seed", "seed", clock=clock)
    store.load([town.create("user", "u-cadre", VILLAGE, {"role": "cadre", "area": VILLAGE}),
                town.create("household", "h1", VILLAGE, {"head_name": "冉光明", "water_source": "well"})])  # fmt: skip
    phone = Phone(store)
    make = phone.author
    ops = [phone.visit("s1"), phone.water("well", "piped"),
           make.update("household", "h8", VILLAGE, {"head_name": ("早", "晚")}),
           make.create("household", "h8", VILLAGE, {"head_name": "早"}),
           make.create("household", "h9", VILLAGE, {"head_name": "马𠮷"})]  # fmt: skip
    phone.push(*ops[:3])
    phone.push(*ops[3:])
    return phone, ops


def test_an_untouched_store_has_no_faults_and_an_entry_for_every_decision(place: Place) -> None:
    assert place.faults() == []
    whats = [place.store.acts(what) for what in (audit.EPOCH, audit.ENROL)]
    assert whats[0] == [place.store.epoch] and len(whats[1]) == 1
    assert len(place.store.acts(audit.OP)) == 7
    assert len(place.store.acts(audit.STATUS)) == 1, "the op that waited got its result in a second entry"


def test_a_refused_and_a_second_content_are_entries_too(place: Place) -> None:
    phone = Phone(place.store)
    op = phone.author.create("visit", "v1", "110000", {"household_id": "h1"})
    assert phone.push(op)[0]["status"] == "quarantined"
    place.store.revoke(phone.install.install_id)
    assert place.store.acts(audit.REVOKE) == [phone.install.install_id]
    assert place.faults() == []


@pytest.mark.parametrize(("statement", "expected"), [
    ("UPDATE op SET body = replace(cast(body AS text), 'piped', 'river') WHERE n = 4", ("op_changed", 4, "body")),
    ("UPDATE op SET hash = 'f' WHERE n = 4", ("op_changed", 4, "hash")),
    ("UPDATE op SET status = 'quarantined', code = 'outside_area' WHERE n = 4", ("op_changed", 4, "status")),
    ("UPDATE op SET received_at = '2026-01-01T00:00:00.000Z' WHERE n = 4", ("op_changed", 4, "received_at")),
    ("UPDATE op SET install_id = 'somebody' WHERE n = 4", ("op_changed", 4, "install_id")),
    ("DELETE FROM op WHERE n = 4", ("op_missing", 4, "")),
    ("DELETE FROM op WHERE n = 7", ("op_missing", 7, "")),
    ("DELETE FROM audit WHERE n = 5", ("entry_missing", 5, "")),
    ("UPDATE audit SET status = 'applied', code = '' WHERE what = 'status'", None),
    ("UPDATE audit SET code = 'x' WHERE n = 5", ("entry_changed", 5, "")),
])  # fmt: skip
def test_an_edited_or_removed_row_is_named(place: Place, statement: str, expected: tuple[str, int, str] | None) -> None:
    if isinstance(place.store, PostgresStore):
        statement = statement.replace("replace(cast(body AS text), 'piped', 'river')",
                                      "convert_to(replace(convert_from(body, 'utf8'), 'piped', 'river'), 'utf8')")  # fmt: skip
    place.tamper(statement)
    found = [(fault.what, fault.n, fault.part) for fault in place.faults()]
    if expected is None:  # writing the same again is no change
        assert found == []
    else:
        assert expected in found


def test_an_op_that_was_put_in_by_hand_is_named(place: Place) -> None:
    columns = "op_id, install_id, dseq, entity, id, hash, body, received_at, status, code, rev, seq, variant"
    county = "" if isinstance(place.store, SqliteStore) else "county, "
    place.tamper(f"INSERT INTO op (n, {county}{columns}) SELECT 99, {county}'by-hand', install_id, dseq + 90, entity, id, hash,"  # noqa: S608
                 " body, received_at, status, code, rev, seq, variant FROM op WHERE n = 4")  # fmt: skip
    assert ("op_unknown", 99) in [(fault.what, fault.n) for fault in place.faults()]


def test_an_erased_op_keeps_its_hash_and_is_no_fault(place: Place) -> None:
    place.tamper("UPDATE op SET body = '' WHERE n = 4")
    assert [(fault.what, fault.part) for fault in place.faults()] == [("op_changed", "body")]
    place.store.note_act(audit.ERASE, "submission s1", "PIPL 47", op_n=4, now=NOW)
    assert place.faults() == []


def test_without_the_link_an_edited_entry_passes(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.tamper("UPDATE audit SET code = 'x' WHERE what = 'epoch'")
    assert [fault.what for fault in place.faults()] == ["entry_changed"]

    class Anything(bytes):
        __hash__ = bytes.__hash__

        def __ne__(self, other: object) -> bool:
            return False

    monkeypatch.setattr(audit, "link_of", lambda previous, values: Anything())
    assert place.faults() == []


def test_two_hosts_and_many_threads_make_one_chain(postgres: Postgres) -> None:
    url = postgres.database()
    hosts = [PostgresStore(url, clock=clock) for _ in range(2)]
    seed(hosts[0])
    phones = [Phone(hosts[n % 2]) for n in range(8)]
    threads = [threading.Thread(target=lambda one=one: [one.push(one.visit(f"{one.install.install_id}-{n}")) for n in range(10)])
               for one in phones]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(hosts[0].audit_faults()) == []
    assert len(hosts[1].acts(audit.OP)) == 87
    for host in hosts:
        host.close()


def test_a_folder_from_before_the_chain_gets_one(tmp_path: Path) -> None:
    place = on_sqlite(tmp_path / "data")
    seed(place.store)
    place.store.close()
    place.tamper("DELETE FROM audit")
    again = on_sqlite(tmp_path / "data")
    assert len(again.store.acts(audit.OP)) == 7 and again.faults() == []
    again.store.close()


def test_a_restored_store_says_so_in_its_chain(tmp_path: Path) -> None:
    place = on_sqlite(tmp_path / "data")
    seed(place.store)
    before = place.store.epoch
    place.store.close()
    renew_epoch(tmp_path / "data")
    again = on_sqlite(tmp_path / "data")
    assert again.store.acts(audit.EPOCH) == [before, again.store.epoch]
    again.store.close()


def test_the_chain_moves_to_postgresql(tmp_path: Path, postgres: Postgres) -> None:
    place = on_sqlite(tmp_path / "data")
    seed(place.store)
    heads.todays_head(place.store, KEY, NOW)
    target = PostgresStore(postgres.database(), clock=clock)
    move_to_postgres(place.store, target, lambda table, rows: None)  # type: ignore[arg-type]
    assert target.chain_end() == place.store.chain_end()
    assert target.heads(place.store.server_id) == place.store.heads(place.store.server_id)
    assert list(target.audit_faults()) == []
    target.note_act(audit.ERASE, "x", now=NOW)
    assert list(target.audit_faults()) == []
    place.store.close()
    target.close()


# --- heads between the tiers ------------------------------------------------------------------------------


def hello(county: County, day: int = 0) -> None:
    """The node's word and the centre's answer, as relay and service say them."""
    now = NOW + timedelta(days=day)
    here, above = county.village, county.centre
    said = heads.to_say(here, OTHER_KEY, above.server_id, now)
    heads.take(above, KEY, said, now)
    heads.take(here, OTHER_KEY, heads.to_say(above, KEY, here.server_id, now), now)


@pytest.fixture
def county(tmp_path: Path) -> Iterator[County]:
    made = County(tmp_path)
    yield made
    made.village.close()
    made.centre.close()


def test_each_tier_keeps_the_others_daily_heads(county: County) -> None:
    for day in range(3):
        hello(county, day)
        hello(county, day)
    for keeper, owner in ((county.centre, county.village), (county.village, county.centre)):
        kept = keeper.heads(owner.server_id)
        assert [head.day for head in kept] == ["2026-11-24", "2026-11-25", "2026-11-26"]
        assert kept == owner.heads(owner.server_id) and all(map(head_verified, kept))
    assert county.centre.acts(audit.DIFFERS) == county.village.acts(audit.DIFFERS) == []


def rewritten_from(store: SqliteStore, n: int) -> None:
    """What somebody with the file does who knows how links are made: all entries from one on, anew."""
    from sync.store import sqlite_audit

    entries = list(sqlite_audit._entries(store._file.reader().execute))
    with store._writing() as write:
        write.execute("DELETE FROM audit WHERE n >= ?", (n,))
        write.execute("DELETE FROM audit_head WHERE server_id = ?", (store.server_id,))
        for entry in entries[n:]:
            sqlite_audit.note(write, entry.what, entry.at, op_n=entry.op_n, about=entry.about, dseq=entry.dseq,
                              hash=entry.hash, status=entry.status, code=entry.code)  # fmt: skip
        write.execute("DELETE FROM op WHERE n = ?", (entries[n - 1].op_n,))


def test_a_chain_written_anew_fits_in_itself_but_not_the_neighbours_head(county: County) -> None:
    seed(county.village)
    hello(county)
    rewritten_from(county.village, len(county.village.acts(audit.EPOCH)) + 3)
    assert not [fault for fault in county.village.audit_faults() if fault.what.startswith("entry")]
    hello(county, 1)
    [place] = county.village.acts(audit.DIFFERS)
    assert place.startswith("2026-11-24 ")
    hello(county, 1)
    assert len(county.village.acts(audit.DIFFERS)) == 1, "told once for each head"


def test_without_the_comparison_a_rewritten_chain_passes(county: County, monkeypatch: pytest.MonkeyPatch) -> None:
    seed(county.village)
    hello(county)
    rewritten_from(county.village, len(county.village.acts(audit.EPOCH)) + 3)
    monkeypatch.setattr(heads, "_is_ours", lambda *_: False)
    hello(county, 1)
    assert county.village.acts(audit.DIFFERS) == []


def test_nobody_else_can_leave_a_head_in_a_servers_name(county: County) -> None:
    hello(county)
    forged = audit.signed_head(signing_key(b"c" * 32), county.village.server_id, "2026-11-25", "e", county.village.chain_end())
    heads.take(county.centre, KEY, {"head": forged._asdict()}, NOW)
    altered = county.village.heads(county.village.server_id)[-1]._replace(day="2026-11-26")
    heads.take(county.centre, KEY, {"head": altered._asdict()}, NOW)
    assert [head.day for head in county.centre.heads(county.village.server_id)] == ["2026-11-24"]


@pytest.mark.parametrize("said", [None, 5, {}, {"head": []}, {"head": {"n": "x"}}, {"kept": [{"server_id": 3}, 4]}, {"kept": 7},
                                  {"head": dict(zip(Head._fields, ("s", "d", "e", -1, "zz", "p", "s"), strict=True))}])  # fmt: skip
def test_what_is_no_head_stops_nobody(county: County, said: Any) -> None:
    assert heads.take(county.centre, KEY, said, NOW)


# --- the command ------------------------------------------------------------------------------------------


def test_the_command_names_the_row_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "data"
    place = on_sqlite(folder)
    seed(place.store)
    heads.todays_head(place.store, signing_key(_secret(folder)), NOW)
    assert command.main(["--data", str(folder)]) == 0, "also while it serves"
    assert "审计链完好" in capsys.readouterr().out
    place.tamper("DELETE FROM op WHERE n = 4")
    assert command.main(["--data", str(folder)]) == 1
    assert "第 4 条操作被删了" in capsys.readouterr().err
    place.store.close()


def test_the_command_reads_postgresql(postgres: Postgres, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = postgres.database()
    store = PostgresStore(url, clock=clock)
    seed(store)
    assert command.main(["--data", str(tmp_path), "--database", url]) == 0
    with psycopg.connect(url, options=f"-c search_path={SCHEMA}") as shell:
        shell.execute("DELETE FROM audit WHERE n = 3")
    assert command.main(["--data", str(tmp_path), "--database", url]) == 1
    assert "第 3 条被删了" in capsys.readouterr().err
    store.close()


def test_a_tail_cut_off_is_told_by_the_days_head(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "data"
    place = on_sqlite(folder)
    seed(place.store)
    heads.todays_head(place.store, signing_key(_secret(folder)), NOW)
    last = place.store.chain_end().n
    place.store.close()
    place.tamper(f"DELETE FROM op WHERE n = (SELECT op_n FROM audit WHERE n = {last - 1})")  # noqa: S608
    place.tamper(f"DELETE FROM audit WHERE n >= {last - 1}")  # noqa: S608
    assert command.main(["--data", str(folder)]) == 1
    assert f"审计链第 {last} 条被删了" in capsys.readouterr().err


def _secret(folder: Path) -> bytes:
    from app.keys import secret

    return secret(folder)
