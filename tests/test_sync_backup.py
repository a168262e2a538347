"""Backups that cannot be broken, restores that lose nothing, and the way from one file to PostgreSQL."""

from __future__ import annotations

import hashlib
import shutil
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sync import service
from sync.author import Author
from sync.problems import Problem
from sync.records import BlobRef, Record
from sync.relay import Relay
from sync.scope import EVERYTHING
from sync.store.backup import back_up, renew_epoch, restore, verify
from sync.store.base import Store
from sync.store.copying import move_to_postgres
from sync.store.postgres import PostgresStore
from sync.store.sqlite import SqliteStore
from tests.postgres import NoPostgres, Postgres
from tests.store_contract import VILLAGE, Phone, clock, statuses
from tests.test_sync_two_hops import County, water

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
PICTURE = b"a signature" * 1000
SHA256 = hashlib.sha256(PICTURE).hexdigest()


def quiet(*_: Any) -> None:
    """Progress that nobody reads."""


def county_seat(folder: Path) -> SqliteStore:
    """A centre with people, a household, a visit and its signature."""
    store = SqliteStore(folder, clock=clock)
    seed = Author("seed", "seed", clock=clock)
    store.load([seed.create("user", "u-cadre", VILLAGE, {"role": "cadre", "area": VILLAGE}),
                seed.create("household", "h1", VILLAGE, {"head_name": "冉𠮷明", "water_source": "well"})])  # fmt: skip
    phone = Phone(store)
    phone.push(phone.visit("s1", blobs=[BlobRef(SHA256, len(PICTURE))]), phone.water("well", "piped"))
    service.put_blob(store, phone.credential, SHA256, 0, len(PICTURE), PICTURE)
    far = phone.author.create("household", "h9", "500240103201", {})
    assert statuses(phone.push(far)) == ["quarantined"]
    return store


def everything(store: Store) -> list[Record]:
    return list(store.changes(0, 100_000).records)


def test_a_backup_of_a_running_store_is_a_moment_of_it(tmp_path: Path) -> None:
    store = county_seat(tmp_path / "data")
    phone = Phone(store)
    stop = threading.Event()

    def visits() -> None:
        number = 0
        while not stop.is_set():
            before = str(number - 1) if number else ""
            visit = phone.visit(f"v{number}")
            counted = phone.author.update("household", "h1", VILLAGE, {"n": (before, str(number))})
            assert statuses(phone.push(visit, counted)) == ["applied", "applied"]
            number += 1

    writer = threading.Thread(target=visits)
    writer.start()
    made = [back_up(tmp_path / "data", tmp_path / f"b{n}", now=NOW, say=quiet) for n in range(3)]
    stop.set()
    writer.join()
    assert store.latest_seq() >= made[-1]["last_seq"] >= made[0]["last_seq"]
    store.close()
    for number, manifest in enumerate(made):
        folder = tmp_path / f"back{number}"
        restore(tmp_path / f"b{number}", folder, now=NOW)
        copy = SqliteStore(folder, clock=clock)
        assert copy.latest_seq() == manifest["last_seq"] and copy.epoch != manifest["epoch"]
        # The visit and what it did to the household came in one commit: never one without the other.
        visits_held = [record.id for record in everything(copy) if record.id.startswith("v")]
        household = copy.get("household", "h1")
        assert household is not None and int(household.fields.get("n") or -1) == len(visits_held) - 1
        assert service.read_blob(copy, phone_of(copy), SHA256) == PICTURE
        copy.close()


def phone_of(store: Store) -> Any:
    return Phone(store).credential


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    county_seat(tmp_path / "data").close()
    back_up(tmp_path / "data", tmp_path / "backup", now=NOW, say=quiet)
    return tmp_path / "backup"


def test_a_restore_sets_aside_what_was_there(backup: Path, tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "data", clock=clock)
    before = everything(store)
    store.close()
    restore(backup, tmp_path / "data", now=NOW)
    assert [path.name for path in tmp_path.glob("data.before-*")] == ["data.before-20261124-120000"]
    store = SqliteStore(tmp_path / "data", clock=clock)
    assert everything(store) == before
    store.close()


