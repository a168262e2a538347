"""What an `Intake` asks of SQLite, and how what it gathered is written there."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from sync.audit import entries_of, erasures
from sync.erasing import stub_of
from sync.protocol import claimed_hash, op_of_body
from sync.records import CENTRE, RETRY, Delivered, Op, Pushed, PushReply, Record, UnreadRecord
from sync.store.dates import dates_of, packed_dates
from sync.store.intake import Intake
from sync.store.intake_round import Kept
from sync.store.memory import Key, KnownOp, Log, Stored, Unsettled, Waiting
from sync.store.naming import blobs_named
from sync.store.pages import gone_record
from sync.store.sqlite_audit import bind
from sync.store.sqlite_rows import insert

DROP_BLOB = "drop_blob."
RECORD = "kind, id, area, rev, seq, fields, since, pending, deleted"
# The first condition is the partial index's own, without which it would not be used.
ANY_HELD = "SELECT 1 FROM op WHERE status IN ('held', 'quarantined') AND status = 'held' LIMIT 1"
_OP = (
    "op (n, op_id, install_id, dseq, entity, id, submission, hash, body, received_at, status, code, rev, seq, variant)"
)
_CHANGE = "change (seq, kind, id, op_n)"
_RECORD = f"record ({RECORD}, upstream)"
_REPLACING = (
    " ON CONFLICT (kind, id) DO UPDATE SET rev = excluded.rev, seq = excluded.seq, fields = excluded.fields,"
    " since = excluded.since, pending = excluded.pending, deleted = excluded.deleted,"
    " upstream = coalesce(excluded.upstream, upstream)"
)
_LOG = "log (install_id, acked, chain)"
_MOVED_ON = " ON CONFLICT (install_id) DO UPDATE SET acked = excluded.acked, chain = excluded.chain"
_LOG_HEAD = "log_head (install_id, dseq, chain, sig)"
_SIGNED_LATER = " ON CONFLICT (install_id, dseq) DO UPDATE SET sig = excluded.sig WHERE log_head.sig = ''"
_json = msgspec.json.Encoder()
_document: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
_record = msgspec.json.Decoder(Record)


class SqliteMemory:
    """The one writer's transaction, asked. A look-up costs less than its call from Python, so many go in one question."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._ask = connection.execute
        self._any_held: bool | None = None

    def foresee(self, install_ids: Sequence[str], ops: Sequence[Op], keys: Sequence[tuple[str, str, str]]) -> None:
        pass

    def known_ops(self, ops: Sequence[Op]) -> dict[str, KnownOp]:
        rows = self._ask(
            "SELECT op_id, hash, status, code, rev, seq, received_at FROM op"
            " WHERE op_id IN (SELECT value FROM json_each(?)) AND variant = 0",
            (_json.encode([op.op_id for op in ops]).decode(),),
        )
        return {row[0]: KnownOp(*row[1:]) for row in rows}

    def has_content(self, op: Op, hash: str) -> bool:
        sql = "SELECT 1 FROM op WHERE op_id = ? AND hash = ?"
        return self._ask(sql, (op.op_id, hash)).fetchone() is not None

    def logs(self, install_ids: Sequence[str]) -> dict[str, Log]:
        rows = self._ask(
            "SELECT value, l.acked, l.chain, i.key FROM json_each(?) LEFT JOIN log l ON l.install_id = value"
            " LEFT JOIN install i ON i.install_id = value",
            (_json.encode(install_ids).decode(),),
        )
        return {install: Log(acked or 0, chain or "", key) for install, acked, chain, key in rows}

    def claimed(self, install_id: str, upto: int) -> list[str]:
        return claimed_hashes(self._ask, install_id, 0, upto)

    def stored(self, keys: Sequence[tuple[str, str, str]]) -> dict[Key, Stored]:
        wanted = {key[:2] for key in keys}
        # Ids are enough to ask for: hardly two records of different kinds share one.
        rows = self._ask(
            f"SELECT {RECORD}, upstream FROM record WHERE id IN (SELECT value FROM json_each(?))",  # noqa: S608
            (_json.encode([id for _, id in wanted]).decode(),),
        )
        found = {
            (row[0], row[1]): Stored(record_of(row[:9]), _record.decode(row[9]) if row[9] else None)
            for row in rows
            if (row[0], row[1]) in wanted
        }
        if missing := [key for key in wanted if key not in found]:
            gone = self._ask(
                "SELECT kind, id, area, rev, seq FROM gone WHERE (kind, id) IN"
                " (SELECT value ->> 0, value ->> 1 FROM json_each(?))",
                (_json.encode(missing).decode(),),
            )
            found |= {(row[0], row[1]): Stored(*[gone_record(*row)] * 2) for row in gone}
        return found

    def waiting(self, keys: Sequence[Key]) -> dict[Key, list[Waiting]]:
        if self._any_held is None:
            # Of all ops hardly one waits: one question spares one for each new record.
            self._any_held = self._ask(ANY_HELD).fetchone() is not None
        if not self._any_held:
            return {}
        sql = "SELECT n, body FROM op WHERE status = 'held' AND entity = ? AND id = ? ORDER BY n"
        return {key: [Waiting(n, op_of_body(body)) for n, body in self._ask(sql, key)] for key in keys}

    def unsettled(self, key: Key, place: int) -> list[Unsettled]:
        rows = self._ask(
            "SELECT body, up_status, up_seq FROM op WHERE entity = ? AND id = ? AND variant = 0"
            " AND status != 'quarantined' AND (up_status IS NULL OR up_seq > ?) ORDER BY n",
            (*key, place),
        )
        return [Unsettled(op_of_body(body), status, seq) for body, status, seq in rows]


    def delivered(self, install_id: str) -> list[Delivered]:
        return delivered_to(self._ask, install_id)

    def maker(self, key: Key) -> tuple[str, int]:
        sql = (
            "SELECT install_id, seq FROM op WHERE entity = ? AND id = ? AND seq > 0 AND status IN ('applied', 'conflict')"
            " ORDER BY n LIMIT 1"
        )
        found = self._ask(sql, key).fetchone()
        return (found[0], found[1]) if found else ("", 0)

    def conflicts_about(self, key: Key) -> list[Stored]:
        rows = self._ask(
            f"SELECT {RECORD}, upstream FROM record WHERE kind = 'conflict'"  # noqa: S608
            " AND fields ->> '$.entity' = ? AND fields ->> '$.id' = ?",
            key,
        )
        return [Stored(record_of(row[:9]), msgspec.json.decode(row[9], type=Record) if row[9] else None) for row in rows]


