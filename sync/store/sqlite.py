"""The store in one SQLite file, through sqlite-utils: the centre of a county, and every node below it.

How ops come in is in `sqlite_taking`, the hop upward in `sqlite_upward`; here
is what a node asks of its memory.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, BinaryIO

import msgspec

from sync.audit import ENROL, REVOKE, Chain, Fault, Head
from sync.enrolling import DONE, Enrolment
from sync.logs import chain_over, chain_start
from sync.problems import Problem
from sync.records import (
    BLOB_PLACES,
    BROWSER,
    CENTRE,
    BlobPlace,
    Credential,
    Delivered,
    Grant,
    Install,
    LateReceipt,
    Receipt,
    Record,
    Scope,
)
from sync.scope import grants_of, scope_version, shown
from sync.store import sqlite_audit, sqlite_compare
from sync.store.base import Compared, Copy, Mended, NewInstall
from sync.store.enrolments import enrolment_of, enrolment_row
from sync.store.memory import Key
from sync.store.pages import moment_text, place_of, token_hash
from sync.store.scope_sql import IN_PLACE, in_place, scope_sql
from sync.store.sqlite_audit import chain_of, note
from sync.store.sqlite_file import set_meta
from sync.store.sqlite_intake import (
    RECORD,
    acked_of,
    claimed_hashes,
    delivered_to,
    record_of,
)
from sync.store.sqlite_upward import SqliteUpward
from sync.store.tombstones import PAUSE

_json = msgspec.json.Encoder()


class SqliteStore(SqliteUpward):
    """A `Store` over ``store.db`` and ``blobs/`` in a data folder. Raises Problem when the folder cannot be used."""

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
        with self._file.asking() as connection:
            return {install: acked_of(connection.execute, install) for install in install_ids}

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
        with self._file.asking() as connection:
            return chain_over(chain, claimed_hashes(connection.execute, install_id, place, dseq))

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

    def credentials(self, tokens: Collection[str]) -> dict[str, Credential]:
        return {token: found for token in tokens if (found := self.credential(token))}

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
        with self._file.asking() as connection:
            return chain_of(connection)

    def audit_link(self, n: int) -> bytes | None:
        found = self._one("SELECT link FROM audit WHERE n = ?", n)
        return bytes(found[0]) if found else None

    def audit_faults(self) -> Iterator[Fault]:
        with self._file.asking() as connection:
            yield from sqlite_audit.found_faults(connection)

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
        with self._file.asking() as connection:
            return delivered_to(connection.execute, install_id)

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
