"""What an `Intake` asks of PostgreSQL, and how what it gathered is written there.

A question costs a round trip, so an intake asks for everything at once
(`postgres_functions`), and what is asked by itself below is what only few
rounds need; rows that will be written stay locked until the commit. Locks are
taken in the order logs, records, counter; where two hosts still meet crosswise the
database ends one of them, which starts anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import psycopg

from sync.audit import after, entries_of, erasures
from sync.erasing import stub_of
from sync.protocol import claimed_hash, op_of_body
from sync.records import MOVE, QUARANTINED, RETRY, Delivered, Op, Pushed, PushReply, Record
from sync.store.dates import dates_of, dates_read, packed_dates
from sync.store.intake import Intake
from sync.store.intake_round import Kept
from sync.store.memory import Key, KnownOp, Log, Stored, Unsettled, Waiting
from sync.store.naming import blobs_named
from sync.store.pages import gone_record
from sync.store.postgres_audit import bind
from sync.store.postgres_schema import ASIDE, county_of

RECORD = "kind, id, area, rev, seq, fields::text, since::text, deleted"
CLAIMED = (
    "SELECT DISTINCT ON (dseq) body FROM op WHERE install_id = %s AND dseq > %s AND dseq <= %s AND NOT variant"
    " ORDER BY dseq, n"
)
"""The bodies of a log's prefix in order; of a forked number the op that came first."""
_json = msgspec.json.Encoder()
_document: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


class Foreseen(msgspec.Struct):
    """What the database told when it was asked for all that is needed, and for whom it was asked."""

    logs: dict[str, Log]
    ops: frozenset[str]
    known: dict[str, KnownOp]
    keys: frozenset[Key]
    stored: dict[Key, Stored]
    held: dict[Key, list[Waiting]]


class Overtaken(Exception):
    """Another round made, or has waiting, what this one found nowhere."""