def write_down(write: sqlite3.Connection, intake: Intake) -> None:
    """Everything a placed intake gathered."""

    def many(statement: str, rows: Collection[Sequence[Any]]) -> None:
        if rows:  # most kinds of changes are in few pushes, and being asked costs a statement too
            write.executemany(statement, rows)

    insert(write, _OP, [_op_row(kept, intake.received) for kept in intake.kept])
    many(
        "UPDATE op SET status = ?, code = ?, rev = ?, seq = ? WHERE n = ?",
        [(kept.status, kept.code, kept.rev, kept.seq, kept.n) for kept in intake.released],
    )
    insert(write, _CHANGE, [(put.record.seq, put.record.kind, put.record.id, put.op_n) for put in intake.puts])
    _write_records(write, intake)
    many(
        "UPDATE record SET upstream = ? WHERE kind = ? AND id = ?",
        [(_encoded(record), *key) for key, record in intake.upstreams.items()],
    )
    many("UPDATE record SET upstream = NULL WHERE kind = ? AND id = ?", intake.dropped)
    insert(write, _LOG, [(install, log.acked, log.chain) for install, log in intake.advanced.items()], _MOVED_ON)
    insert(write, _LOG_HEAD, intake.noted, _SIGNED_LATER)
    many(
        "INSERT OR IGNORE INTO blob_named (sha256, kind, id, size) VALUES (?, ?, ?, ?)", blobs_named(intake)
    )
    intake.chain = bind(write, intake.chain, entries_of(intake.chain, intake.kept, intake.released, intake.received))
    intake.chain = bind(write, intake.chain, erasures(intake.chain, intake.stubs(), "", intake.received))
    for key, reason in intake.erased.items():
        wiped = _wipe(write, key, reason, everything=intake.tier == CENTRE)
        intake.chain = bind(write, intake.chain, erasures(intake.chain, wiped, reason, intake.received))


def _write_records(write: sqlite3.Connection, intake: Intake) -> None:
    new: list[tuple[Any, ...]] = []
    other: list[tuple[Any, ...]] = []
    refiled: list[tuple[str, str, str]] = []
    for put in intake.newest():
        record = put.record
        before = intake.area_before(record)
        (new if before == "" else other).append((*_record_row(record), _encoded(put.fresh)))
        if before not in ("", record.area):
            refiled.append((record.area, record.kind, record.id))
    insert(write, _RECORD, new)
    insert(write, _RECORD, other, _REPLACING)
    if refiled:  # apart, because naming a column writes its indexes anew, also where the value stays
        write.executemany("UPDATE record SET area = ? WHERE kind = ? AND id = ?", refiled)