@pytest.mark.parametrize("place", [0.02, 0.3, 0.6, 0.97])
def test_an_altered_or_cut_backup_is_refused_and_nothing_changes(backup: Path, tmp_path: Path, place: float) -> None:
    body = bytearray(backup.read_bytes())
    at = int(len(body) * place)
    cut = tmp_path / "cut"
    cut.write_bytes(body[:at])
    body[at] ^= 0xFF
    altered = tmp_path / "altered"
    altered.write_bytes(body)
    for broken in (cut, altered):
        with pytest.raises(Problem) as refused:
            restore(broken, tmp_path / "data", now=NOW)
        assert refused.value.code == "backup_broken"
    store = SqliteStore(tmp_path / "data", clock=clock)
    assert store.get("submission", "s1") is not None
    store.close()
    assert not list(tmp_path.glob("data.restoring"))


def test_no_backup_is_made_of_damage(tmp_path: Path) -> None:
    county_seat(tmp_path / "data").close()
    path = tmp_path / "data" / "blobs" / SHA256[:2] / SHA256
    path.write_bytes(PICTURE[:-1] + b"?")
    with pytest.raises(Problem) as damaged:
        back_up(tmp_path / "data", tmp_path / "backup", now=NOW, say=quiet)
    assert damaged.value.code == "folder_damaged" and SHA256 in damaged.value.where
    path.write_bytes(PICTURE)
    with (tmp_path / "data" / "store.db").open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xa5" * 4096)
    with pytest.raises(Problem) as damaged:
        back_up(tmp_path / "data", tmp_path / "backup", now=NOW, say=quiet)
    assert damaged.value.code == "folder_damaged"
    assert not (tmp_path / "backup").exists() and not (tmp_path / "backup.part").exists()


def test_an_old_copy_put_in_place_stops_the_service_until_confirmed(tmp_path: Path) -> None:
    county_seat(tmp_path / "data").close()
    shutil.copy(tmp_path / "data" / "store.db", tmp_path / "yesterday.db")
    store = SqliteStore(tmp_path / "data", clock=clock)
    epoch = store.epoch
    phone = Phone(store)
    phone.push(phone.visit("s2"))
    store.close()
    for rest in (tmp_path / "data").glob("store.db*"):
        rest.unlink()
    shutil.copy(tmp_path / "yesterday.db", tmp_path / "data" / "store.db")
    with pytest.raises(Problem) as refused:
        SqliteStore(tmp_path / "data", clock=clock)
    assert refused.value.code == "folder_rolled_back"
    renew_epoch(tmp_path / "data")
    store = SqliteStore(tmp_path / "data", clock=clock)
    assert store.epoch != epoch and store.get("submission", "s2") is None
    store.close()


def test_after_a_restore_of_the_centre_the_village_offers_again(tmp_path: Path) -> None:
    county = County(tmp_path)
    back_up(tmp_path / "centre", tmp_path / "backup", now=NOW, say=quiet)
    county.push(county.author.create("submission", "s1", VILLAGE, {"answers": {}}), water(county.author, "well", "piped"))
    county.relay.step()
    assert county.centre.get("submission", "s1") is not None
    county.centre.close()
    restore(tmp_path / "backup", tmp_path / "centre", now=NOW)
    county.centre = county.wire.store = SqliteStore(tmp_path / "centre", clock=clock)
    assert county.centre.get("submission", "s1") is None
    county.relay.step()
    county.relay.step()
    for store in (county.centre, county.village):
        record = store.get("household", "h1")
        assert record is not None and record.fields["water_source"] == "piped" and record.pending == 0
    assert county.centre.get("submission", "s1") is not None
    county.close()