class PostgresMemory:
    """One transaction, asked. asked_n: the last op that was committed when the first question was asked."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self.asked_n: int | None = None
        self._foreseen = Foreseen({}, frozenset(), {}, frozenset(), {}, {})

    def foresee(self, install_ids: Sequence[str], ops: Sequence[Op], keys: Sequence[tuple[str, str, str]]) -> None:
        placed = sorted((county_of(area) if area else ASIDE, kind, id) for kind, id, area in keys)
        asked = {
            "installs": sorted(install_ids),
            "ops": [(county, op.op_id) for op in ops for county in {county_of(op.area), ASIDE}],
            "records": placed,
        }
        ended = self._connection.execute("SELECT n FROM counter", prepare=True)  # read with the answer to the next
        (answer,) = self._all("SELECT push_ask(%s::json)::text", _json.encode(asked).decode())
        if self.asked_n is None:
            ((self.asked_n,),) = ended.fetchall()
        told = _document.decode(answer[0])
        stored = {(row[0], row[1]): Stored(gone_record(*row)) for row in told["gone"] or ()}
        stored |= {(row[0], row[1]): Stored(_record_told(*row)) for name in ("elsewhere", "here") for row in told[name] or ()}
        held: dict[Key, list[Waiting]] = {}
        for entity, id, n, body in told["held"] or ():
            held.setdefault((entity, id), []).append(Waiting(n, op_of_body(body.encode())))
        self._foreseen = Foreseen(
            logs={row[0]: Log(*row[1:]) for row in told["logs"] or ()},
            ops=frozenset(op.op_id for op in ops), known={row[0]: KnownOp(*row[1:]) for row in told["known"] or ()},
            keys=frozenset(key[:2] for key in keys), stored=stored, held=held,
        )  # fmt: skip

    def _all(self, question: str, *values: Any) -> list[Any]:
        return self._connection.execute(question.encode(), values, prepare=True).fetchall()

    def known_ops(self, ops: Sequence[Op]) -> dict[str, KnownOp]:
        if self._foreseen.ops.issuperset(op.op_id for op in ops):
            return self._foreseen.known
        rows = self._all(
            "SELECT o.op_id, o.hash, o.status, o.code, o.rev, o.seq, o.received_at"
            " FROM unnest(%b::text[], %b::text[]) AS asked (county, op_id)"
            " JOIN op o ON o.county = asked.county AND o.op_id = asked.op_id WHERE NOT o.variant",
            [county_of(op.area) for op in ops] + [ASIDE] * len(ops), [op.op_id for op in ops] * 2,
        )  # fmt: skip
        return {row[0]: KnownOp(*row[1:]) for row in rows}

    def has_content(self, op: Op, hash: str) -> bool:
        found = self._all(
            "SELECT 1 FROM op WHERE county IN (%s, %s) AND op_id = %s AND hash = %s LIMIT 1",
            county_of(op.area), ASIDE, op.op_id, hash,
        )  # fmt: skip
        return bool(found)

    def logs(self, install_ids: Sequence[str]) -> dict[str, Log]:
        if self._foreseen.logs.keys() >= set(install_ids):
            return self._foreseen.logs
        names = sorted(install_ids)
        self._connection.execute(
            "INSERT INTO log (install_id, acked) SELECT id, 0 FROM unnest(%b::text[]) AS asked (id)"
            " WHERE NOT EXISTS (SELECT 1 FROM log WHERE install_id = id) ORDER BY id ON CONFLICT DO NOTHING",
            (names,), prepare=True,
        )  # fmt: skip
        rows = self._all(
            "SELECT l.install_id, l.acked, l.chain, i.key FROM log l LEFT JOIN install i USING (install_id)"
            " WHERE l.install_id = ANY(%s) ORDER BY l.install_id FOR UPDATE OF l",
            names,
        )
        return {row[0]: Log(*row[1:]) for row in rows}

    def claimed(self, install_id: str, upto: int) -> list[str]:
        return [claimed_hash(row[0]) for row in self._all(CLAIMED, install_id, 0, upto)]

    def stored(self, keys: Sequence[tuple[str, str, str]]) -> dict[Key, Stored]:
        if self._foreseen.keys.issuperset(key[:2] for key in keys):
            return self._foreseen.stored
        by_county: dict[str, list[tuple[str, str, str]]] = {}
        for key in keys:
            by_county.setdefault(county_of(key[2]) if key[2] else ASIDE, []).append(key)
        found: dict[Key, Stored] = {}
        for county, some in sorted(by_county.items()):
            found |= self._in_county(county, some)
        elsewhere = [key for key in keys if key[:2] not in found]
        return found | (self._anywhere(elsewhere) if elsewhere else {})

    def _in_county(self, county: str, keys: Sequence[tuple[str, str, str]]) -> dict[Key, Stored]:
        rows = self._all(
            f"SELECT {RECORD} FROM record WHERE county = %s AND (kind, id) IN"  # noqa: S608
            " (SELECT * FROM unnest(%b::text[], %b::text[])) ORDER BY kind, id FOR UPDATE",
            county, [key[0] for key in keys], [key[1] for key in keys],
        )  # fmt: skip
        return {(row[0], row[1]): Stored(record_of(row)) for row in rows}

    def _anywhere(self, keys: Sequence[tuple[str, str, str]]) -> dict[Key, Stored]:
        """New records are nowhere, and a few lie in another county than was thought (people of the offices above)."""
        rows = self._all(
            f"SELECT {RECORD} FROM record WHERE (kind, id) IN (SELECT * FROM unnest(%b::text[], %b::text[]))"  # noqa: S608
            " ORDER BY kind, id FOR UPDATE",
            [key[0] for key in keys], [key[1] for key in keys],
        )  # fmt: skip
        found = {(row[0], row[1]): Stored(record_of(row)) for row in rows}
        gone = self._all(
            "SELECT kind, id, area, rev, seq FROM gone WHERE (kind, id) IN (SELECT * FROM unnest(%b::text[], %b::text[]))",
            [key[0] for key in keys], [key[1] for key in keys],
        )  # fmt: skip
        return {(row[0], row[1]): Stored(gone_record(*row)) for row in gone} | found

    def waiting(self, keys: Sequence[Key]) -> dict[Key, list[Waiting]]:
        if self._foreseen.keys.issuperset(keys):
            return self._foreseen.held
        rows = self._all(
            "SELECT entity, id, n, body FROM op WHERE status = 'held' AND (entity, id) IN"
            " (SELECT * FROM unnest(%b::text[], %b::text[])) ORDER BY n FOR UPDATE",
            [key[0] for key in keys], [key[1] for key in keys],
        )  # fmt: skip
        found: dict[Key, list[Waiting]] = {}
        for entity, id, n, body in rows:
            found.setdefault((entity, id), []).append(Waiting(n, op_of_body(body)))
        return found

    def unsettled(self, key: Key, place: int) -> list[Unsettled]:
        return []  # a centre has nobody above it

    def delivered(self, install_id: str) -> list[Delivered]:
        rows = self._all("SELECT prefixes, place, seen_at, until FROM delivered WHERE install_id = %s", install_id)
        return [Delivered(prefixes=tuple(row[0].split()), place=row[1], seen_at=row[2], until=row[3]) for row in rows]

    def maker(self, key: Key) -> tuple[str, int]:
        rows = self._all(
            "SELECT install_id, seq FROM op WHERE entity = %s AND id = %s AND seq > 0"
            " AND status IN ('applied', 'conflict') ORDER BY n LIMIT 1",
            *key,
        )
        return rows[0] if rows else ("", 0)

    def conflicts_about(self, key: Key) -> list[Stored]:
        rows = self._all(
            f"SELECT {RECORD} FROM record WHERE kind = 'conflict' AND fields ->> 'entity' = %s AND fields ->> 'id' = %s"  # noqa: S608
            " FOR UPDATE",
            *key,
        )
        return [Stored(record_of(row)) for row in rows]


def refuse_overtaken(connection: psycopg.Connection, intake: Intake, last_n: int) -> None:
    """Rows that are there are locked by who asks for them; what is nowhere cannot be locked. So, once this transaction has
    the counter: raises Overtaken when an op committed since it asked, up to last_n, is about something it found nowhere.

    Else two rounds at once would both make a record, or one hold an op for a record that the other is making.
    """
    asked_n = intake.memory.asked_n if isinstance(intake.memory, PostgresMemory) else None
    nowhere = intake.nowhere()
    if asked_n is None or last_n == asked_n or not nowhere:
        return
    rows = connection.execute(
        "SELECT entity, id FROM op WHERE county = ANY(%s) AND n > %s AND n <= %s",
        (sorted({county_of(kept.arrival.op.area) for kept in intake.kept}), asked_n, last_n), prepare=True,
    ).fetchall()  # fmt: skip
    if not nowhere.isdisjoint(rows):
        raise Overtaken


class Came(NamedTuple):
    """That a body came. Its ops are kept byte by byte; the whole body is where one of them is not."""

    install_id: str
    sha256: str
    body: bytes


def write_down(connection: psycopg.Connection, intake: Intake, came: Sequence[Came] = ()) -> None:
    """Everything a placed intake gathered, and the bodies in which it came. The caller holds the counter's lock."""
    records = [put.record for put in intake.newest()]
    entries = entries_of(intake.chain, intake.kept, intake.released, intake.received)
    marks = {(mark.install_id, mark.dseq): mark for mark in sorted(intake.noted, key=lambda mark: mark.sig)}
    intake.chain = after(intake.chain, entries)
    heads = [mark._asdict() for mark in marks.values()] if intake.advanced else []
    connection.execute(
        "SELECT push_write(%s::json, %s::jsonb, %s::json, %s::json, %s::json, %s::int8, %b::bytea, %s::json, %s,"
        " %b::bytea[], %b::bytea[])",
        (
            _told([_op_told(kept) for kept in intake.kept]),
            _told([_record_to_tell(record) for record in records]),
            _told([{"install_id": install, "acked": log.acked, "chain": log.chain} for install, log in intake.advanced.items()]),
            _told(heads),
            _told([entry._asdict() | {"link": entry.link.hex()} for entry in entries]),
            *((intake.chain.n, intake.chain.link) if entries else (None, None)),
            _told([{"install_id": one.install_id, "sha256": one.sha256} for one in came]),
            intake.received,
            [kept.arrival.body for kept in intake.kept],
            [one.body for one in came],
        ),
        prepare=True,
    )
    if intake.released:
        connection.cursor().executemany(
            "UPDATE op SET status = %s, code = %s, rev = %s, seq = %s WHERE county = %s AND n = %s",
            [(k.status, k.code, k.rev, k.seq, county_of(k.arrival.op.area), k.n) for k in intake.released],
        )
    moved = {(kept.arrival.op.entity, kept.arrival.op.id) for kept in intake.kept if kept.arrival.op.kind == MOVE}
    for record in records:
        if (record.kind, record.id) in moved:  # its county may be another one now, and a record is in one place
            connection.execute(
                "DELETE FROM record WHERE kind = %s AND id = %s AND county <> %s",
                (record.kind, record.id, county_of(record.area)), prepare=True,
            )  # fmt: skip
    named = blobs_named(intake)
    if named:
        connection.execute(
            "INSERT INTO blob_named (sha256, kind, id, size)"
            " SELECT DISTINCT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::int8[]) ON CONFLICT DO NOTHING",
            _columns(named),
        )
    intake.chain = bind(connection, intake.chain, erasures(intake.chain, intake.stubs(), "", intake.received))
    for key, reason in intake.erased.items():
        wiped = _wipe(connection, key, reason)
        intake.chain = bind(connection, intake.chain, erasures(intake.chain, wiped, reason, intake.received))


