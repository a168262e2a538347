"""The store in one SQLite file, through sqlite-utils: the centre of a county, and every node below it.

The file and its one writer are in `sqlite_file`, how ops come in is in
`intake` and `sqlite_intake`; here is what a node asks of its memory.
"""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from sync.apply import KEPT_BOTH
from sync.audit import ENROL, REVOKE, Chain, Fault, Head
from sync.author import spelled
from sync.enrolling import DONE, Enrolment
from sync.failpoints import reach
from sync.logs import chain_over, chain_start
from sync.overlay import is_pending
from sync.problems import Problem
from sync.protocol import op_of_body
from sync.records import (
    BLOB_PLACES,
    BROWSER,
    CENTRE,
    CONFLICT,
    NODE,
    RETRY,
    Arrival,
    BlobPlace,
    BlobWord,
    Credential,
    Delivered,
    Grant,
    Install,
    KeptPage,
    LateReceipt,
    LogHead,
    Op,
    Page,
    PushReply,
    Receipt,
    Record,
    Result,
    Scope,
    ServerHead,
    UnreadPage,
)
from sync.scope import grants_of, scope_version, shown
from sync.store import sqlite_audit, sqlite_compare
from sync.store.base import LOAD_CHUNK, Compared, Copy, Mended, NewInstall, ToRelay
from sync.store.batches import whole_batch
from sync.store.blobs import BlobFolder
from sync.store.enrolments import enrolment_of, enrolment_row
from sync.store.group import GroupCommit
from sync.store.high_water import HighWater
from sync.store.intake import Intake, Pushed
from sync.store.kept import kept_of
from sync.store.memory import Key
from sync.store.pages import kept_page_of, moment_text, page_of, place_of, token_hash, unread_page_of
from sync.store.scope_sql import IN_PLACE, in_place, scope_sql
from sync.store.sqlite_audit import chain_of, note
from sync.store.sqlite_file import SqliteFile, set_meta
from sync.store.sqlite_history import SqliteHistory
from sync.store.sqlite_intake import (
    DROP_BLOB,
    RECORD,
    SqliteMemory,
    acked_of,
    claimed_hashes,
    delivered_to,
    record_of,
    unread_record,
    write_down,
    write_pushes,
)
from sync.store.tombstones import PAUSE

# The inner question reads the index only and stops at the limit. Left to itself the planner reads all records of the
# kinds asked for and sorts them, for every page and for every phone that asks whether there is news.
PULL = (
    f"SELECT {RECORD} FROM record JOIN (SELECT n AS row, seq AS s FROM record INDEXED BY record_by_seq"  # noqa: S608
    " WHERE seq > ? AND {where} ORDER BY seq LIMIT ?) ON n = row ORDER BY s"
)
_json = msgspec.json.Encoder()


UNSHARED_CONFLICTS = """
SELECT id FROM record INDEXED BY record_conflicts
WHERE kind = 'conflict' AND deleted = 0 AND (upstream IS NULL OR json_extract(upstream, '$.seq') = 0)
  AND NOT EXISTS (SELECT 1 FROM op WHERE op_id = json_extract(record.fields, '$.op_id') AND variant = 0 AND up_status IS NULL)
"""