def test_after_a_restore_of_the_village_the_phones_ops_go_up_again(tmp_path: Path) -> None:
    county = County(tmp_path)
    back_up(tmp_path / "village", tmp_path / "backup", now=NOW, say=quiet)
    ops = [county.author.create("submission", f"s{n}", VILLAGE, {"answers": {}}) for n in range(3)]
    county.push(*ops)
    county.village.close()
    restore(tmp_path / "backup", tmp_path / "village", now=NOW)
    county.village = SqliteStore(tmp_path / "village", clock=clock)
    county.relay = Relay(county.village, transport=county.wire)
    assert county.village.acked([county.phone.install_id]) == {county.phone.install_id: 0}
    assert statuses(county.push(*ops)["results"]) == ["applied"] * 3
    county.relay.step()
    assert county.centre.get("submission", "s2") is not None
    county.close()


def test_a_centre_moves_into_postgresql_with_its_places_and_receipts(tmp_path: Path, postgres: Postgres) -> None:
    source = county_seat(tmp_path / "data")
    phone = Phone(source)
    phone.push(phone.visit("s5"))
    cursor = source.pull(EVERYTHING, None, 1000).cursor
    before, held = everything(source), source.quarantined()
    receipts = source.receipts(phone.install.install_id, 0)
    target = PostgresStore(postgres.database(), clock=clock)
    counts = move_to_postgres(source, target, quiet)
    source.close()
    assert counts["op"] == 6 and counts["blob"] == 1
    assert everything(target) == before and target.quarantined() == held
    assert target.receipts(phone.install.install_id, 0) == receipts
    assert target.pull(EVERYTHING, cursor, 1000).records == ()
    phone.store = target
    assert statuses(phone.push(phone.visit("s6"))) == ["applied"]
    assert [record.id for record in target.pull(EVERYTHING, cursor, 1000).records] == ["s6"]
    with target.open_blob(SHA256) as body:
        assert body.read() == PICTURE
    target.close()
    with pytest.raises(Problem) as moved:
        SqliteStore(tmp_path / "data", clock=clock)
    assert moved.value.code == "folder_moved"


def test_a_move_into_a_used_database_is_refused(tmp_path: Path, postgres: Postgres) -> None:
    source = county_seat(tmp_path / "data")
    target = PostgresStore(postgres.database(), clock=clock)
    target.load([Author("a", "a", clock=clock).create("household", "h1", VILLAGE, {})])
    with pytest.raises(Problem) as refused:
        move_to_postgres(source, target, quiet)
    assert refused.value.code == "not_empty"
    target.close()
    source.close()


def test_a_database_that_may_forget_commits_is_refused() -> None:
    try:
        server = Postgres(fsync="off")
    except NoPostgres as missing:
        pytest.skip(f"no PostgreSQL here: {missing}")
    try:
        with pytest.raises(Problem) as refused:
            PostgresStore(server.database(), clock=clock)
        assert refused.value.code == "unsafe_database" and "fsync" in refused.value.where
    finally:
        server.close()


def test_forms_in_the_making_come_along_and_other_files_do_not(tmp_path: Path) -> None:
    county_seat(tmp_path / "data").close()
    design = tmp_path / "data" / "designs" / "0123456789abcdef"
    (design / "files").mkdir(parents=True)
    (design / "design.json").write_text("{}")
    (design / "files" / SHA256).write_bytes(PICTURE)
    (design / "passwd").write_text("no")
    back_up(tmp_path / "data", tmp_path / "backup", now=NOW, say=quiet)
    restore(tmp_path / "backup", tmp_path / "back", now=NOW)
    back = tmp_path / "back"
    there = {path.relative_to(back).as_posix() for path in (back / "designs").rglob("*") if path.is_file()}
    assert there == {"designs/0123456789abcdef/design.json", f"designs/0123456789abcdef/files/{SHA256}"}


def test_a_backup_names_what_is_in_it(backup: Path) -> None:
    manifest = verify(backup)
    assert {"store.db", f"blobs/{SHA256}"} <= set(manifest["files"])
    assert (manifest["tier"], manifest["ops"]) == ("centre", 5)
