"""Full disks, disks that do not keep what they are given, damaged pages, logs without their tail, unsafe SQLite.

1. a full disk refuses, keeps what was there, and goes on when there is room again
2. after a failed flush nobody is answered, the process ends with a line, and the next start is whole
3. every connection to a store either flushes every commit or can neither write nor checkpoint
4. a database with an unsound page is not served
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import urllib.error
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.tables.follow import Tables
from sync import service
from sync.author import Author
from sync.problems import Problem
from sync.records import BlobRef, Op
from sync.store import disk, sqlite_file
from sync.store.backup import back_up, renew_epoch, restore
from sync.store.sqlite import SqliteStore
from tests.browser.servers import ROOT
from tests.harm import FailingFlush, SmallDisk, small_disk
from tests.store_contract import VILLAGE, Phone, clock, statuses
from tests.test_sync_kill import SHA256, BareNode, answered, check, village  # noqa: F401 - a fixture

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def seeded(folder: Path) -> SqliteStore:
    store = SqliteStore(folder, clock=clock)
    seed = Author("seed", "seed", clock=clock)
    store.load([seed.create("user", "u-cadre", VILLAGE, {"role": "cadre", "area": VILLAGE}),
                seed.create("household", "h1", VILLAGE, {"water_source": "well"})])  # fmt: skip
    return store


def long_visit(phone: Phone, id: str, text: str) -> Op:
    return phone.author.create("submission", id, VILLAGE, {"form_id": "visit", "answers": {"note": text}})


def quiet(*_: Any) -> None:
    """Progress that nobody reads."""


# --- 1. full ----------------------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk") as made:
        yield made


def test_a_full_disk_refuses_pushes_and_loses_nothing(small: SmallDisk) -> None:
    store = seeded(small.folder / "data")
    phone = Phone(store)
    number = 0
    small.fill(leave=200_000)
    visit = long_visit(phone, "s0", "话" * 2000)
    with pytest.raises(Problem) as full:
        for number in range(2000):
            visit = long_visit(phone, f"s{number}", "话" * 2000) if number else visit
            assert statuses(phone.push(visit)) == ["applied"]
    assert full.value.code == "disk_full"
    with pytest.raises(Problem) as still:
        phone.push(visit)
    assert still.value.code == "disk_full"
    store.close()
    small.empty()
    store = SqliteStore(small.folder / "data", clock=clock)
    acked = store.acked([phone.install.install_id])[phone.install.install_id]
    assert acked == number
    assert [n for n in range(number) if store.get("submission", f"s{n}") is None] == []
    phone.store = store
    assert statuses(phone.push(visit, phone.visit("later"))) == ["applied", "applied"]
    assert store._one("PRAGMA integrity_check")[0] == "ok"
    store.close()


def test_a_full_disk_is_507_over_http_and_the_phone_goes_on_when_there_is_room(
    tmp_path: Path, village: Any, small: SmallDisk  # noqa: F811
) -> None:
    node, phone = village()
    shutil.move(tmp_path / "data", small.folder / "data")
    (tmp_path / "data").symlink_to(small.folder / "data")
    node.start()
    phone.push()
    small.fill()
    with pytest.raises(urllib.error.HTTPError) as refused:
        phone.push()
    with refused.value as answer:
        assert answer.code == 507 and answer.headers["Retry-After"]
        assert json.loads(answer.read())["error"]["code"] == "disk_full"
    with pytest.raises(urllib.error.HTTPError) as refused:
        phone.send_picture()
    with refused.value as answer:
        assert answer.code == 507
    small.empty()
    answered(phone.push)
    answered(phone.send_picture)
    node.stop()
    check(small.folder / "data", phone)


def test_a_picture_on_a_full_disk_continues_where_it_was(small: SmallDisk) -> None:
    store = seeded(small.folder / "data")
    phone = Phone(store)
    picture = os.urandom(600_000)
    sha256 = hashlib.sha256(picture).hexdigest()
    phone.push(phone.visit("s1", blobs=[BlobRef(sha256, len(picture))]))
    assert service.put_blob(store, phone.credential, sha256, 0, len(picture), picture[:200_000]) == 200_000
    small.fill(leave=100_000)
    with pytest.raises(Problem) as full:
        service.put_blob(store, phone.credential, sha256, 200_000, len(picture), picture[200_000:])
    assert full.value.code == "disk_full"
    assert service.blob_state(store, phone.credential, sha256) == (200_000, len(picture))
    small.empty()
    assert service.put_blob(store, phone.credential, sha256, 200_000, len(picture), picture[200_000:]) == len(picture)
    assert service.read_blob(store, phone.credential, sha256) == picture
    store.close()


@pytest.mark.parametrize("leave", [0, 50_000, 200_000, 450_000])
def test_a_backup_onto_a_full_disk_is_no_backup(tmp_path: Path, small: SmallDisk, leave: int) -> None:
    store = seeded(tmp_path / "data")
    phone = Phone(store)
    phone.push(long_visit(phone, "s1", os.urandom(150_000).hex()))
    before = set(small.folder.iterdir())
    small.fill(leave=leave)
    with pytest.raises(Problem) as full:
        back_up(tmp_path / "data", small.folder / "backup", now=NOW, say=quiet)
    assert full.value.code == "disk_full"
    small.empty()
    assert set(small.folder.iterdir()) == before
    back_up(tmp_path / "data", small.folder / "backup", now=NOW, say=quiet)
    store.close()


@pytest.mark.parametrize("leave", [0, 50_000, 300_000])
def test_a_restore_onto_a_full_disk_leaves_the_folder_as_it_was(tmp_path: Path, small: SmallDisk, leave: int) -> None:
    store = seeded(small.folder / "data")
    phone = Phone(store)
    phone.push(long_visit(phone, "s1", os.urandom(150_000).hex()))
    back_up(small.folder / "data", tmp_path / "backup", now=NOW, say=quiet)
    phone.push(phone.visit("s2"))
    store.close()
    small.fill(leave=leave)
    with pytest.raises((Problem, OSError)) as full:
        restore(tmp_path / "backup", small.folder / "data", now=NOW)
    assert getattr(full.value, "code", "disk_full") == "disk_full"
    said = subprocess.run([sys.executable, "-m", "app.commands", "restore", str(tmp_path / "backup"),
                           "--data", str(small.folder / "data")], capture_output=True, text=True, cwd=ROOT)  # fmt: skip
    assert said.returncode == 1 and said.stderr.startswith("✗") and "Traceback" not in said.stderr
    small.empty()
    store = SqliteStore(small.folder / "data", clock=clock)
    assert store.get("submission", "s2") is not None
    store.close()
    assert sorted(path.name for path in small.folder.iterdir()) == ["data"]
    restore(tmp_path / "backup", small.folder / "data", now=NOW)


def test_a_start_on_a_full_disk_serves_or_says_so(village: Any, tmp_path: Path, small: SmallDisk) -> None:  # noqa: F811
    node, phone = village()
    shutil.move(tmp_path / "data", small.folder / "data")
    (tmp_path / "data").symlink_to(small.folder / "data")
    small.fill()
    try:
        node.start()
        with pytest.raises(urllib.error.HTTPError) as refused:
            phone.push()
        with refused.value as answer:
            assert answer.code == 507
    except RuntimeError:
        lines = node.log.read_text()
        assert "✗" in lines and "磁盘空间" in lines and "Traceback" not in lines
    node.stop()
    small.empty()
    node.start()
    answered(phone.push)
    node.stop()
    check(small.folder / "data", phone)


def test_read_tables_on_a_full_disk_stay_behind_and_catch_up(tmp_path: Path, small: SmallDisk) -> None:
    store = seeded(tmp_path / "data")
    tables = Tables(small.folder / "read.db", store)
    tables.catch_up()
    phone = Phone(store)
    phone.push(*[long_visit(phone, f"s{n}", os.urandom(2000).hex()) for n in range(40)])
    small.fill()
    with pytest.raises(sqlite3.OperationalError, match="full"):
        tables.catch_up()
    assert tables.behind() > 0
    assert tables.reading().execute("SELECT count(*) FROM households").fetchone() == (1,)
    small.empty()
    tables.catch_up()
    assert tables.behind() == 0
    tables.close()
    store.close()


def test_a_print_job_on_a_full_disk_says_so_and_the_next_one_runs(small: SmallDisk) -> None:
    from app.print import fonts
    from app.print.jobs import DONE, FAILED, NO_ROOM, Jobs, new_job

    try:
        fonts.check()
    except fonts.PrintingMissing as missing:
        pytest.skip(str(missing))
    jobs = Jobs(small.folder / "jobs", ROOT / ".tools" / "fonts", workers=1)
    page = "<p>走访表</p>"
    small.fill(leave=20_000)
    job = jobs.start(new_job("sheet", "一", "u", ["500156"], 1, "2026-11-24"), lambda: [page + "<p>" + "村" * 3000])
    small.fill()
    told = jobs.wait(job.id, 240)
    assert (told.state, told.error) == (FAILED, NO_ROOM)
    small.empty()
    job = jobs.start(new_job("sheet", "二", "u", ["500156"], 1, "2026-11-24"), lambda: [page])
    assert jobs.wait(job.id, 240).state == DONE


# --- 2. flushes that fail ---------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["store.db-wal", ".part", "/blobs/"])
def test_after_a_failed_flush_nobody_is_answered_and_the_process_ends(village: Any, tmp_path: Path, where: str) -> None:  # noqa: F811
    harm = FailingFlush(tmp_path)
    node, phone = village(**harm.env)
    node.start()
    phone.push()
    promised = dict(phone.promised)
    harm.begin(where)
    with pytest.raises((OSError, urllib.error.URLError)) as broken:
        phone.push()
        phone.send_picture()
    assert not isinstance(broken.value, urllib.error.HTTPError)
    assert node.process is not None and node.process.wait(10) == disk.EXIT
    assert "磁盘没有写成功" in node.log.read_text().splitlines()[-1]
    if where == "store.db-wal":
        assert phone.promised == promised
    harm.end()
    check(tmp_path / "data", phone)
    node.start()
    answered(phone.push)
    answered(phone.send_picture)
    node.stop()
    check(tmp_path / "data", phone)


def test_what_could_not_be_flushed_is_written_anew_at_the_next_start(tmp_path: Path) -> None:
    """The kernel calls pages clean that it failed to write: the log must not be trusted as it lies there."""
    store = seeded(tmp_path / "data")
    phone = Phone(store)
    phone.push(phone.visit("s1"))
    shutil.copytree(tmp_path / "data", tmp_path / "after-the-kill")
    store.close()
    assert (tmp_path / "after-the-kill" / "store.db-wal").stat().st_size > 0
    again = SqliteStore(tmp_path / "after-the-kill", clock=clock)
    assert (tmp_path / "after-the-kill" / "store.db-wal").stat().st_size == 0
    with sqlite3.connect(f"file:{tmp_path}/after-the-kill/store.db?immutable=1", uri=True) as file_alone:
        assert file_alone.execute("SELECT count(*) FROM record WHERE id = 's1'").fetchone() == (1,)
    again.close()


def test_a_part_that_could_not_be_flushed_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = seeded(tmp_path / "data")
    phone = Phone(store)
    body = b"abcdef"
    sha256 = hashlib.sha256(body).hexdigest()
    phone.push(phone.visit("s1", blobs=[BlobRef(sha256, len(body))]))
    left: list[int] = []
    monkeypatch.setattr(disk, "leave", left.append)
    monkeypatch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(OSError(5, "EIO")))
    with pytest.raises(Problem) as ended:
        service.put_blob(store, phone.credential, sha256, 0, len(body), body[:3])
    assert ended.value.code == "flush_failed" and left == [disk.EXIT]
    monkeypatch.undo()
    assert service.put_blob(store, phone.credential, sha256, 0, len(body), body) == len(body)
    store.close()


def test_a_backup_that_could_not_be_flushed_is_no_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seeded(tmp_path / "data").close()
    asked: list[int] = []

    def failing(handle: int) -> None:
        asked.append(handle)
        raise OSError(5, "EIO")

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(Problem) as failed:
        back_up(tmp_path / "data", tmp_path / "backup", now=NOW, say=quiet)
    assert failed.value.code == "store_failed" and len(asked) == 1
    assert not list(tmp_path.glob("backup*")) and not list(tmp_path.glob(".backup*"))


def test_the_note_of_how_far_the_store_came_never_undoes_a_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = seeded(tmp_path / "data")
    phone = Phone(store)
    monkeypatch.setattr(os, "pwrite", lambda *_: (_ for _ in ()).throw(OSError(28, "ENOSPC")))
    assert statuses(phone.push(phone.visit("s1"))) == ["applied"]
    store.close()


# --- 3. connections ---------------------------------------------------------------------------------------


def test_every_connection_to_a_store_flushes_or_can_do_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What SQLite says of each connection that was ever opened to store.db, after all that a node does with it."""
    opened: list[tuple[str, sqlite3.Connection]] = []
    said: list[tuple[str, int, int, int]] = []
    real = sqlite3.connect

    class Watched(sqlite3.Connection):
        def close(self) -> None:
            note(self)
            super().close()

    def note(connection: sqlite3.Connection) -> None:
        path = next((row[2] for row in connection.execute("PRAGMA database_list") if row[1] == "main"), "")
        values = [connection.execute(f"PRAGMA {name}").fetchone()[0]
                  for name in ("synchronous", "query_only", "wal_autocheckpoint")]  # fmt: skip
        said.append((path, *values))

    def connect(path: Any, **more: Any) -> sqlite3.Connection:
        made = real(path, **{**more, "factory": Watched})
        opened.append((str(path), made))
        return made

    monkeypatch.setattr(sqlite3, "connect", connect)
    store = seeded(tmp_path / "data")
    tables = Tables(tmp_path / "data" / "read.db", store)
    phone = Phone(store)
    phone.push(phone.visit("s1"))
    tables.catch_up()
    back_up(tmp_path / "data", tmp_path / "backup", now=NOW, say=quiet)
    tables.close()
    store.close()
    restore(tmp_path / "backup", tmp_path / "data", now=NOW)
    SqliteStore(tmp_path / "data", clock=clock).close()
    served = [values for path, *values in said if path.endswith("data/store.db")]
    assert len(served) >= 4
    for synchronous, query_only, autocheckpoint in served:
        assert synchronous == sqlite_file.FULL if not query_only else autocheckpoint == 0