class SqliteStore(SqliteHistory):
    """A `Store` over ``store.db`` and ``blobs/`` in a data folder. Raises Problem when the folder cannot be used."""

    def __init__(self, folder: Path, *, clock: Callable[[], datetime] | None = None) -> None:
        self.folder = folder
        self._clock = clock or (lambda: datetime.now(UTC))
        self._file = SqliteFile(folder)
        super().__init__(self._file.all)
        self._one, self._writing = self._file.one, self._file.writing
        self._blobs = BlobFolder(folder / "blobs")
        try:
            self._begin()
        except BaseException:
            self._file.close()
            raise
        self._push_together = GroupCommit(self._push_all)

    def _begin(self) -> None:
        """Who this store is and how far it has come. Raises Problem folder_moved, folder_rolled_back, disk_full."""
        self._server_id = self._file.meta_or("server_id", uuid.uuid4)
        self._epoch = self._file.meta_or("epoch", uuid.uuid4)
        self._tier = self._file.meta_or("tier", lambda: CENTRE)
        if moved := self._one("SELECT value FROM meta WHERE key = 'moved_to'"):
            raise Problem("folder_moved", where=str(moved[0]))
        self._latest = int(self._one("SELECT coalesce(max(seq), 0) FROM change")[0])
        self._last_n = int(self._one("SELECT coalesce(max(n), 0) FROM op")[0])
        self._high_water = HighWater(self.folder)
        if self._high_water.is_above(self._epoch, self._last_n, self._latest):
            self._high_water.close()
            raise Problem("folder_rolled_back", where=str(self.folder))
        self._high_water.note(self._epoch, self._last_n, self._latest)
        sqlite_audit.begin(self._file, self._server_id, self._epoch, moment_text(self._clock()))
        self._drop_blobs()

    @property
    def server_id(self) -> str:
        return self._server_id

    @property
    def epoch(self) -> str:
        return self._epoch

    @property
    def tier(self) -> str:
        return self._tier

    def agree(self, name: str, proposal: str) -> str:
        return self._file.meta_or(f"agreed.{name}", lambda: proposal)

    def agreed(self, name: str) -> str | None:
        found = self._one("SELECT value FROM meta WHERE key = ?", f"agreed.{name}")
        return str(found[0]) if found else None

    def agree_anew(self, name: str, value: str) -> None:
        self.mark(f"agreed.{name}", value)

    def close(self) -> None:
        self._high_water.close()
        self._file.close()

    # --- moving house --------------------------------------------------------------------------------------

    def rows(self, question: str, **functions: Callable[..., Any]) -> Iterator[Any]:
        """Rows of the tables themselves, for copies; functions: of Python, that the question calls."""
        connection = self._file.reader()
        for name, function in functions.items():
            connection.create_function(name, -1, function, deterministic=True)
        yield from connection.execute(question)

    def ends(self) -> tuple[int, int]:
        """The last op and the last place of the log."""
        return self._last_n, self._latest

    def mark(self, key: str, value: str) -> None:
        """Write a note about the folder into it."""
        with self._writing() as write:
            set_meta(write, key, value)

    # --- taking ops in ------------------------------------------------------------------------------------

    def push(
        self, arrivals: Sequence[Arrival], raw: bytes, *, credential: Credential, now: datetime,
        heads: Sequence[LogHead] = (), marks: Mapping[str, str] | None = None,
    ) -> PushReply:
        return self._push_together((Pushed(arrivals, raw, credential, heads, marks or {}), now))

    def _push_all(self, work: Sequence[tuple[Pushed, datetime]], _: Callable[[], None]) -> Sequence[PushReply]:
        """Several bodies, from as many threads, in one commit. The file has one writer, so no round passes the lead on."""
        pushes = [pushed for pushed, _ in work]
        received = moment_text(max(now for _, now in work))
        with self._taking_in(received) as (write, intake):
            intake.expect(pushes)
            replies = intake.placed([intake.push(pushed) for pushed in pushes], self._last_n, self._latest)
            write_pushes(write, pushes, replies, received)
        return replies

    @contextlib.contextmanager
    def _taking_in(self, received: str) -> Iterator[tuple[sqlite3.Connection, Intake]]:
        """A transaction whose intake is written down at its end. Whoever places it does so inside."""
        with self._file.write_lock:
            with self._writing() as write:
                intake = Intake(SqliteMemory(write), self._tier, self._server_id, self._epoch, received)
                intake.chain = chain_of(write)
                yield write, intake
                write_down(write, intake)
                reach("push.written")
            reach("push.committed")
            # Only now may a cursor pass these places: a puller that ran ahead of the commit would skip them.
            self._latest += len(intake.puts)
            self._last_n += len(intake.kept)
            self._high_water.note(self._epoch, self._last_n, self._latest)
            if intake.erased:
                self._drop_blobs()
                self._file.forget_old_pages()

    def _drop_blobs(self) -> None:
        """Delete the files of blobs that an erased record alone had named."""
        marks = [row[0] for row in self._all("SELECT key FROM meta WHERE key >= ? AND key < ?", DROP_BLOB, DROP_BLOB + "~")]
        for mark in marks:
            self._blobs.remove(mark.removeprefix(DROP_BLOB))
        if marks:
            with self._writing() as write:
                write.executemany("DELETE FROM meta WHERE key = ?", [(mark,) for mark in marks])

    def load(self, ops: Iterable[Op | Arrival]) -> int:
        count = 0
        batch: list[Arrival] = []
        for made in ops:
            batch.append(spelled(made))
            if len(batch) == LOAD_CHUNK:
                count += self._load(batch)
                batch = []
        return count + (self._load(batch) if batch else 0)

    def _load(self, made: Sequence[Arrival]) -> int:
        with self._taking_in(moment_text(self._clock())) as (_, intake):
            count = intake.load(made)
            intake.placed((), self._last_n, self._latest)
        return count

    # --- records ------------------------------------------------------------------------------------------

    def latest_seq(self) -> int:
        return self._latest

    def changes(self, after_seq: int, limit: int) -> Page:
        end = self._latest
        rows = self._all(f"SELECT {RECORD} FROM record WHERE seq > ? ORDER BY seq LIMIT ?", after_seq, limit + 1)  # noqa: S608
        return page_of([record_of(row) for row in rows], limit, max(after_seq, end), "")

    def changes_unread(self, after_seq: int, limit: int) -> UnreadPage:
        end = self._latest
        rows = self._all(f"SELECT {RECORD} FROM record WHERE seq > ? ORDER BY seq LIMIT ?", after_seq, limit + 1)  # noqa: S608
        return unread_page_of([unread_record(row) for row in rows], limit, max(after_seq, end))

    def pull(self, scope: Scope, cursor: str | None, limit: int) -> Page:
        rows, end, prefix = self._rows_after(scope, cursor, limit)
        return page_of([shown(scope, record_of(row)) for row in rows], limit, end, prefix)

    def pull_as_kept(self, scope: Scope, cursor: str | None, limit: int) -> KeptPage:
        rows, end, prefix = self._rows_after(scope, cursor, limit)
        return kept_page_of([kept_of(scope, row, record_of) for row in rows], limit, end, prefix)

    def _rows_after(self, scope: Scope, cursor: str | None, limit: int) -> tuple[list[Any], int, str]:
        prefix = f"{self.epoch}.{scope_version(scope)}."
        after = place_of(cursor, prefix, self._latest)
        where, values = scope_sql(scope)
        # Where the log ends is read first: a record changed meanwhile is then found by the next page.
        end = self._latest
        return self._all(PULL.format(where=where), after, *values, limit + 1), max(after, end), prefix

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
        return {install: acked_of(self._file.reader().execute, install) for install in install_ids}

    def confirmed(self, install_ids: Iterable[str]) -> dict[str, int]:
        column = "acked" if self._tier == CENTRE else "confirmed"
        found = {}
        for install in install_ids:
            row = self._one(f"SELECT {column} FROM log WHERE install_id = ?", install)  # noqa: S608 - of two
            found[install] = int(row[0]) if row else 0
        return found

    def chain_at(self, install_id: str, dseq: int) -> str:
        if not 0 < dseq <= self.acked([install_id])[install_id]:
            return ""
        mark = self._one(
            "SELECT dseq, chain FROM log_head WHERE install_id = ? AND dseq <= ? ORDER BY dseq DESC LIMIT 1", install_id, dseq
        )
        place, chain = mark or (0, chain_start(install_id))
        return chain_over(chain, claimed_hashes(self._file.reader().execute, install_id, place, dseq))

    def _receipt(self, op_id: str, hash_: str, seq: int, received: str) -> Receipt:
        return Receipt(server_id=self.server_id, epoch=self.epoch, tier=self._tier, op_id=op_id, hash=hash_,
                       seq=seq, time=received)  # fmt: skip

    # --- installs -----------------------------------------------------------------------------------------

    def add_install(self, user_id: str, *, kind: str, name: str, key: str = "") -> NewInstall:
        install_id, token = str(uuid.uuid4()), secrets.token_urlsafe(32)
        with self._writing() as write:
            write.execute(
                "INSERT INTO install (install_id, user_id, kind, name, token_hash, created_at, key)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (install_id, user_id, kind, name, token_hash(token), moment_text(self._clock()), key),
            )
            if kind != BROWSER:
                note(write, ENROL, moment_text(self._clock()), about=install_id, code=user_id)
        return NewInstall(install_id, token)

    def credential(self, token: str) -> Credential | None:
        key = token_hash(token)
        return self._file.credentials.get(key, lambda: self._credential(key))

    def _credential(self, key: str) -> Credential | None:
        row = self._one("SELECT install_id, user_id, kind, revoked_at FROM install WHERE token_hash = ?", key)
        if row is None:
            return None
        grants: tuple[Grant, ...] = grants_of(self.get("user", row[1])) if row[1] else ()
        return Credential(install_id=row[0], user_id=row[1], kind=row[2], grants=grants, revoked=bool(row[3]))

    def revoke(self, install_id: str) -> None:
        now = moment_text(self._clock())
        with self._writing() as write:
            changed = write.execute(
                "UPDATE install SET revoked_at = ? WHERE install_id = ? AND revoked_at = '' RETURNING kind", (now, install_id)
            ).fetchall()
            if changed and changed[0][0] != BROWSER:
                note(write, REVOKE, now, about=install_id)

    # --- audit --------------------------------------------------------------------------------------------

    def note_act(self, what: str, about: str, code: str = "", *, op_n: int = 0, now: datetime) -> None:
        with self._writing() as write:
            note(write, what, moment_text(now), about=about, code=code, op_n=op_n)

    def acts(self, what: str) -> list[str]:
        return [row[0] for row in self._all("SELECT about FROM audit WHERE what = ? ORDER BY n", what)]

    def chain_end(self) -> Chain:
        return chain_of(self._file.reader())

    def audit_link(self, n: int) -> bytes | None:
        found = self._one("SELECT link FROM audit WHERE n = ?", n)
        return bytes(found[0]) if found else None

    def audit_faults(self) -> Iterator[Fault]:
        return sqlite_audit.found_faults(self._file.reader())

    def keep_head(self, head: Head) -> None:
        sqlite_audit.keep_head(self._file, head)

    def heads(self, server_id: str) -> list[Head]:
        return sqlite_audit.heads_of(self._file, server_id)

    def seen(self, install_id: str, *, made_dseq: int, now: datetime, told: Mapping[str, Any] | None = None) -> None:
        with self._writing() as write:
            write.execute(
                "UPDATE install SET last_seen = ?, made_dseq = max(made_dseq, ?), told = coalesce(?, told) WHERE install_id = ?",
                (moment_text(now), made_dseq, _json.encode(told).decode() if told else None, install_id),
            )

    def note_lost(self, install_id: str, by: str) -> None:
        with self._writing() as write:
            write.execute("UPDATE install SET lost_by = ? WHERE install_id = ? AND install_id <> ?", (by, install_id, by))

    def add_enrolment(self, one: Enrolment) -> None:
        with self._writing() as write:
            write.execute("INSERT INTO enrolment VALUES (?, ?, ?, ?, ?, ?)", enrolment_row(one))

    def enrolment(self, *, id: str = "", secret_hash: str = "", claim_hash: str = "") -> Enrolment | None:
        row = self._one(
            "SELECT body FROM enrolment WHERE id = ? OR secret_hash = ? OR (claim_hash = ? AND claim_hash <> '')",
            id, secret_hash, claim_hash,
        )  # fmt: skip
        return enrolment_of(row[0]) if row else None

    def change_enrolment(self, before: Enrolment, after: Enrolment) -> bool:
        with self._writing() as write:
            _, _, claim, state, tries, body = enrolment_row(after)
            return bool(write.execute(
                "UPDATE enrolment SET claim_hash = ?, state = ?, tries = ?, body = ? WHERE id = ? AND state = ? AND tries = ?"
                " RETURNING id", (claim, state, tries, body, before.id, before.state, before.tries),
            ).fetchall())  # fmt: skip

    def enrolled(self) -> set[str]:
        return {enrolment_of(row[0]).install_id for row in self._all("SELECT body FROM enrolment WHERE state = ?", DONE)}

    def photos_missing(self) -> dict[str, int]:
        return dict(self._all(
            "SELECT o.install_id, count(DISTINCT m.sha256) FROM blob_named m JOIN op o ON o.entity = m.kind AND o.id = m.id"
            " WHERE m.kind != 'form' AND m.sha256 NOT IN (SELECT sha256 FROM blob) GROUP BY o.install_id"
        ))  # fmt: skip

    def installs(self) -> list[Install]:
        return self._installs("")

    def unregistered(self) -> list[Install]:
        return self._installs(
            "WHERE i.kind <> 'browser' AND NOT EXISTS"
            " (SELECT 1 FROM record r WHERE r.kind = 'device' AND r.id = i.install_id)"
        )

    def _installs(self, where: str) -> list[Install]:
        confirmed = "l.acked" if self._tier == CENTRE else "l.confirmed"
        rows = self._all(
            "SELECT i.install_id, i.user_id, i.kind, i.name, i.created_at, i.last_seen, i.revoked_at, i.made_dseq,"  # noqa: S608
            f" coalesce(l.acked, 0), coalesce({confirmed}, 0), i.told, i.lost_by, i.key"
            " FROM install i LEFT JOIN log l USING (install_id)"
            f" {where} ORDER BY i.created_at"
        )
        return [
            Install(install_id=r[0], user_id=r[1], kind=r[2], name=r[3], created_at=r[4], last_seen=r[5],
                    revoked_at=r[6], made_dseq=r[7], acked_dseq=r[8], confirmed_dseq=r[9],
                    told=msgspec.json.decode(r[10]), lost_by=r[11], key=r[12])
            for r in rows
        ]  # fmt: skip

    # --- comparing ----------------------------------------------------------------------------------------

    def places(self, scope: Scope, after: str = "") -> dict[str, int]:
        where, values = scope_sql(scope)
        table = "record INDEXED BY record_by_area"
        question = f"SELECT substr(area, 1, 12), count(*) FROM {table} WHERE area >= ? AND {where} GROUP BY 1"  # noqa: S608 - bound
        return {place: count for place, count in self._all(question, after, *values) if place > after}

    def in_place(self, scope: Scope, place: str, cursor: str | None) -> tuple[list[Record], bool]:
        prefix = f"{self.epoch}.{scope_version(scope)}."
        where, values = scope_sql(scope)
        # Left to itself SQLite would read all of the scope for either question.
        newer = f"SELECT 1 FROM record INDEXED BY record_by_seq WHERE seq > ? AND {where} LIMIT 1"  # noqa: S608 - bound
        there = f"SELECT {RECORD} FROM record INDEXED BY record_by_area WHERE {IN_PLACE} AND {where}"  # noqa: S608 - bound
        with self._file.moment() as ask:
            after = place_of(cursor, prefix, self._latest)
            moved = ask(newer, (after, *values)).fetchone() is not None
            return [shown(scope, record_of(row)) for row in ask(there, (*in_place(place), *values))], moved

    def copies_in(self, place: str) -> list[Copy]:
        return sqlite_compare.copies_in(self._file, place)

    def mend(self, take: Sequence[Record], drop: Sequence[Key], rebuild: Sequence[Key]) -> list[Key]:
        with self._taking_in(moment_text(self._clock())) as (write, intake):
            for record in take:
                intake.take_upstream(record)
            for key in drop:
                if not sqlite_compare.has_open_op(write.execute, key):
                    intake.drop(key)
            for key in rebuild:
                intake.rebuild(key)
            intake.placed((), self._last_n, self._latest)
            return list(dict.fromkeys([*((put.record.kind, put.record.id) for put in intake.puts), *intake.upstreams]))

    def note_compared(self, install_id: str, compared: Compared, why: Mapping[Key, str]) -> None:
        with self._writing() as write:
            write.execute("INSERT OR REPLACE INTO compared VALUES (?, ?, ?, ?)", (install_id, *compared))
            write.executemany(
                "INSERT INTO mended (at, install_id, kind, id, why) VALUES (?, ?, ?, ?, ?)",
                [(compared.at, install_id, *key, reason) for key, reason in why.items()],
            )

    def compared(self) -> dict[str, Compared]:
        return {row[0]: Compared(*row[1:]) for row in self._all("SELECT install_id, at, result, mended FROM compared")}

    def mended(self, limit: int) -> list[Mended]:
        rows = self._all("SELECT at, install_id, kind, id, why FROM mended ORDER BY n DESC LIMIT ?", limit)
        return [Mended(*row) for row in rows]

    def delivered(self, install_id: str) -> list[Delivered]:
        return delivered_to(self._file.reader().execute, install_id)

    def note_delivered(self, install_id: str, prefixes: Sequence[str], place: int, *, now: datetime) -> None:
        with self._writing() as write:
            write.execute(
                "INSERT INTO delivered (install_id, prefixes, place, seen_at) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (install_id, prefixes) DO UPDATE SET place = excluded.place, seen_at = excluded.seen_at,"
                " until = NULL",
                (install_id, " ".join(prefixes), place, moment_text(now)),
            )

    def note_told(self, install_id: str, prefixes: Sequence[str], last_dseq: int) -> None:
        with self._writing() as write:
            write.execute(
                "UPDATE delivered SET until = ? WHERE install_id = ? AND prefixes <> ? AND until IS NULL",
                (last_dseq, install_id, " ".join(prefixes)),
            )

    # --- tombstones ---------------------------------------------------------------------------------------

    def age_tombstones(self, *, now: datetime, keep_days: int) -> int:
        with self._writing() as write:
            last = write.execute("SELECT value FROM meta WHERE key = 'tombstones_aged'").fetchone()
            if last and moment_text(now - PAUSE) < last[0] <= moment_text(now):
                return 0
            set_meta(write, "tombstones_aged", moment_text(now))
            write.execute("UPDATE record SET gone_days = gone_days + 1 WHERE deleted = 1")
            old = "deleted = 1 AND gone_days > ? AND pending = 0 AND fields ->> '$.erased' IS NULL"
            write.execute(
                f"INSERT OR REPLACE INTO gone SELECT kind, id, area, rev, seq FROM record WHERE {old}",  # noqa: S608 - our own
                (keep_days,),
            )
            return write.execute(f"DELETE FROM record WHERE {old}", (keep_days,)).rowcount  # noqa: S608 - our own

    # --- blobs --------------------------------------------------------------------------------------------

    def has_blob(self, sha256: str) -> bool:
        return self._one("SELECT 1 FROM blob WHERE sha256 = ?", sha256) is not None

    def blob_state(self, sha256: str) -> tuple[int, int] | None:
        whole = self._one("SELECT size FROM blob WHERE sha256 = ?", sha256)
        if whole:
            return int(whole[0]), int(whole[0])
        here = self._blobs.received(sha256)
        named = self._one("SELECT max(size) FROM blob_named WHERE sha256 = ?", sha256)
        length = int(named[0] or 0)
        if here and here == length:
            # All of it is here and the process died before saying so: nobody would send another part.
            try:
                return self.put_blob_part(sha256, here, length, b""), length
            except Problem:
                return None
        return (here, length) if here else None

    def put_blob_part(self, sha256: str, offset: int, length: int, body: bytes) -> int:
        with self._file.write_lock:
            if self.has_blob(sha256):
                return length
            here: int = self._blobs.append(sha256, offset, length, body)
            if here == length:
                with self._writing() as write:
                    write.execute(
                        "INSERT OR IGNORE INTO blob (sha256, size, stored_at) VALUES (?, ?, ?)",
                        (sha256, length, moment_text(self._clock())),
                    )
            return here

    def open_blob(self, sha256: str) -> BinaryIO:
        if not self.has_blob(sha256):
            raise Problem("not_found")
        return self._blobs.open(sha256)

    def blob_place(self, sha256: str) -> BlobPlace:
        row = self._one("SELECT relayed FROM blob WHERE sha256 = ?", sha256)
        if row is None:
            return ""
        return "centre" if self._tier == CENTRE or row[0] == BLOB_PLACES.index("centre") else "here"

    def blob_is_named(self, sha256: str, scope: Scope) -> bool:
        where, values = scope_sql(scope)
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

    # --- the hop upward -----------------------------------------------------------------------------------

    def follow_upstream(self) -> None:
        if self._tier == NODE:
            return
        with self._writing() as write:
            set_meta(write, "tier", NODE)
        self._tier = NODE

    def to_relay(self, limit: int, max_bytes: int, own: str = "") -> list[ToRelay]:
        mine, names = _made_by(own)
        return [one for _, one in self._offered(f"o.up_status IS NULL{mine}", names, limit, max_bytes)]

    def _offered(self, where: str, values: tuple[Any, ...], limit: int, max_bytes: int) -> list[tuple[int, ToRelay]]:
        """The first of these ops with their places, cut where heads cover them all."""
        while True:
            rows = self._all(
                "SELECT o.n, o.install_id, o.dseq, o.op_id, o.body, o.code, h.dseq, h.chain, h.sig, i.user_id = '' FROM op o"  # noqa: S608 - our own
                " LEFT JOIN install i ON i.install_id = o.install_id"
                " LEFT JOIN log_head h ON h.install_id = o.install_id AND h.dseq = (SELECT min(dseq) FROM log_head"
                " WHERE install_id = o.install_id AND dseq >= o.dseq AND sig <> '')"
                f" WHERE {where} AND o.variant = 0 ORDER BY o.n LIMIT ?",
                *values, limit,
            )  # fmt: skip
            batch = whole_batch([_to_relay(*row[1:]) for row in rows], max_bytes)
            if batch or len(rows) < limit:
                return [(row[0], one) for row, one in zip(rows, batch, strict=False)]
            limit *= 2

    def take_results(self, results: Sequence[tuple[str, Result]], *, tier: str) -> None:
        with self._taking_in(moment_text(self._clock())) as (write, intake):
            touched: dict[Key, None] = {}
            for _install, result in results:
                if result.status == RETRY or result.receipt is None:
                    continue
                status = result.first or result.status
                row = write.execute(
                    "SELECT entity, id, status, body, up_status, up_code FROM op WHERE op_id = ? AND variant = 0", (result.op_id,)
                ).fetchone()
                write.execute(
                    "UPDATE op SET up_status = ?, up_code = ?, up_rev = ?, up_seq = ? WHERE op_id = ? AND variant = 0",
                    (status, result.code, result.rev, result.seq, result.op_id),
                )
                if tier == CENTRE:
                    self._confirm(write, result.op_id, status, result.rev, result.code, result.receipt)
                if row is None:
                    continue
                # Here, or above before the store there was put back.
                withdrawn = status != CONFLICT and (row[2] == CONFLICT or row[5] == KEPT_BOTH)
                # Most answers change nothing that is seen: the op stays laid over until the record that has it is pulled.
                if withdrawn or row[4] is not None or self._shows(write, row[0], row[1], (status, result.seq or 0)):
                    touched[row[0], row[1]] = None
                if withdrawn:
                    intake.withdraw_conflicts(op_of_body(row[3]))
            for key in touched:
                intake.rebuild(key)
            intake.placed((), self._last_n, self._latest)
            self._move_confirmed(write, {install for install, _ in results})

    @staticmethod
    def _shows(write: sqlite3.Connection, kind: str, id: str, result: tuple[str, int]) -> bool:
        """Whether what is seen of a record changes when an op that was laid over it is answered so."""
        sql = "SELECT json_extract(upstream, '$.seq'), json_extract(upstream, '$.deleted') FROM record WHERE kind = ? AND id = ?"
        place, deleted = write.execute(sql, (kind, id)).fetchone() or (0, 0)
        # Of an erased record an answered op is wiped too.
        return bool(deleted) or not is_pending(result, place or 0)

    def take_receipts(self, install_id: str, receipts: Sequence[LateReceipt]) -> None:
        with self._writing() as write:
            for one in receipts:
                self._confirm(write, one.op_id, one.status, one.rev, one.code, one.receipt)
            self._move_confirmed(write, {install_id})

    def take_heads(self, heads: Sequence[ServerHead]) -> None:
        with self._writing() as write:
            for head in heads:
                write.execute(
                    "INSERT INTO centre_head (install_id, head) VALUES (?, ?) ON CONFLICT (install_id) DO UPDATE SET"
                    " head = excluded.head WHERE json_extract(excluded.head, '$.dseq') >= json_extract(head, '$.dseq')"
                    " OR json_extract(excluded.head, '$.epoch') <> json_extract(head, '$.epoch')",
                    (head.install_id, _json.encode(head).decode()),
                )

    def centre_head(self, install_id: str) -> ServerHead | None:
        found = self._one("SELECT head FROM centre_head WHERE install_id = ?", install_id)
        return msgspec.json.decode(found[0], type=ServerHead) if found else None

    def without_centre_head(self, limit: int) -> list[str]:
        rows = self._all(
            "SELECT install_id FROM log WHERE acked > 0 AND install_id NOT IN (SELECT install_id FROM centre_head)"
            " ORDER BY install_id LIMIT ?",
            limit,
        )
        return [row[0] for row in rows]

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
        with self._taking_in(moment_text(self._clock())) as (write, intake):
            for record in records:
                intake.take_upstream(record)
            intake.placed((), self._last_n, self._latest)
            reach("page.taken")
            set_meta(write, "upstream_cursor", cursor)
            set_meta(write, "upstream_source", " ".join(source))

    def settle_conflicts(self) -> bool:
        gone = [row[0] for row in self._all(UNSHARED_CONFLICTS)]
        if gone:
            with self._taking_in(moment_text(self._clock())) as (_, intake):
                for id in gone:
                    intake.withdraw_conflict(id)
                intake.placed((), self._last_n, self._latest)
        return bool(gone)

    def upstream_cursor(self) -> tuple[str | None, tuple[str, str] | None]:
        found = dict(self._all("SELECT key, value FROM meta WHERE key IN ('upstream_cursor', 'upstream_source')"))
        source = found.get("upstream_source", "").split(" ")
        return found.get("upstream_cursor") or None, (source[0], source[1]) if len(source) == 2 else None

    def meet_upstream(self, source: tuple[str, str]) -> None:
        self.mark("upstream_source", " ".join(source))

    def forget_upstream(self) -> None:
        with self._writing() as write:
            write.execute("DELETE FROM meta WHERE key IN ('upstream_cursor', 'upstream_source')")
            write.execute("UPDATE record SET upstream = json_set(upstream, '$.seq', 0) WHERE upstream IS NOT NULL")
            write.execute("UPDATE op SET up_status = NULL, up_seq = NULL WHERE variant = 0")
            write.execute("UPDATE blob SET relayed = 0, word = ''")
            write.execute("DELETE FROM centre_head")

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

    def blob_relayed(self, sha256: str, place: BlobPlace, word: BlobWord | None = None) -> None:
        said = _json.encode(word).decode() if word else ""
        with self._writing() as write:
            write.execute("UPDATE blob SET relayed = ?, word = ? WHERE sha256 = ?", (BLOB_PLACES.index(place), said, sha256))

    def blob_words(self, names: Sequence[str]) -> dict[str, BlobWord]:
        rows = self._all("SELECT word FROM blob WHERE sha256 IN (SELECT value FROM json_each(?)) AND word <> ''",
                         _json.encode(list(names)).decode())  # fmt: skip
        words = [msgspec.json.decode(row[0], type=BlobWord) for row in rows]
        return {word.sha256: word for word in words}

    def blobs_above(self, limit: int) -> list[str]:
        return [row[0] for row in self._all("SELECT sha256 FROM blob WHERE relayed = 1 LIMIT ?", limit)]

    def unconfirmed_ops(self, after: int, limit: int, max_bytes: int, own: str = "") -> list[tuple[int, ToRelay]]:
        # Where the centre is directly above and was restored, every op is offered anew: old receipts count no more.
        _, source = self.upstream_cursor()
        lost = "o.up_status IS NULL AND json_extract(o.centre_receipt, '$.server_id') = ?"
        mine, names = _made_by(own)
        where = f"o.n > ? AND (o.centre_receipt IS NULL OR ({lost})){mine}"
        return self._offered(where, (after, source[0] if source else "", *names), limit, max_bytes)

    def blobs_to_carry(self) -> list[str]:
        return [
            row[0]
            for row in self._all(
                "SELECT DISTINCT b.sha256 FROM blob b JOIN blob_named m USING (sha256) JOIN op o"
                " ON o.entity = m.kind AND o.id = m.id WHERE b.relayed = 0 ORDER BY b.sha256"
            )
        ]


def _made_by(own: str) -> tuple[str, tuple[str, ...]]:
    """Only ops of our own install of that name, also of what it was called before a restore."""
    return (" AND i.user_id = '' AND (i.name = ? OR i.name GLOB ? || ' *')", (own, own)) if own else ("", ())


def _to_relay(
    install_id: str, dseq: int, op_id: str, body: bytes, code: str, upto: int | None, chain: str, sig: str, own: int | None
) -> ToRelay:
    head = LogHead(install_id=install_id, dseq=upto, chain=chain, sig=sig) if upto else None
    return ToRelay(install_id, dseq, op_id, body, code, head, bool(own))
