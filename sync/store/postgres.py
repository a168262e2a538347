"""The store of a centre in PostgreSQL: several web hosts of one province or county share it.

How ops come in and records go out is in `postgres_taking`, what happened to them in `postgres_history`; here is the
rest: receipts, installs, the audit chain, comparing, blobs.
"""

from __future__ import annotations

import io
import secrets
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, LiteralString

import msgspec

from sync.audit import ENROL, REVOKE, Chain, Fault, Head
from sync.enrolling import DONE, Enrolment
from sync.logs import chain_over, chain_start
from sync.problems import Problem
from sync.protocol import claimed_hash
from sync.records import (
    BROWSER,
    CENTRE,
    BlobPlace,
    Credential,
    Delivered,
    Install,
    LateReceipt,
    Receipt,
    Record,
    Scope,
)
from sync.scope import grants_of, scope_version, shown
from sync.store import postgres_audit
from sync.store.base import Compared, Copy, Mended, NewInstall
from sync.store.enrolments import enrolment_of, enrolment_row
from sync.store.memory import Key
from sync.store.nobody_above import NobodyAbove
from sync.store.pages import moment_text, place_of, token_hash
from sync.store.postgres_blobs import PostgresBlobs
from sync.store.postgres_intake import CLAIMED, RECORD, record_of
from sync.store.postgres_taking import PostgresTaking
from sync.store.postgres_tries import PostgresTries
from sync.store.scope_sql import IN_PLACE, in_place, scope_sql
from sync.store.tombstones import PAUSE

_json = msgspec.json.Encoder()


