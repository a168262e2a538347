"""The store in one SQLite file, through sqlite-utils: the centre of a county, and every node below it.

One writer connection, behind a lock, is also the only one that checkpoints the
write-ahead log; readers are query-only. One process holds the data folder.
Together that stays clear of the WAL-reset fault of older SQLite versions
(docs/decisions/0007-sqlite.md).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import sqlite3
import threading
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from sqlite_utils import Database

from sync.apply import effect_of
from sync.overlay import is_pending, visible
from sync.problems import Problem
from sync.protocol import op_of_body
from sync.records import (
    APPLIED,
    CENTRE,
    DUPLICATE,
    NODE,
    QUARANTINED,
    RETRY,
    Arrival,
    Change,
    Credential,
    Grant,
    Install,
    LateReceipt,
    Op,
    Page,
    PushReply,
    Receipt,
    Record,
    Result,
    Scope,
)
from sync.scope import (
    ancestors_of,
    downward_kinds,
    grants_of,
    prefixes_of,
    refusal,
    scope_version,
    shown,
    within,
)
from sync.store.base import NewInstall, ToRelay
from sync.store.blobs import BlobFolder
from sync.store.migrate import migrations

LOAD_CHUNK = 5000
_RECORD = "kind, id, area, rev, seq, fields, since, pending, deleted"
_OP = "op_id, hash, status, code, rev, seq, received_at, entity, id"
_json = msgspec.json.Encoder()


class SqliteStore:
    """A `Store` over ``store.db`` and ``blobs/`` in a data folder. Raises Problem when the folder cannot be used."""

    def __init__(self, folder: Path, *, clock: Any = None) -> None:
        self.folder = folder
        self._clock = clock or (lambda: datetime.now(UTC))
        self._write_lock = threading.RLock()
        self._local = threading.local()
        self._latest = self._reached = 0
        self._readers: list[sqlite3.Connection] = []
        self._readers_lock = threading.Lock()
        self._folder_lock = _hold_folder(folder)
        try:
            self._db = self._open_writer()
            self._blobs = BlobFolder(folder / "blobs")
            self._server_id = self._meta_or("server_id", lambda: str(uuid.uuid4()))
            self._epoch = self._meta_or("epoch", lambda: str(uuid.uuid4()))
            self._tier = self._meta_or("tier", lambda: CENTRE)
        except sqlite3.Error as error:
            self._folder_lock.close()
            code = "folder_read_only" if "readonly" in str(error) else "folder_damaged"
            raise Problem(code, where=str(folder)) from error
        self._latest = self._one("SELECT coalesce(max(seq), 0) FROM change")[0]

    def _open_writer(self) -> Database:
        connection = sqlite3.connect(self.folder / "store.db", check_same_thread=False, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA cache_size=-65536")
        db = Database(connection)
        migrations.apply(db)
        return db

    def _reader(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self.folder / "store.db", check_same_thread=False, isolation_level=None)
            connection.execute("PRAGMA query_only=1")
            connection.execute("PRAGMA wal_autocheckpoint=0")
            self._local.connection = connection
            with self._readers_lock:
                self._readers.append(connection)
        return connection

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction of the one writer: everything inside is on disk afterwards, or nothing is."""
        with self._write_lock:
            connection = self._db.conn
            assert connection is not None
            self._reached = self._latest
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
                # Only now may a cursor pass these places: a puller that ran ahead of the commit would skip them.
                self._latest = self._reached
            except BaseException as error:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                if isinstance(error, sqlite3.OperationalError):
                    code = "disk_full" if "full" in str(error) else "store_failed"
                    raise Problem(code) from error
                raise

    def _meta_or(self, key: str, make: Any) -> str:
        found = self._one("SELECT value FROM meta WHERE key = ?", key)
        if found:
            return str(found[0])
        value = str(make())
        with self._writing() as write:
            write.execute("INSERT INTO meta VALUES (?, ?)", (key, value))
        return value

    def _set_meta(self, write: sqlite3.Connection, key: str, value: str) -> None:
        write.execute("INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, value))

    def _one(self, sql: str, *values: Any) -> Any:
        return self._reader().execute(sql, values).fetchone()

    def _all(self, sql: str, *values: Any) -> list[Any]:
        return self._reader().execute(sql, values).fetchall()

    @property
    def server_id(self) -> str:
        return self._server_id

    @property
    def epoch(self) -> str:
        return self._epoch

    @property
    def tier(self) -> str:
        return self._tier

    def close(self) -> None:
        with self._readers_lock:
            for connection in self._readers:
                connection.close()
            self._readers.clear()
        with self._write_lock:
            self._db.close()
        self._folder_lock.close()

    # --- taking ops in ------------------------------------------------------------------------------------

    def push(
        self, arrivals: Sequence[Arrival], raw: bytes, *, credential: Credential, now: datetime
    ) -> PushReply:
        received = _text(now)
        results: list[Result] = []
        expected: dict[str, int] = {}
        with self._writing() as write:
            write.execute(
                "INSERT INTO raw_push (install_id, received_at, sha256, body) VALUES (?, ?, ?, ?)",
                (credential.install_id, received, hashlib.sha256(raw).hexdigest(), raw),
            )
            for arrival in arrivals:
                result = self._take(write, arrival, credential, received)
                if result.status == RETRY:
                    expected[arrival.op.install_id] = self._acked_of(write, arrival.op.install_id) + 1
                results.append(result)
            installs = {arrival.op.install_id for arrival in arrivals} | {credential.install_id}
            acked = {install: self._acked_of(write, install) for install in sorted(installs)}
            write.execute("UPDATE install SET last_seen = ? WHERE install_id = ?", (received, credential.install_id))
        return PushReply(server_id=self.server_id, epoch=self.epoch, time=received, results=tuple(results),
                         acked_dseq=acked, expected=expected)  # fmt: skip

    def _take(self, write: sqlite3.Connection, arrival: Arrival, credential: Credential, received: str) -> Result:
        op = arrival.op
        known = write.execute(f"SELECT {_OP} FROM op WHERE op_id = ? AND variant = 0", (op.op_id,)).fetchone()  # noqa: S608
        if known:
            if known[1] == arrival.hash:
                first = self._result_of(known)
                return msgspec.structs.replace(first, status=DUPLICATE, first=first.status)
            return self._set_aside(write, arrival, received, "same_id_other_content", variant=True)
        if credential.kind != NODE and op.install_id != credential.install_id:
            # Another phone's log must not be moved on by a guess at its next number.
            return self._set_aside(write, arrival, received, "wrong_install", variant=True)
        acked = self._acked_of(write, op.install_id)
        if op.dseq > acked + 1:
            return Result(op_id=op.op_id, status=RETRY, rev=0, seq=0, receipt=None, code="out_of_order")
        if op.dseq <= acked:
            return self._set_aside(write, arrival, received, "forked_log")
        self._advance(write, op.install_id, op.dseq)
        code = arrival.fault or self._refusal(op, credential)
        if code:
            return self._set_aside(write, arrival, received, code)
        n = self._keep(write, arrival, received)
        write.execute("SAVEPOINT op")
        try:
            status, code, rev, seq = self._apply(write, op, n)
        except Exception:
            # A poison op is set aside with its bytes; the rest of the batch flows.
            write.execute("ROLLBACK TO op")
            status, code, rev, seq = QUARANTINED, "cannot_apply", 0, 0
        write.execute("RELEASE op")
        write.execute("UPDATE op SET status = ?, code = ?, rev = ?, seq = ? WHERE n = ?", (status, code, rev, seq, n))
        return self._result(op.op_id, arrival.hash, status, code, rev, seq, received)

    def _refusal(self, op: Op, credential: Credential) -> str:
        """Why the op may not be applied: '' or a problem code."""
        if credential.revoked:
            return "device_revoked"
        current = self._record("record", self._db.conn, op.entity, op.id)
        if credential.kind != NODE:
            if op.actor != credential.user_id:
                return "wrong_install"
            return refusal(op, credential.grants, current)
        # A node vouches for its place only; the person's own rights are asked as well.
        if not within(op.area, prefixes_of(credential.grants)):
            return "outside_area"
        actor = self._record("record", self._db.conn, "user", op.actor)
        return refusal(op, grants_of(actor), current) if actor else "unknown_actor"

    def _keep(self, write: sqlite3.Connection, arrival: Arrival, received: str, *, status: str = APPLIED,
              code: str = "", variant: bool = False) -> int:  # fmt: skip
        op = arrival.op
        kept = write.execute(
            "INSERT INTO op (op_id, install_id, dseq, entity, id, submission, hash, body, received_at, status, code, variant)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (op.op_id, op.install_id, op.dseq, op.entity, op.id, op.submission, arrival.hash, arrival.body, received,
             status, code, int(variant)),
        )  # fmt: skip
        for blob in op.blobs:
            self._name_blob(write, blob.sha256, op.entity, op.id, blob.size)
        return int(kept.lastrowid or 0)

    def _set_aside(self, write: sqlite3.Connection, arrival: Arrival, received: str, code: str, *,
                   variant: bool = False) -> Result:  # fmt: skip
        again = write.execute(
            "SELECT 1 FROM op WHERE op_id = ? AND hash = ?", (arrival.op.op_id, arrival.hash)
        ).fetchone()
        if not again:
            self._keep(write, arrival, received, status=QUARANTINED, code=code, variant=variant)
        return self._result(arrival.op.op_id, arrival.hash, QUARANTINED, code, 0, 0, received)

    def _apply(self, write: sqlite3.Connection, op: Op, n: int) -> tuple[str, str, int, int]:
        """(status, code, rev, seq) after the op had its effect on the records."""
        current = self._record("record", write, op.entity, op.id)
        effect = effect_of(op, current)
        if self._tier == CENTRE:
            record = effect.record
            if effect.changed and record is not None:
                record = self._put(write, msgspec.structs.replace(record, rev=record.rev + 1), n)
        else:
            write.execute("UPDATE op SET status = ? WHERE n = ?", (effect.status, n))
            record = self._rebuild(write, op.entity, op.id, n)
        for conflict in effect.conflicts:
            if self._record("record", write, "conflict", conflict.id) is None:
                self._put(write, msgspec.structs.replace(conflict, rev=1 if self._tier == CENTRE else 0), n)
        if current is None and effect.status == APPLIED:
            self._release_held(write, op.entity, op.id)
            record = self._record("record", write, op.entity, op.id)
        return effect.status, effect.code, record.rev if record else 0, record.seq if record else 0

    def _release_held(self, write: sqlite3.Connection, kind: str, id: str) -> None:
        """Apply what waited for this record, in the order it came."""
        waiting = write.execute(
            "SELECT n, body FROM op WHERE status = 'held' AND entity = ? AND id = ? ORDER BY n", (kind, id)
        ).fetchall()
        for n, body in waiting:
            status, code, rev, seq = self._apply(write, op_of_body(body), n)
            write.execute("UPDATE op SET status = ?, code = ?, rev = ?, seq = ? WHERE n = ?", (status, code, rev, seq, n))

    def load(self, ops: Iterable[Op]) -> int:
        count = 0
        batch: list[Op] = []
        for op in ops:
            batch.append(op)
            if len(batch) == LOAD_CHUNK:
                count += self._load(batch)
                batch = []
        return count + (self._load(batch) if batch else 0)

    def _load(self, ops: Sequence[Op]) -> int:
        received = _text(self._clock())
        count = 0
        with self._writing() as write:
            acked: dict[str, int] = {}
            for op in ops:
                if op.install_id not in acked:
                    acked[op.install_id] = self._acked_of(write, op.install_id)
                if op.dseq <= acked[op.install_id]:
                    continue  # loaded before
                acked[op.install_id] = op.dseq
                n = self._keep(write, Arrival(op, _json.encode(op), op.hash), received)
                status, code, rev, seq = self._apply(write, op, n)
                write.execute(
                    "UPDATE op SET status = ?, code = ?, rev = ?, seq = ? WHERE n = ?", (status, code, rev, seq, n)
                )
                count += 1
            for install, dseq in acked.items():
                self._advance(write, install, dseq)
        return count

    def _acked_of(self, write: sqlite3.Connection, install_id: str) -> int:
        found = write.execute("SELECT acked FROM log WHERE install_id = ?", (install_id,)).fetchone()
        return int(found[0]) if found else 0

    def _advance(self, write: sqlite3.Connection, install_id: str, dseq: int) -> None:
        write.execute(
            "INSERT INTO log (install_id, acked) VALUES (?, ?) ON CONFLICT (install_id) DO UPDATE SET acked = excluded.acked",
            (install_id, dseq),
        )

    def _result_of(self, row: Any) -> Result:
        op_id, hash_, status, code, rev, seq, received, _entity, _id = row
        return self._result(op_id, hash_, status, code, rev, seq, received)

    def _result(self, op_id: str, hash_: str, status: str, code: str, rev: int, seq: int, received: str) -> Result:
        return Result(op_id=op_id, status=status, rev=rev, seq=seq, code=code,
                      receipt=self._receipt(op_id, hash_, seq, received))  # fmt: skip

    def _receipt(self, op_id: str, hash_: str, seq: int, received: str) -> Receipt:
        return Receipt(server_id=self.server_id, epoch=self.epoch, tier=self._tier, op_id=op_id, hash=hash_,
                       seq=seq, time=received)  # fmt: skip

    # --- records ------------------------------------------------------------------------------------------

    def _put(self, write: sqlite3.Connection, record: Record, op_n: int | None, upstream: bytes | None = None) -> Record:
        """Write the visible record at a new place of the log."""
        seq = int(
            write.execute(
                "INSERT INTO change (kind, id, op_n) VALUES (?, ?, ?)", (record.kind, record.id, op_n)
            ).lastrowid
            or 0
        )
        write.execute(
            f"INSERT INTO record ({_RECORD}, upstream) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
            " ON CONFLICT (kind, id) DO UPDATE SET area = excluded.area, rev = excluded.rev, seq = excluded.seq,"
            " fields = excluded.fields, since = excluded.since, pending = excluded.pending, deleted = excluded.deleted,"
            " upstream = coalesce(excluded.upstream, upstream)",
            (record.kind, record.id, record.area, record.rev, seq, _json.encode(record.fields).decode(),
             _json.encode(record.since).decode(), record.pending, int(record.deleted),
             upstream.decode() if upstream else None),
        )  # fmt: skip
        self._reached = seq
        definition = record.fields.get("definition") if record.kind == "form" else None
        if definition:
            for sha256 in {definition, *dict(record.fields.get("versions") or {}).values()}:
                self._name_blob(write, str(sha256), "form", record.id, 0)
        return msgspec.structs.replace(record, seq=seq)

    def _rebuild(self, write: sqlite3.Connection, kind: str, id: str, op_n: int | None,
                 upstream: Record | None = None) -> Record | None:  # fmt: skip
        """On a node: the visible record from what is above and what is pending; written when it differs."""
        before = self._record("record", write, kind, id)
        fresh = upstream is not None
        if upstream is None:
            upstream = self._record("upstream", write, kind, id)
        place = upstream.seq if upstream else 0
        rows = write.execute(
            "SELECT body, up_status, up_seq FROM op WHERE entity = ? AND id = ? AND variant = 0"
            " AND status != 'quarantined' AND (up_status IS NULL OR up_seq > ?) ORDER BY n",
            (kind, id, place),
        ).fetchall()
        pending = [
            op_of_body(body)
            for body, up_status, up_seq in rows
            if is_pending((up_status, up_seq) if up_status else None, place)
        ]
        record = visible(upstream, pending)
        if record is None:
            return before
        raw = _json.encode(upstream) if fresh else None
        if before is not None and msgspec.structs.replace(record, seq=before.seq) == before:
            if raw:
                write.execute("UPDATE record SET upstream = ? WHERE kind = ? AND id = ?", (raw.decode(), kind, id))
            return before
        return self._put(write, record, op_n, raw)

    def _record(self, which: str, connection: Any, kind: str, id: str) -> Record | None:
        if which == "upstream":
            found = connection.execute("SELECT upstream FROM record WHERE kind = ? AND id = ?", (kind, id)).fetchone()
            return msgspec.json.decode(found[0], type=Record) if found and found[0] else None
        found = connection.execute(f"SELECT {_RECORD} FROM record WHERE kind = ? AND id = ?", (kind, id)).fetchone()  # noqa: S608
        return _record_of(found) if found else None

    def get(self, kind: str, id: str) -> Record | None:
        return self._record("record", self._reader(), kind, id)

    def latest_seq(self) -> int:
        return self._latest

    def changes(self, after_seq: int, limit: int) -> Page:
        rows = self._all(f"SELECT {_RECORD} FROM record WHERE seq > ? ORDER BY seq LIMIT ?", after_seq, limit + 1)  # noqa: S608
        return self._page(rows, limit, after_seq, "")

    def pull(self, scope: Scope, cursor: str | None, limit: int) -> Page:
        prefix = f"{self.epoch}.{scope_version(scope)}."
        after = 0
        if cursor:
            if not cursor.startswith(prefix) or not cursor[len(prefix) :].isdigit():
                raise Problem("cursor_stale")
            after = int(cursor[len(prefix) :])
            if after > self._latest:
                raise Problem("cursor_stale")
        where, values = _scope_sql(scope)
        # Where the log ends is read first: a record changed meanwhile is then found by the next page.
        end = self._latest
        rows = self._all(
            f"SELECT {_RECORD} FROM record WHERE seq > ? AND {where} ORDER BY seq LIMIT ?",  # noqa: S608 - bound
            after, *values, limit + 1,
        )  # fmt: skip
        page = self._page(rows, limit, max(after, end), prefix)
        return msgspec.structs.replace(page, records=tuple(shown(scope, record) for record in page.records))

    def _page(self, rows: list[Any], limit: int, end: int, prefix: str) -> Page:
        records = tuple(_record_of(row) for row in rows[:limit])
        more = len(rows) > limit
        last = records[-1].seq if records else 0
        seq = last if more else max(end, last)
        return Page(cursor=f"{prefix}{seq}", seq=seq, more=more, records=records)

    # --- history ------------------------------------------------------------------------------------------

    def history(self, kind: str, id: str) -> list[Change]:
        return self._changes_where("entity = ? AND id = ? AND status != 'quarantined'", kind, id)

    def ops_of_submission(self, id: str) -> list[Change]:
        made = self._changes_where("entity = 'submission' AND id = ?", id)
        caused = self._changes_where("submission = ? AND NOT (entity = 'submission' AND id = submission)", id)
        return made + caused

    def quarantined(self) -> list[Change]:
        return self._changes_where("status IN ('held', 'quarantined')")

    def _changes_where(self, where: str, *values: Any) -> list[Change]:
        rows = self._all(
            f"SELECT n, body, status, rev, received_at, code FROM op WHERE {where} ORDER BY n",  # noqa: S608 - our own
            *values,
        )
        changes = []
        for n, body, status, rev, received, code in rows:
            with contextlib.suppress(Problem):
                changes.append(Change(seq=n, op=op_of_body(body), status=status, rev=rev, received_at=received, code=code))
        return changes

    # --- receipts -----------------------------------------------------------------------------------------

    def receipts(self, install_id: str, after: int) -> list[LateReceipt]:
        rows = self._all(
            "SELECT op_id, dseq, hash, received_at, status, rev, seq, code, centre_status, centre_rev, centre_code,"
            " centre_receipt FROM op WHERE install_id = ? AND dseq > ? AND variant = 0 ORDER BY dseq LIMIT 1000",
            install_id, after,
        )  # fmt: skip
        found = []
        for op_id, dseq, hash_, received, status, rev, seq, code, c_status, c_rev, c_code, c_receipt in rows:
            if self._tier == CENTRE:
                receipt = self._receipt(op_id, hash_, seq, received)
                found.append(LateReceipt(op_id=op_id, dseq=dseq, status=status, rev=rev, seq=seq, receipt=receipt, code=code))
            elif c_receipt:
                receipt = msgspec.json.decode(c_receipt, type=Receipt)
                found.append(LateReceipt(op_id=op_id, dseq=dseq, status=c_status, rev=c_rev or 0, seq=receipt.seq,
                                         receipt=receipt, code=c_code or ""))  # fmt: skip
        return found

    def acked(self, install_ids: Iterable[str]) -> dict[str, int]:
        return {install: self._acked_of(self._reader(), install) for install in install_ids}

    def confirmed(self, install_ids: Iterable[str]) -> dict[str, int]:
        column = "acked" if self._tier == CENTRE else "confirmed"
        found = {}
        for install in install_ids:
            row = self._one(f"SELECT {column} FROM log WHERE install_id = ?", install)  # noqa: S608 - of two
            found[install] = int(row[0]) if row else 0
        return found

    # --- installs -----------------------------------------------------------------------------------------

    def add_install(self, user_id: str, *, kind: str, name: str) -> NewInstall:
        install_id, token = str(uuid.uuid4()), secrets.token_urlsafe(32)
        with self._writing() as write:
            write.execute(
                "INSERT INTO install (install_id, user_id, kind, name, token_hash, created_at) VALUES (?, ?, ?, ?, ?, ?)",
                (install_id, user_id, kind, name, _token_hash(token), _text(self._clock())),
            )
        return NewInstall(install_id, token)

    def credential(self, token: str) -> Credential | None:
        row = self._one(
            "SELECT install_id, user_id, kind, revoked_at FROM install WHERE token_hash = ?", _token_hash(token)
        )
        if row is None:
            return None
        grants: tuple[Grant, ...] = grants_of(self.get("user", row[1])) if row[1] else ()
        return Credential(install_id=row[0], user_id=row[1], kind=row[2], grants=grants, revoked=bool(row[3]))

    def revoke(self, install_id: str) -> None:
        with self._writing() as write:
            write.execute(
                "UPDATE install SET revoked_at = ? WHERE install_id = ? AND revoked_at = ''",
                (_text(self._clock()), install_id),
            )

    def seen(self, install_id: str, *, made_dseq: int, now: datetime) -> None:
        with self._writing() as write:
            write.execute(
                "UPDATE install SET last_seen = ?, made_dseq = max(made_dseq, ?) WHERE install_id = ?",
                (_text(now), made_dseq, install_id),
            )

    def installs(self) -> list[Install]:
        confirmed = "l.acked" if self._tier == CENTRE else "l.confirmed"
        rows = self._all(
            "SELECT i.install_id, i.user_id, i.kind, i.name, i.created_at, i.last_seen, i.revoked_at, i.made_dseq,"  # noqa: S608
            f" coalesce(l.acked, 0), coalesce({confirmed}, 0) FROM install i LEFT JOIN log l USING (install_id)"
            " ORDER BY i.created_at"
        )
        return [
            Install(install_id=r[0], user_id=r[1], kind=r[2], name=r[3], created_at=r[4], last_seen=r[5],
                    revoked_at=r[6], made_dseq=r[7], acked_dseq=r[8], confirmed_dseq=r[9])
            for r in rows
        ]  # fmt: skip

    # --- blobs --------------------------------------------------------------------------------------------

    def has_blob(self, sha256: str) -> bool:
        return self._one("SELECT 1 FROM blob WHERE sha256 = ?", sha256) is not None

    def blob_state(self, sha256: str) -> tuple[int, int] | None:
        whole = self._one("SELECT size FROM blob WHERE sha256 = ?", sha256)
        if whole:
            return int(whole[0]), int(whole[0])
        here = self._blobs.received(sha256)
        named = self._one("SELECT max(size) FROM blob_named WHERE sha256 = ?", sha256)
        return (here, int(named[0] or 0)) if here else None

    def put_blob_part(self, sha256: str, offset: int, length: int, body: bytes) -> int:
        with self._write_lock:
            if self.has_blob(sha256):
                return length
            here: int = self._blobs.append(sha256, offset, length, body)
            if here == length:
                with self._writing() as write:
                    write.execute(
                        "INSERT OR IGNORE INTO blob (sha256, size, stored_at) VALUES (?, ?, ?)",
                        (sha256, length, _text(self._clock())),
                    )
            return here

    def open_blob(self, sha256: str) -> BinaryIO:
        if not self.has_blob(sha256):
            raise Problem("not_found")
        return self._blobs.open(sha256)

    def blob_is_named(self, sha256: str, scope: Scope) -> bool:
        where, values = _scope_sql(scope)
        named = self._one(
            f"SELECT 1 FROM record WHERE {where} AND (kind, id) IN"  # noqa: S608 - bound
            " (SELECT kind, id FROM blob_named WHERE sha256 = ?) LIMIT 1",
            *values, sha256,
        )  # fmt: skip
        return named is not None

    def missing_blobs(self, limit: int) -> list[tuple[str, int]]:
        return [
            (row[0], row[1])
            for row in self._all(
                "SELECT sha256, max(size) FROM blob_named WHERE kind = 'form'"
                " AND sha256 NOT IN (SELECT sha256 FROM blob) GROUP BY sha256 LIMIT ?",
                limit,
            )
        ]

    def _name_blob(self, write: sqlite3.Connection, sha256: str, kind: str, id: str, size: int) -> None:
        write.execute("INSERT OR IGNORE INTO blob_named (sha256, kind, id, size) VALUES (?, ?, ?, ?)", (sha256, kind, id, size))

    # --- the hop upward -----------------------------------------------------------------------------------

    def follow_upstream(self) -> None:
        if self._tier == NODE:
            return
        with self._writing() as write:
            self._set_meta(write, "tier", NODE)
        self._tier = NODE

    def to_relay(self, limit: int, max_bytes: int) -> list[ToRelay]:
        rows = self._all(
            "SELECT install_id, dseq, op_id, body FROM op WHERE up_status IS NULL AND variant = 0 ORDER BY n LIMIT ?", limit
        )
        chosen: list[ToRelay] = []
        size = 0
        for row in rows:
            size += len(row[3]) + 1
            if chosen and size > max_bytes:
                break
            chosen.append(ToRelay(*row))
        return chosen

    def take_results(self, results: Sequence[tuple[str, Result]], *, tier: str) -> None:
        with self._writing() as write:
            touched: dict[tuple[str, str], None] = {}
            for _install, result in results:
                if result.status == RETRY or result.receipt is None:
                    continue
                status = result.first or result.status
                write.execute(
                    "UPDATE op SET up_status = ?, up_code = ?, up_rev = ?, up_seq = ? WHERE op_id = ? AND variant = 0",
                    (status, result.code, result.rev, result.seq, result.op_id),
                )
                if tier == CENTRE:
                    self._confirm(write, result.op_id, status, result.rev, result.code, result.receipt)
                row = write.execute(
                    "SELECT entity, id FROM op WHERE op_id = ? AND variant = 0", (result.op_id,)
                ).fetchone()
                if row:
                    touched[row[0], row[1]] = None
            for kind, id in touched:
                self._rebuild(write, kind, id, None)
            self._move_confirmed(write, {install for install, _ in results})

    def take_receipts(self, install_id: str, receipts: Sequence[LateReceipt]) -> None:
        with self._writing() as write:
            for one in receipts:
                self._confirm(write, one.op_id, one.status, one.rev, one.code, one.receipt)
            self._move_confirmed(write, {install_id})

    def _confirm(self, write: sqlite3.Connection, op_id: str, status: str, rev: int, code: str, receipt: Receipt) -> None:
        write.execute(
            "UPDATE op SET centre_status = ?, centre_rev = ?, centre_code = ?, centre_receipt = ?"
            " WHERE op_id = ? AND hash = ? AND variant = 0",
            (status, rev, code, _json.encode(receipt).decode(), op_id, receipt.hash),
        )

    def _move_confirmed(self, write: sqlite3.Connection, installs: Iterable[str]) -> None:
        for install in installs:
            # The first op without the centre's word ends the confirmed prefix.
            first = write.execute(
                "SELECT min(dseq) FROM op WHERE install_id = ? AND variant = 0 AND centre_receipt IS NULL AND dseq >"
                " (SELECT confirmed FROM log WHERE install_id = ?)",
                (install, install),
            ).fetchone()[0]
            write.execute(
                "UPDATE log SET confirmed = max(confirmed, coalesce(? - 1, acked)) WHERE install_id = ?", (first, install)
            )

    def offer_again(self, install_id: str, from_dseq: int) -> None:
        """The upstream lacks the install's ops from that dseq on."""
        with self._writing() as write:
            write.execute(
                "UPDATE op SET up_status = NULL WHERE install_id = ? AND dseq >= ? AND variant = 0", (install_id, from_dseq)
            )

    def take_page(self, records: Sequence[Record], cursor: str, source: tuple[str, str]) -> None:
        with self._writing() as write:
            for record in records:
                self._rebuild(write, record.kind, record.id, None, upstream=record)
            self._set_meta(write, "upstream_cursor", cursor)
            self._set_meta(write, "upstream_source", " ".join(source))

    def upstream_cursor(self) -> tuple[str | None, tuple[str, str] | None]:
        found = dict(self._all("SELECT key, value FROM meta WHERE key IN ('upstream_cursor', 'upstream_source')"))
        source = found.get("upstream_source", "").split(" ")
        return found.get("upstream_cursor") or None, (source[0], source[1]) if len(source) == 2 else None

    def forget_upstream(self) -> None:
        with self._writing() as write:
            write.execute("DELETE FROM meta WHERE key IN ('upstream_cursor', 'upstream_source')")
            write.execute("UPDATE record SET upstream = json_set(upstream, '$.seq', 0) WHERE upstream IS NOT NULL")
            write.execute("UPDATE op SET up_status = NULL, up_seq = NULL WHERE variant = 0")
            write.execute("UPDATE blob SET relayed = 0")

    def awaiting_centre(self) -> dict[str, int]:
        return dict(self._all("SELECT install_id, confirmed FROM log WHERE confirmed < acked"))

    def blobs_to_relay(self, limit: int) -> list[str]:
        return [
            row[0]
            for row in self._all(
                "SELECT DISTINCT b.sha256 FROM blob b JOIN blob_named m USING (sha256) JOIN op o"
                " ON o.entity = m.kind AND o.id = m.id WHERE b.relayed = 0 AND o.up_status IS NOT NULL LIMIT ?",
                limit,
            )
        ]

    def blob_relayed(self, sha256: str) -> None:
        with self._writing() as write:
            write.execute("UPDATE blob SET relayed = 1 WHERE sha256 = ?", (sha256,))