def test_nobody_else_opens_a_store() -> None:
    """A new place that connects must be looked at, and written down here with its reason."""
    known = {
        "sync/store/sqlite_file.py",  # the writer, and open_reader
        "sync/store/backup.py",  # copies of its own, and the folder while it is locked
        "sync/store/sqlite_history.py",  # mode=ro, of another process
    }
    found = {path.relative_to(ROOT).as_posix() for package in ("app", "sync", "forms")
             for path in (ROOT / package).rglob("*.py") if "sqlite3.connect(" in path.read_text()}  # fmt: skip
    assert {path for path in found if path.startswith("sync/")} == known
    for path in found - known:  # read tables and plans: they can be made anew
        assert "store.db" not in (ROOT / path).read_text(), path


def test_a_log_without_its_tail_opens_and_the_phone_sends_again(tmp_path: Path) -> None:
    """Row 24: what a disk that lies about flushes leaves after a power cut. A commit is there whole or not at all."""
    store = seeded(tmp_path / "data")
    phone = Phone(store)
    store._file._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    ops = [phone.visit(f"s{n}") for n in range(60)]
    for op in ops:
        phone.push(op)
    shutil.copytree(tmp_path / "data", tmp_path / "copy")
    store.close()
    log = (tmp_path / "copy" / "store.db-wal").read_bytes()
    for at in range(0, len(log), max(1, len(log) // 12)):
        folder = tmp_path / f"cut-{at}"
        shutil.copytree(tmp_path / "copy", folder)
        (folder / "store.db-wal").write_bytes(log[:at])
        (folder / "store.db-shm").unlink(missing_ok=True)
        with pytest.raises(Problem) as noticed:
            SqliteStore(folder, clock=clock)
        assert noticed.value.code == "folder_rolled_back"  # what was promised is gone: nobody goes on unknowingly
        renew_epoch(folder)
        cut = SqliteStore(folder, clock=clock)
        held = cut.acked([phone.install.install_id])[phone.install.install_id]
        assert [cut.get("submission", f"s{n}") is not None for n in range(60)] == [n < held for n in range(60)]
        phone.store = cut
        assert set(statuses(phone.push(*ops))) <= {"applied", "duplicate"}
        assert cut.acked([phone.install.install_id]) == {phone.install.install_id: 60}
        cut.close()


# --- 4. damage and versions -------------------------------------------------------------------------------


def damage(path: Path, page: int) -> None:
    with path.open("r+b") as file:
        file.seek(4096 * page)
        file.write(b"\xa5" * 4096)


@pytest.mark.parametrize("page", [0, 1, 2, 5, 9])
def test_a_damaged_database_is_not_served_and_the_line_says_how_to_restore(tmp_path: Path, page: int) -> None:
    store = seeded(tmp_path / "data")
    store.close()
    back_up(tmp_path / "data", tmp_path / "backup", now=NOW, say=quiet)
    damage(tmp_path / "data" / "store.db", page)
    node = BareNode(tmp_path / "data")
    with pytest.raises(RuntimeError):
        node.start()
    line = node.log.read_text()
    assert "run.py restore" in line and "Traceback" not in line
    restore(tmp_path / "backup", tmp_path / "data", now=NOW)
    node.start()
    node.stop()


@pytest.mark.parametrize(("seconds", "found"), [(60, True), (0, False)])
def test_a_start_looks_for_damage_no_longer_than_it_may(tmp_path: Path, seconds: float, found: bool) -> None:
    """Also where it is one large table that takes so long: of 46 GB a start once looked through all."""
    path = tmp_path / "large.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE large (n INTEGER PRIMARY KEY, bytes BLOB)")
        db.executemany("INSERT INTO large (bytes) VALUES (?)", ((b"x" * 3000,) for _ in range(60_000)))
        db.commit()
    damage(path, 3)  # a table is looked through from its end
    with closing(sqlite3.connect(path, check_same_thread=False)) as db:
        if found:
            with pytest.raises(Problem, match="folder_damaged"):
                sqlite_file.refuse_damaged(db, tmp_path, seconds)
        else:
            sqlite_file.refuse_damaged(db, tmp_path, seconds)
            assert db.execute("SELECT 1").fetchone() == (1,)  # what comes after is not interrupted


def test_damage_found_while_serving_ends_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = seeded(tmp_path / "data")
    left: list[int] = []
    monkeypatch.setattr(disk, "leave", left.append)
    monkeypatch.setattr(store._file, "reader", lambda: Broken())
    with pytest.raises(Problem) as ended:
        store.get("household", "h1")
    assert ended.value.code == "folder_damaged" and left == [disk.EXIT]
    monkeypatch.undo()
    store.close()


class Broken:
    def execute(self, *_: Any) -> None:
        error = sqlite3.DatabaseError("database disk image is malformed")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def test_damaged_read_tables_are_made_anew(tmp_path: Path) -> None:
    store = seeded(tmp_path / "data")
    tables = Tables(tmp_path / "data" / "read.db", store)
    tables.catch_up()
    tables.close()
    for page in (0, 3, 7):
        damage(tmp_path / "data" / "read.db", page)
        tables = Tables(tmp_path / "data" / "read.db", store)
        tables.catch_up()
        assert tables.reading().execute("SELECT count(*) FROM households").fetchone() == (1,)
        tables.close()
    store.close()


@pytest.mark.parametrize(
    ("version", "fault"),
    [((3, 6, 23), False), ((3, 7, 0), True), ((3, 40, 1), True), ((3, 44, 5), True), ((3, 44, 6), False),
     ((3, 50, 6), True), ((3, 50, 7), False), ((3, 51, 2), True), ((3, 51, 3), False), ((3, 54, 1), False)],
)  # fmt: skip
def test_which_versions_have_the_fault(version: tuple[int, ...], fault: bool) -> None:
    assert sqlite_file.has_reset_fault(version) is fault


def test_an_unsafe_version_that_cannot_be_held_to_one_checkpointer_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded(tmp_path / "data").close()

    class Disobeying(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            return super().execute(sql.replace("wal_autocheckpoint=0", "wal_autocheckpoint=1000"), *values)

    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: real(*a, **{**k, "factory": Disobeying}))
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 51, 2))
    with pytest.raises(Problem) as refused:
        SqliteStore(tmp_path / "data", clock=clock)
    assert refused.value.code == "unsafe_file"
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 51, 3))
    SqliteStore(tmp_path / "data", clock=clock).close()
