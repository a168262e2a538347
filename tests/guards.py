"""The safeguards of sync and what shows that each is needed: a probe that is green with it and red without it.

`tests/test_sync_guards.py` runs every probe both ways, and compares these guards
with those of `docs/sync-protocol.md`. A guard whose removal needs a whole county,
a kill or a browser is listed there with the test that sees to it.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sync import protocol, relay, service
from sync.author import Author
from sync.problems import Problem
from sync.protocol import push_headers
from sync.records import BlobRef
from sync.relay import HttpTransport, Relay
from sync.store import backup, disk, intake, intake_effects, sqlite_file, sqlite_taking
from sync.store.blobs import BlobFolder
from sync.store.high_water import HighWater
from sync.store.sqlite import SqliteStore
from sync.store.sqlite_file import SqliteFile
from tests.store_contract import VILLAGE, Phone, clock, statuses

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
Patch = pytest.MonkeyPatch


class Guard(NamedTuple):
    """says: the line of the docs. switch: what is taken away. probe: raises when the safeguard does not hold."""

    says: str
    switch: str
    probe: Callable[[Path], None]
    remove: Callable[[Patch], None]


def centre(folder: Path) -> SqliteStore:
    store = SqliteStore(folder, clock=clock)
    seed = Author("seed", "seed", clock=clock)
    store.load([seed.create("user", "u-cadre", VILLAGE, {"role": "cadre", "area": VILLAGE}),
                seed.create("household", "h1", VILLAGE, {"water_source": "well"})])  # fmt: skip
    return store


@contextlib.contextmanager
def at_a_centre(folder: Path) -> Iterator[Phone]:
    store = centre(folder / "data")
    try:
        yield Phone(store)
    finally:
        store.close()


def refused(code: str, act: Callable[[], object]) -> None:
    try:
        act()
    except Problem as problem:
        assert problem.code == code, problem.code
        return
    raise AssertionError(f"not refused: {code}")


# --- taking ops in ----------------------------------------------------------------------------------------


def a_repeat_is_a_duplicate(folder: Path) -> None:
    with at_a_centre(folder) as phone:
        op = phone.water("well", "piped")
        phone.push(op)  # and its answer was lost
        assert statuses(phone.push(op)) == ["duplicate"]
        record = phone.store.get("household", "h1")
        assert record is not None and record.rev == 2


def forget_known_ops(patch: Patch) -> None:
    patch.setattr(intake.Intake, "_known_op", lambda self, op: None)


def a_poison_op_blocks_nobody(folder: Path) -> None:
    real = intake_effects.effect_of

    def poisoned(op: Any, current: Any) -> Any:
        if op.id == "poison":
            raise RuntimeError("poison")
        return real(op, current)

    with at_a_centre(folder) as phone, pytest.MonkeyPatch.context() as patch:
        patch.setattr(intake_effects, "effect_of", poisoned)
        ops = [phone.visit("s1"), phone.visit("poison"), phone.visit("s2")]
        assert statuses(phone.push(*ops)) == ["applied", "quarantined", "applied"]


def apply_without_net(patch: Patch) -> None:
    patch.setattr(intake.Intake, "_apply_or_set_aside",
                  lambda self, op, kept, waited=False: self._apply(op, kept, waited=waited))  # fmt: skip


def bytes_are_kept_of_what_is_not_taken(folder: Path) -> None:
    with at_a_centre(folder) as phone:
        phone.visit("never sent")
        assert statuses(phone.push(phone.visit("s2"))) == ["retry"]
        kept = [bytes(row[0]) for row in phone.store.rows("SELECT body FROM raw_push")]
        assert any(b'"s2"' in body for body in kept), "the body of an op that was not taken is nowhere"


def write_no_bodies(patch: Patch) -> None:
    patch.setattr(sqlite_taking, "write_pushes", lambda *_: None)


def altered_bytes_are_not_parsed(folder: Path) -> None:
    body = protocol.push_body([b'{"op_id":"x"}'], server_id=None, epoch=None)
    headers = push_headers(body)
    refused("digest_mismatch", lambda: protocol.checked_body(body.replace(b'"x"', b'"y"'), headers))


def believe_any_digest(patch: Patch) -> None:
    patch.setattr(protocol.hmac, "compare_digest", lambda *_: True)


def an_answer_means_it_is_committed(folder: Path) -> None:
    with at_a_centre(folder) as phone:
        phone.push(phone.visit("s1"))
        # Another process looks: what it sees was committed.
        with contextlib.closing(sqlite3.connect(folder / "data" / "store.db")) as other:
            assert other.execute("SELECT count(*) FROM op WHERE id = 's1'").fetchone() == (1,)


def answer_before_the_commit(patch: Patch) -> None:
    @contextlib.contextmanager
    def open_ended(self: SqliteFile) -> Iterator[sqlite3.Connection]:
        with self.write_lock:
            if not self._db.conn.in_transaction:
                self._db.conn.execute("BEGIN IMMEDIATE")
            yield self._db.conn

    patch.setattr(SqliteStore, "_taking_in", _with_writing(open_ended))


def _with_writing(writing: Callable[[SqliteFile], Any]) -> Callable[..., Any]:
    real = SqliteStore._taking_in

    def taking_in(self: SqliteStore, received: str) -> Any:
        self._writing = lambda: writing(self._file)
        return real(self, received)

    return taking_in


# --- the disk ---------------------------------------------------------------------------------------------


def every_commit_is_flushed(folder: Path) -> None:
    file = SqliteFile(folder)
    try:
        with file.writing() as write:
            assert write.execute("PRAGMA synchronous").fetchone()[0] == sqlite_file.FULL
    finally:
        file.close()


def _obeying(patch: Patch, change: Callable[[str], str]) -> None:
    class Other(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            return super().execute(change(sql), *values)

    real = sqlite3.connect
    patch.setattr(sqlite3, "connect", lambda *a, **k: real(*a, **{**k, "factory": Other}))


def flush_now_and_then(patch: Patch) -> None:
    patch.setattr(sqlite_file, "FULL", 1)
    _obeying(patch, lambda sql: sql.replace("synchronous=FULL", "synchronous=OFF"))


def a_second_process_is_refused(folder: Path) -> None:
    first = SqliteFile(folder)
    try:
        refused("folder_in_use", lambda: SqliteFile(folder).close())
    finally:
        first.close()


def hold_nothing(patch: Patch) -> None:
    patch.setattr(sqlite_file, "hold_folder", lambda folder: (folder.mkdir(exist_ok=True), open(os.devnull))[1])  # noqa: SIM115


def a_log_that_may_be_unflushed_is_written_anew(folder: Path) -> None:
    store = centre(folder / "data")
    shutil.copytree(folder / "data", folder / "killed")
    store.close()
    again = SqliteStore(folder / "killed", clock=clock)
    left = (folder / "killed" / "store.db-wal").stat().st_size
    again.close()  # which would write the log too
    assert left == 0


def trust_the_log(patch: Patch) -> None:
    _obeying(patch, lambda sql: "SELECT 1" if "wal_checkpoint" in sql else sql)


def a_failed_flush_ends_the_process(folder: Path) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
    with pytest.MonkeyPatch.context() as patch:
        left: list[int] = []
        patch.setattr(disk, "leave", left.append)
        with contextlib.suppress(Problem):
            disk.of_sqlite(error, folder)
    assert left == [disk.EXIT]


def go_on_after_a_failed_flush(patch: Patch) -> None:
    patch.setattr(disk, "_FLUSH", ())


def damage_is_not_served(folder: Path) -> None:
    centre(folder / "data").close()
    path = folder / "data" / "store.db"
    with contextlib.closing(sqlite3.connect(path)) as db:
        page = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'op_by_submission'").fetchone()[0]
    with path.open("r+b") as file:
        file.seek(4096 * (page - 1))
        file.write(b"\xa5" * 4096)
    refused("folder_damaged", lambda: SqliteStore(folder / "data", clock=clock).close())


def look_at_no_page(patch: Patch) -> None:
    patch.setattr(sqlite_file, "refuse_damaged", lambda *_: None)


def an_old_copy_is_noticed(folder: Path) -> None:
    centre(folder / "data").close()
    shutil.copy(folder / "data" / "store.db", folder / "yesterday.db")
    store = SqliteStore(folder / "data", clock=clock)
    phone = Phone(store)
    phone.push(phone.visit("s1"))
    store.close()
    for rest in (folder / "data").glob("store.db*"):
        rest.unlink()
    shutil.copy(folder / "yesterday.db", folder / "data" / "store.db")
    refused("folder_rolled_back", lambda: SqliteStore(folder / "data", clock=clock).close())


def remember_no_height(patch: Patch) -> None:
    patch.setattr(HighWater, "is_above", lambda *_: False)


def readers_do_no_harm(folder: Path) -> None:
    SqliteFile(folder).close()
    with contextlib.closing(sqlite_file.open_reader(folder / "store.db")) as reader:
        with contextlib.suppress(sqlite3.OperationalError):
            reader.execute("DELETE FROM meta")
            raise AssertionError("a reader wrote")
        assert reader.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,), "a reader may checkpoint"


def let_readers_write(patch: Patch) -> None:
    patch.setattr(sqlite_file, "open_reader", lambda path: sqlite3.connect(path, isolation_level=None))


def a_broken_backup_is_none(folder: Path) -> None:
    centre(folder / "data").close()
    real = backup._add

    def cut(tar: Any, name: str, body: bytes) -> None:
        real(tar, name, body.replace(b'"sha256": "', b'"sha256": "0'))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backup, "_add", cut)
        refused("backup_broken", lambda: backup.back_up(folder / "data", folder / "backup", now=NOW, say=lambda _: None))
    assert not (folder / "backup").exists()


def read_no_backup_again(patch: Patch) -> None:
    patch.setattr(backup, "verify", lambda _: {})


# --- blobs ------------------------------------------------------------------------------------------------


def an_altered_picture_is_not_taken(folder: Path) -> None:
    with at_a_centre(folder) as phone:
        sha256 = hashlib.sha256(b"picture").hexdigest()
        phone.push(phone.visit("s1", blobs=[BlobRef(sha256, 7)]))
        refused("blob_digest", lambda: service.put_blob(phone.store, phone.credential, sha256, 0, 7, b"pictuRe"))
        assert not phone.store.has_blob(sha256)


def take_any_picture(patch: Patch) -> None:
    class Agreed:
        def __init__(self, name: str) -> None:
            self.hexdigest = lambda: Path(name).stem

    patch.setattr(hashlib, "file_digest", lambda file, _: Agreed(file.name))


def a_part_that_was_not_flushed_is_dropped(folder: Path) -> None:
    with at_a_centre(folder) as phone, pytest.MonkeyPatch.context() as patch:
        sha256 = hashlib.sha256(b"picture").hexdigest()
        phone.push(phone.visit("s1", blobs=[BlobRef(sha256, 7)]))
        patch.setattr(disk, "leave", lambda _: None)
        patch.setattr(os, "fsync", _eio)
        with contextlib.suppress(Problem):
            service.put_blob(phone.store, phone.credential, sha256, 0, 7, b"pic")
        patch.undo()
        assert phone.store.blob_state(sha256) is None


def _eio(_: int) -> None:
    raise OSError(5, "EIO")


def keep_unflushed_parts(patch: Patch) -> None:
    patch.setattr(BlobFolder, "_flush", staticmethod(lambda handle, _part: disk.flush(handle)))


# --- the link upward --------------------------------------------------------------------------------------


class Stub:
    """Whatever stands between a node and its upstream; ``asked`` counts by path."""

    def __init__(self, answer: Callable[[http.server.BaseHTTPRequestHandler], None]) -> None:
        self.asked: list[str] = []
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def _any(self) -> None:
                stub.asked.append(self.path)
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                answer(self)

            do_GET = do_POST = _any

            def log_message(self, *_: object) -> None: ...

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _say(handler: http.server.BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def a_redirect_is_not_followed(folder: Path) -> None:
    hello = json.dumps({"server_id": "x", "epoch": "y", "tier": "centre", "time": ""}).encode()
    elsewhere = Stub(lambda handler: _say(handler, 200, hello))
    portal = Stub(lambda handler: _say(handler, 302, b"", Location=elsewhere.url + "/login"))
    transport = HttpTransport(portal.url, "secret")
    store = SqliteStore(folder, clock=clock)
    try:
        with contextlib.suppress(Problem):
            Relay(store, transport=transport).step()
        assert elsewhere.asked == [], "the token went elsewhere"
    finally:
        transport._pool.clear()
        store.close()
        portal.close()
        elsewhere.close()


def follow_redirects(patch: Patch) -> None:
    real = relay.urllib3.PoolManager.request
    patch.setattr(relay.urllib3.PoolManager, "request",
                  lambda self, *a, **k: real(self, *a, **{**k, "redirect": True, "retries": 3}))  # fmt: skip


def a_portal_is_no_answer(folder: Path) -> None:
    portal = Stub(lambda handler: _say(handler, 200, b"<html>sign in to this network</html>"))
    transport = HttpTransport(portal.url, "secret")
    store = centre(folder)
    try:
        refused("upstream_strange", Relay(store, transport=transport).step)
        assert store.upstream_cursor() == (None, None)
    finally:
        transport._pool.clear()
        store.close()
        portal.close()


def take_a_portal_for_a_node(patch: Patch) -> None:
    patch.setattr(relay, "_object", lambda reply: {"server_id": "portal", "epoch": "portal"})


GUARDS = {
    "duplicates": Guard("a repeated op is a duplicate", "Intake._known_op", a_repeat_is_a_duplicate, forget_known_ops),
    "poison": Guard("a poison op is set aside", "Intake._apply_or_set_aside", a_poison_op_blocks_nobody, apply_without_net),
    "bodies": Guard("the bytes of what was not taken are kept", "sqlite_taking.write_pushes", bytes_are_kept_of_what_is_not_taken,
                    write_no_bodies),
    "digest": Guard("a body's digest is compared before it is parsed", "protocol.checked_body", altered_bytes_are_not_parsed,
                    believe_any_digest),
    "commit": Guard("nobody is answered before the commit", "SqliteFile.writing", an_answer_means_it_is_committed,
                    answer_before_the_commit),
    "full": Guard("every commit is flushed (FULL)", "sqlite_file.FULL", every_commit_is_flushed, flush_now_and_then),
    "lock": Guard("one process holds the folder", "sqlite_file.hold_folder", a_second_process_is_refused, hold_nothing),
    "readers": Guard("readers neither write nor checkpoint", "sqlite_file.open_reader", readers_do_no_harm, let_readers_write),
    "log": Guard("a log that may be unflushed is written anew at the start", "wal_checkpoint(TRUNCATE)",
                 a_log_that_may_be_unflushed_is_written_anew, trust_the_log),
    "flush": Guard("a failed flush ends the process", "disk.of_sqlite", a_failed_flush_ends_the_process,
                   go_on_after_a_failed_flush),
    "damage": Guard("a damaged database is not served", "sqlite_file.refuse_damaged", damage_is_not_served, look_at_no_page),
    "height": Guard("an old copy put in place is noticed", "HighWater.is_above", an_old_copy_is_noticed, remember_no_height),
    "backup": Guard("a backup is read again before it is one", "backup.verify", a_broken_backup_is_none, read_no_backup_again),
    "picture": Guard("a blob is its hash", "BlobFolder._finish", an_altered_picture_is_not_taken, take_any_picture),
    "part": Guard("a part that was not flushed is dropped", "BlobFolder._flush", a_part_that_was_not_flushed_is_dropped,
                  keep_unflushed_parts),
    "redirect": Guard("a redirect is not followed", "HttpTransport", a_redirect_is_not_followed, follow_redirects),
    "portal": Guard("a portal's page is no answer", "relay._object", a_portal_is_no_answer, take_a_portal_for_a_node),
}  # fmt: skip