class PostgresStore(NobodyAbove, PostgresTaking):
    """A `Store` in the database that the URL names. Raises Problem when it cannot be used safely.

    It is always a centre: nothing is above it.
    """

    def __init__(self, url: str, *, clock: Callable[[], datetime] | None = None, connections: int = 8,
                 beside: Path | None = None) -> None:
        super().__init__(url, clock=clock, connections=connections, beside=beside)
        self._blobs = PostgresBlobs(self._pool)
        self.tries = PostgresTries(self._all, self._do)

    # --- receipts -----------------------------------------------------------------------------------------

    def receipts(self, install_id: str, after: int) -> list[LateReceipt]:
        rows = self._all(
            "SELECT op_id, dseq, hash, received_at, status, rev, seq, code FROM op"
            " WHERE install_id = %s AND dseq > %s AND NOT variant ORDER BY dseq LIMIT 1000",
            install_id, after,
        )  # fmt: skip
        return [
            LateReceipt(
                op_id=op_id, dseq=dseq, status=status, rev=rev, seq=seq, code=code,
                receipt=Receipt(server_id=self.server_id, epoch=self.epoch, tier=CENTRE, op_id=op_id, hash=hash_,
                                seq=seq, time=received),
            )
            for op_id, dseq, hash_, received, status, rev, seq, code in rows
        ]  # fmt: skip

    def acked(self, install_ids: Iterable[str]) -> dict[str, int]:
        names = list(install_ids)
        rows = self._all("SELECT install_id, acked FROM log WHERE install_id = ANY(%s)", names)
        return dict.fromkeys(names, 0) | dict(rows)

    def confirmed(self, install_ids: Iterable[str]) -> dict[str, int]:
        return self.acked(install_ids)

    def chain_at(self, install_id: str, dseq: int) -> str:
        if not 0 < dseq <= self.acked([install_id])[install_id]:
            return ""
        mark = self._one(
            "SELECT dseq, chain FROM log_head WHERE install_id = %s AND dseq <= %s ORDER BY dseq DESC LIMIT 1",
            install_id, dseq,
        )  # fmt: skip
        place, chain = mark or (0, chain_start(install_id))
        return chain_over(chain, (claimed_hash(row[0]) for row in self._all(CLAIMED, install_id, place, dseq)))

    # --- installs -----------------------------------------------------------------------------------------

    def add_install(self, user_id: str, *, kind: str, name: str, key: str = "") -> NewInstall:
        install_id, token = str(uuid.uuid4()), secrets.token_urlsafe(32)
        self._do(
            "INSERT INTO install (install_id, user_id, kind, name, token_hash, created_at, key)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            install_id, user_id, kind, name, token_hash(token), moment_text(self._clock()), key,
        )  # fmt: skip
        if kind != BROWSER:
            self.note_act(ENROL, install_id, user_id, now=self._clock())
        return NewInstall(install_id, token)

    def credential(self, token: str) -> Credential | None:
        return self.credentials([token]).get(token)

    def credentials(self, tokens: Collection[str]) -> dict[str, Credential]:
        hashes = {token_hash(token): token for token in tokens}
        rows = self._all("SELECT * FROM credentials(%b::text[])", list(hashes)) if hashes else ()
        return {
            hashes[hash_]: Credential(install_id=install_id, user_id=user_id, kind=kind, revoked=bool(revoked_at),
                                      grants=grants_of(record_of(user) if user[0] else None))
            for hash_, install_id, user_id, kind, revoked_at, *user in rows
        }  # fmt: skip

    def revoke(self, install_id: str) -> None:
        now = self._clock()
        with self._auditing() as connection:
            postgres_audit.locked_chain(connection)  # in the order in which a push locks
            changed = connection.execute(
                "UPDATE install SET revoked_at = %s WHERE install_id = %s AND revoked_at = '' RETURNING kind",
                (moment_text(now), install_id),
            ).fetchone()
            if changed and changed[0] != BROWSER:
                postgres_audit.note(connection, REVOKE, moment_text(now), about=install_id)

    # --- audit --------------------------------------------------------------------------------------------

    def note_act(self, what: str, about: str, code: str = "", *, op_n: int = 0, now: datetime) -> None:
        with self._auditing() as connection:
            postgres_audit.note(connection, what, moment_text(now), about=about, code=code, op_n=op_n)

    def acts(self, what: str) -> list[str]:
        return [row[0] for row in self._all("SELECT about FROM audit WHERE what = %s ORDER BY n", what)]

    def chain_end(self) -> Chain:
        n, link = self._one("SELECT audit_n, audit_link FROM counter")
        return Chain(n, bytes(link))

    def audit_link(self, n: int) -> bytes | None:
        found = self._one("SELECT link FROM audit WHERE n = %s", n)
        return bytes(found[0]) if found else None

    def audit_faults(self) -> Iterator[Fault]:
        with self._pool.connection() as connection:
            yield from postgres_audit.found_faults(connection)

    def keep_head(self, head: Head) -> None:
        self._do(postgres_audit.KEEP_HEAD, *head)

    def heads(self, server_id: str) -> list[Head]:
        rows = self._all(
            "SELECT server_id, day, epoch, n, link, public, sig FROM audit_head WHERE server_id = %s ORDER BY day, n",
            server_id,
        )
        return [Head(*row) for row in rows]

    def seen(self, install_id: str, *, made_dseq: int, now: datetime, told: Mapping[str, Any] | None = None) -> None:
        self._do(
            "UPDATE install SET last_seen = %s, made_dseq = greatest(made_dseq, %s), told = coalesce(%s, told)"
            " WHERE install_id = %s",
            moment_text(now), made_dseq, _json.encode(told).decode() if told else None, install_id,
        )  # fmt: skip

    def note_lost(self, install_id: str, by: str) -> None:
        self._do("UPDATE install SET lost_by = %s WHERE install_id = %s AND install_id <> %s", by, install_id, by)

    def add_enrolment(self, one: Enrolment) -> None:
        self._do("INSERT INTO enrolment VALUES (%s, %s, %s, %s, %s, %s)", *enrolment_row(one))

    def enrolment(self, *, id: str = "", secret_hash: str = "", claim_hash: str = "") -> Enrolment | None:
        row = self._one(
            "SELECT body FROM enrolment WHERE id = %s OR secret_hash = %s OR (claim_hash = %s AND claim_hash <> '')",
            id, secret_hash, claim_hash,
        )  # fmt: skip
        return enrolment_of(row[0]) if row else None

    def change_enrolment(self, before: Enrolment, after: Enrolment) -> bool:
        _, _, claim, state, tries, body = enrolment_row(after)
        with self.transaction() as connection:
            return bool(connection.execute(
                "UPDATE enrolment SET claim_hash = %s, state = %s, tries = %s, body = %s"
                " WHERE id = %s AND state = %s AND tries = %s RETURNING id",
                (claim, state, tries, body, before.id, before.state, before.tries),
            ).fetchall())  # fmt: skip

    def enrolled(self) -> set[str]:
        return {enrolment_of(row[0]).install_id for row in self._all("SELECT body FROM enrolment WHERE state = %s", DONE)}

    def photos_missing(self) -> dict[str, int]:
        return dict(self._all(
            "SELECT o.install_id, count(DISTINCT m.sha256) FROM blob_named m JOIN op o ON o.entity = m.kind AND o.id = m.id"
            " WHERE m.kind <> 'form' AND NOT EXISTS (SELECT 1 FROM blob b WHERE b.sha256 = m.sha256) GROUP BY o.install_id"
        ))  # fmt: skip

    def installs(self) -> list[Install]:
        return self._installs("")

    def unregistered(self) -> list[Install]:
        return self._installs(
            "WHERE i.kind <> 'browser' AND NOT EXISTS"
            " (SELECT 1 FROM record r WHERE r.kind = 'device' AND r.id = i.install_id)"
        )

    def _installs(self, where: LiteralString) -> list[Install]:
        rows = self._all(
            "SELECT i.install_id, i.user_id, i.kind, i.name, i.created_at, i.last_seen, i.revoked_at, i.made_dseq,"  # noqa: S608
            " coalesce(l.acked, 0), i.told, i.lost_by, i.key FROM install i LEFT JOIN log l USING (install_id) "
            + where + " ORDER BY i.created_at"
        )
        return [
            Install(install_id=r[0], user_id=r[1], kind=r[2], name=r[3], created_at=r[4], last_seen=r[5],
                    revoked_at=r[6], made_dseq=r[7], acked_dseq=r[8], confirmed_dseq=r[8],
                    told=msgspec.json.decode(r[9]), lost_by=r[10], key=r[11])
            for r in rows
        ]  # fmt: skip

    # --- comparing ----------------------------------------------------------------------------------------

    def places(self, scope: Scope, after: str = "") -> dict[str, int]:
        where, values = scope_sql(scope, "%s")
        question = f"SELECT substr(area, 1, 12), count(*) FROM record WHERE area >= %s AND {where} GROUP BY 1"  # noqa: S608 - bound
        return {place: count for place, count in self._all(question.encode(), after, *values) if place > after}

    def in_place(self, scope: Scope, place: str, cursor: str | None) -> tuple[list[Record], bool]:
        prefix = f"{self.epoch}.{scope_version(scope)}."
        where, values = scope_sql(scope, "%s")
        with self.transaction() as connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            latest = connection.execute("SELECT seq FROM counter").fetchone() or (0,)
            after = place_of(cursor, prefix, latest[0])
            changed = f"SELECT 1 FROM record WHERE seq > %s AND {where} LIMIT 1"  # noqa: S608 - bound
            moved = connection.execute(changed.encode(), (after, *values)).fetchone()
            mine = f"SELECT {RECORD} FROM record WHERE {IN_PLACE.replace('?', '%s')} AND {where}"  # noqa: S608 - bound
            rows = connection.execute(mine.encode(), (*in_place(place), *values)).fetchall()
        return [shown(scope, record_of(row)) for row in rows], moved is not None

    def copies_in(self, place: str) -> list[Copy]:
        raise Problem("centre_only")

    def mend(self, take: Sequence[Record], drop: Sequence[Key], rebuild: Sequence[Key]) -> list[Key]:
        raise Problem("centre_only")

    def note_compared(self, install_id: str, compared: Compared, why: Mapping[Key, str]) -> None:
        with self.transaction() as connection:
            connection.execute(
                "INSERT INTO compared VALUES (%s, %s, %s, %s) ON CONFLICT (install_id) DO UPDATE SET at = excluded.at,"
                " result = excluded.result, mended = excluded.mended", (install_id, *compared),
            )  # fmt: skip
            connection.cursor().executemany(
                "INSERT INTO mended (at, install_id, kind, id, why) VALUES (%s, %s, %s, %s, %s)",
                [(compared.at, install_id, *key, reason) for key, reason in why.items()],
            )

    def compared(self) -> dict[str, Compared]:
        return {row[0]: Compared(*row[1:]) for row in self._all("SELECT install_id, at, result, mended FROM compared")}

    def mended(self, limit: int) -> list[Mended]:
        rows = self._all("SELECT at, install_id, kind, id, why FROM mended ORDER BY n DESC LIMIT %s", limit)
        return [Mended(*row) for row in rows]

    def delivered(self, install_id: str) -> list[Delivered]:
        rows = self._all("SELECT prefixes, place, seen_at, until FROM delivered WHERE install_id = %s", install_id)
        return [Delivered(prefixes=tuple(row[0].split()), place=row[1], seen_at=row[2], until=row[3]) for row in rows]

    def note_delivered(self, install_id: str, prefixes: Sequence[str], place: int, *, now: datetime) -> None:
        self._do(
            "INSERT INTO delivered (install_id, prefixes, place, seen_at) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (install_id, prefixes) DO UPDATE SET place = excluded.place, seen_at = excluded.seen_at,"
            " until = NULL",
            install_id, " ".join(prefixes), place, moment_text(now),
        )  # fmt: skip

    def note_told(self, install_id: str, prefixes: Sequence[str], last_dseq: int) -> None:
        self._do(
            "UPDATE delivered SET until = %s WHERE install_id = %s AND prefixes <> %s AND until IS NULL",
            last_dseq, install_id, " ".join(prefixes),
        )  # fmt: skip

    # --- tombstones ---------------------------------------------------------------------------------------

    def age_tombstones(self, *, now: datetime, keep_days: int) -> int:
        with self.transaction() as connection:
            # One host of several does it.
            last = connection.execute("SELECT value FROM meta WHERE key = 'tombstones_aged' FOR UPDATE").fetchone()
            if last and moment_text(now - PAUSE) < last[0] <= moment_text(now):
                return 0
            connection.execute(
                "INSERT INTO meta VALUES ('tombstones_aged', %s) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (moment_text(now),),
            )
            connection.execute("UPDATE record SET gone_days = gone_days + 1 WHERE deleted")
            cleared = connection.execute(
                "WITH old AS (DELETE FROM record WHERE deleted AND gone_days > %s AND NOT fields ? 'erased'"
                " RETURNING kind, id, area, rev, seq) INSERT INTO gone SELECT * FROM old ON CONFLICT DO NOTHING",
                (keep_days,),
            )
            return cleared.rowcount

    # --- blobs --------------------------------------------------------------------------------------------

    def has_blob(self, sha256: str) -> bool:
        return self._one("SELECT 1 FROM blob WHERE sha256 = %s", sha256) is not None

    def blob_state(self, sha256: str) -> tuple[int, int] | None:
        whole = self._one("SELECT size FROM blob WHERE sha256 = %s", sha256)
        if whole:
            return int(whole[0]), int(whole[0])
        here = self._blobs.received(sha256)
        named = self._one("SELECT max(size) FROM blob_named WHERE sha256 = %s", sha256)
        return (here, int(named[0] or 0)) if here else None

    def put_blob_part(self, sha256: str, offset: int, length: int, body: bytes) -> int:
        return self._blobs.append(sha256, offset, length, body, moment_text(self._clock()))

    def open_blob(self, sha256: str) -> BinaryIO:
        if not self.has_blob(sha256):
            raise Problem("not_found")
        return io.BytesIO(self._blobs.read(sha256))

    def blob_place(self, sha256: str) -> BlobPlace:
        return "centre" if self.has_blob(sha256) else ""

    def blob_is_named(self, sha256: str, scope: Scope) -> bool:
        where, values = scope_sql(scope, "%s")
        named = self._one(
            f"SELECT 1 FROM record JOIN blob_named USING (kind, id) WHERE sha256 = %s AND {where} LIMIT 1".encode(),  # noqa: S608
            sha256, *values,
        )  # fmt: skip
        return named is not None

    def missing_blobs(self, limit: int) -> list[tuple[str, int]]:
        rows = self._all(
            "SELECT sha256, max(size) FROM blob_named m WHERE kind = 'form'"
            " AND NOT EXISTS (SELECT 1 FROM blob b WHERE b.sha256 = m.sha256) GROUP BY sha256 LIMIT %s",
            limit,
        )
        return [(row[0], row[1]) for row in rows]