def _wipe(connection: psycopg.Connection, key: Key, reason: str) -> list[int]:
    """Make stubs of a record's ops and forget its blobs; answers the ops' rows.

    The old rows' bytes go with the next VACUUM (docs/database.md).
    """
    rows = connection.execute("SELECT county, n, body, hash FROM op WHERE entity = %s AND id = %s", key).fetchall()
    made = [(stub_of(body, op_of_body(body), hash_, reason), county, n) for county, n, body, hash_ in rows]
    stubs = [one for one in made if one[0] is not None]
    connection.cursor().executemany("UPDATE op SET body = %s WHERE county = %s AND n = %s", stubs)
    connection.execute(
        "UPDATE raw_push SET body = '' WHERE length(body) > 0 AND position(%s::bytea in body) > 0", (key[1].encode(),)
    )
    alone = connection.execute(
        "SELECT sha256 FROM blob_named b WHERE kind = %s AND id = %s AND NOT EXISTS (SELECT 1 FROM blob_named o"
        " WHERE o.sha256 = b.sha256 AND (o.kind, o.id) <> (b.kind, b.id))",
        key,
    ).fetchall()
    names = [row[0] for row in alone]
    connection.execute("DELETE FROM blob_part WHERE sha256 = ANY(%s)", (names,))
    connection.execute("DELETE FROM blob WHERE sha256 = ANY(%s)", (names,))
    connection.execute("DELETE FROM blob_named WHERE kind = %s AND id = %s", key)
    return [n for _, _, n in stubs]