def _wipe(write: sqlite3.Connection, key: Key, reason: str, *, everything: bool) -> list[int]:
    """Make stubs of a record's ops and forget its blobs; answers the ops' rows.

    Below the centre an op stays whole until it was relayed.
    """
    relayed = "" if everything else " AND up_status IS NOT NULL"
    rows = write.execute(
        f"SELECT n, body, hash FROM op WHERE entity = ? AND id = ?{relayed}",  # noqa: S608 - our own
        key,
    ).fetchall()
    made = [(stub_of(body, op_of_body(body), hash_, reason), n) for n, body, hash_ in rows]
    stubs = [one for one in made if one[0] is not None]
    write.executemany("UPDATE op SET body = ? WHERE n = ?", stubs)
    write.execute("UPDATE raw_push SET body = x'' WHERE length(body) > 0 AND instr(body, ?) > 0", (key[1].encode(),))
    alone = (
        "SELECT sha256 FROM blob_named b WHERE kind = ? AND id = ? AND NOT EXISTS (SELECT 1 FROM blob_named o"
        " WHERE o.sha256 = b.sha256 AND (o.kind, o.id) <> (b.kind, b.id))"
    )
    for (sha256,) in write.execute(alone, key).fetchall():
        # The file goes after the commit; should the process die in between, at the next start.
        write.execute("INSERT OR IGNORE INTO meta VALUES (?, '')", (f"{DROP_BLOB}{sha256}",))
        write.execute("DELETE FROM blob WHERE sha256 = ?", (sha256,))
    write.execute("DELETE FROM blob_named WHERE kind = ? AND id = ?", key)
    return [n for _, n in stubs]


def write_pushes(
    write: sqlite3.Connection, pushes: Sequence[Pushed], replies: Sequence[PushReply], received: str
) -> None:
    """That these bodies came. Their ops are kept byte by byte; the whole body is where one of them is not."""
    rows = []
    for pushed, reply in zip(pushes, replies, strict=True):
        incomplete = any(result.status == RETRY for result in reply.results)
        digest = hashlib.sha256(pushed.raw).hexdigest()
        rows.append((pushed.credential.install_id, received, digest, pushed.raw if incomplete else b""))
    insert(write, "raw_push (install_id, received_at, sha256, body)", rows)
    write.execute(
        "UPDATE install SET last_seen = ? WHERE install_id IN (SELECT value FROM json_each(?))",
        (received, _json.encode(list({row[0] for row in rows})).decode()),
    )


def delivered_to(ask: Any, install_id: str) -> list[Delivered]:
    rows = ask("SELECT prefixes, place, seen_at, until FROM delivered WHERE install_id = ?", (install_id,)).fetchall()
    return [Delivered(prefixes=tuple(row[0].split()), place=row[1], seen_at=row[2], until=row[3]) for row in rows]


def acked_of(ask: Any, install_id: str) -> int:
    found = ask("SELECT acked FROM log WHERE install_id = ?", (install_id,)).fetchone()
    return int(found[0]) if found else 0


def claimed_hashes(ask: Any, install_id: str, after: int, upto: int) -> list[str]:
    """What the ops of a log's prefix claim as their hashes, in order; of a forked number the op that came first."""
    rows = ask(
        "SELECT body, min(n) FROM op WHERE install_id = ? AND dseq > ? AND dseq <= ? AND variant = 0"
        " GROUP BY dseq ORDER BY dseq",
        (install_id, after, upto),
    )
    return [claimed_hash(body) for body, _ in rows]


def record_of(row: Any) -> Record:
    kind, id_, area, rev, seq, text, since, pending, deleted = row
    fields = _document.decode(text)
    return Record(kind=kind, id=id_, area=area, rev=rev, seq=seq, fields=fields,
                  since=dates_of(since, fields), pending=pending, deleted=bool(deleted))  # fmt: skip


def unread_record(row: Any) -> UnreadRecord:
    kind, id_, area, rev, seq, fields, since, pending, deleted = row
    return UnreadRecord(kind, id_, area, rev, seq, fields, since, pending, bool(deleted))


def _op_row(kept: Kept, received: str) -> tuple[Any, ...]:
    op = kept.arrival.op
    return (kept.n, op.op_id, op.install_id, op.dseq, op.entity, op.id, op.submission, kept.arrival.hash,
            kept.arrival.body, received, kept.status, kept.code, kept.rev, kept.seq, int(kept.variant))  # fmt: skip


def _record_row(record: Record) -> tuple[Any, ...]:
    return (record.kind, record.id, record.area, record.rev, record.seq, _json.encode(record.fields).decode(),
            packed_dates(record.since, record.fields), record.pending, int(record.deleted))  # fmt: skip


def _encoded(record: Record | None) -> str | None:
    return _json.encode(record).decode() if record else None