def _record_of(row: Any) -> Record:
    kind, id_, area, rev, seq, fields, since, pending, deleted = row
    return Record(kind=kind, id=id_, area=area, rev=rev, seq=seq, fields=msgspec.json.decode(fields),
                  since=msgspec.json.decode(since), pending=pending, deleted=bool(deleted))  # fmt: skip


def _scope_sql(scope: Scope) -> tuple[str, list[Any]]:
    """The scope as a condition on ``record`` with bound values; an empty scope reads nothing."""
    if not scope.area_prefixes:
        return "0", []
    inside: list[str] = []
    values: list[Any] = []
    for prefix in scope.area_prefixes:
        inside.append("(area >= ? AND area < ?)")
        values += [prefix, prefix + "~"]
    down = downward_kinds(scope)
    ancestors = sorted({code for prefix in scope.area_prefixes for code in ancestors_of(prefix)})
    if down and ancestors:
        inside.append(f"(kind IN ({_marks(down)}) AND area IN ({_marks(ancestors)}))")
        values += [*down, *ancestors]
    where = "(" + " OR ".join(inside) + ")"
    if scope.kinds:
        where += f" AND kind IN ({_marks(scope.kinds)})"
        values += scope.kinds
    return where, values


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _hold_folder(folder: Path) -> Any:
    """Take the folder for this process; a second process gets a clear answer instead of two writers."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = open(folder / "lock", "a+")  # noqa: SIM115 - held until close()
    except OSError as error:
        raise Problem("folder_read_only", where=str(folder)) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.seek(0)
        holder = handle.read().strip()
        handle.close()
        raise Problem("folder_in_use", where=f"pid {holder}" if holder else str(folder)) from error
    handle.truncate(0)
    handle.write(str(os.getpid()))
    handle.flush()
    return handle