def came_with(pushes: Sequence[Pushed], replies: Sequence[PushReply]) -> list[Came]:
    """The bodies of a round, once it is known what became of their ops."""
    return [
        Came(pushed.credential.install_id, hashlib.sha256(pushed.raw).hexdigest(),
             pushed.raw if any(result.status == RETRY for result in reply.results) else b"")
        for pushed, reply in zip(pushes, replies, strict=True)
    ]  # fmt: skip


def record_of(row: Any) -> Record:
    kind, id_, area, rev, seq, text, since, deleted = row
    fields = _document.decode(text)
    return Record(kind=kind, id=id_, area=area, rev=rev, seq=seq, fields=fields, since=dates_of(since, fields),
                  deleted=deleted)  # fmt: skip


def counties_of(intake: Intake) -> set[str]:
    """Where the intake will write."""
    return {_county_of_op(kept) for kept in intake.kept} | {county_of(put.record.area) for put in intake.puts}


def _county_of_op(kept: Kept) -> str:
    # An op that was set aside may claim any area: it must not make partitions.
    return ASIDE if kept.status == QUARANTINED else county_of(kept.arrival.op.area)


def _told(rows: Sequence[dict[str, Any]]) -> str:
    return _json.encode(rows).decode()


def _op_told(kept: Kept) -> dict[str, Any]:
    op = kept.arrival.op
    return {
        "county": _county_of_op(kept), "n": kept.n, "op_id": op.op_id, "install_id": op.install_id, "dseq": op.dseq,
        "entity": op.entity, "id": op.id, "submission": op.submission, "hash": kept.arrival.hash,
        "status": kept.status, "code": kept.code, "rev": kept.rev, "seq": kept.seq, "variant": kept.variant,
    }  # fmt: skip


def _record_to_tell(record: Record) -> dict[str, Any]:
    return {
        "county": county_of(record.area), "kind": record.kind, "id": record.id, "area": record.area, "rev": record.rev,
        "seq": record.seq, "fields": record.fields, "since": msgspec.Raw(packed_dates(record.since, record.fields).encode()),
        "deleted": record.deleted,
    }  # fmt: skip


def _record_told(kind: str, id: str, area: str, rev: int, seq: int, fields: Any, since: Any, deleted: bool) -> Record:
    return Record(kind=kind, id=id, area=area, rev=rev, seq=seq, fields=fields, since=dates_read(since, fields),
                  deleted=deleted)  # fmt: skip


def _columns(rows: Sequence[tuple[Any, ...]]) -> tuple[list[Any], ...]:
    return tuple(list(column) for column in zip(*rows, strict=True))
