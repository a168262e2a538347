"""The store of a centre in PostgreSQL: several web hosts of one province or county share it.

Places of the log are given out under the lock of one counter row that is held
until the commit, so they become visible in their order: a follower that has
seen place 7 has seen all before it. Everything slow (asking, deciding) is done
before that lock is taken. How ops come in is in `intake` and `postgres_intake`.
"""

from __future__ import annotations

import contextlib
import io
import logging
import random
import secrets
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, LiteralString, NoReturn, TypeVar

import msgspec
import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from sync.audit import ENROL, NOTHING, REVOKE, Chain, Fault, Head
from sync.enrolling import DONE, Enrolment
from sync.failpoints import reach
from sync.logs import chain_over, chain_start
from sync.problems import Problem
from sync.protocol import actor_of_body, claimed_hash, op_of_body
from sync.records import (
    BROWSER,
    CENTRE,
    Arrival,
    BlobPlace,
    Change,
    Credential,
    Delivered,
    Grant,
    Install,
    LateReceipt,
    PushReply,
    Receipt,
    Record,
    Scope,
    UnreadRecord,
)
from sync.scope import grants_of, prefixes_of, scope_version, shown, within
from sync.store import postgres_audit
from sync.store.base import Compared, Copy, Maker, Mended, NewInstall
from sync.store.both import Both
from sync.store.enrolments import enrolment_of, enrolment_row
from sync.store.group import GroupCommit
from sync.store.high_water import OF_DATABASE, HighWater
from sync.store.intake import Draft, Intake, Pushed
from sync.store.memory import Key
from sync.store.nobody_above import NobodyAbove
from sync.store.pages import (
    by_record,
    by_submission,
    moment_text,
    place_of,
    token_hash,
)
from sync.store.postgres_blobs import PostgresBlobs
from sync.store.postgres_intake import (
    CLAIMED,
    RECORD,
    Came,
    Overtaken,
    PostgresMemory,
    came_with,
    record_of,
    refuse_overtaken,
    write_down,
)
from sync.store.postgres_schema import ASIDE, counties, county_of, make_county, migrate
from sync.store.scope_sql import IN_PLACE, in_place, scope_sql
from sync.store.scope_sql import marks as placeholders
from sync.store.tombstones import PAUSE

TRIES = 8
SCHEMA = "ruhu"
Answer = TypeVar("Answer")
_CROSSED = (
    psycopg.errors.UniqueViolation,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    Overtaken,
)
_SAFE = {"fsync": ("on",), "full_page_writes": ("on",), "synchronous_commit": ("on", "remote_apply", "remote_write")}
_json = msgspec.json.Encoder()
log = logging.getLogger("ruhu.postgres")


class PostgresStore(NobodyAbove, Both):
    """A `Store` in the database that the URL names. Raises Problem when it cannot be used safely.

    It is always a centre: nothing is above it. connections: at most that many at once from this process.
    beside: this host's folder, which remembers how far the database had come.
    """

    _record_of = staticmethod(record_of)

    @staticmethod
    def _unread_of(row: Any) -> UnreadRecord:
        kind, id_, area, rev, seq, fields, since, deleted = row
        # What the database keeps is always the centre's: nothing is overlaid.
        return UnreadRecord(kind, id_, area, rev, seq, fields, since, 0, deleted)

    def __init__(self, url: str, *, clock: Callable[[], datetime] | None = None, connections: int = 8,
                 beside: Path | None = None) -> None:
        self._clock = clock or (lambda: datetime.now(UTC))
        try:
            with psycopg.connect(url, autocommit=True, connect_timeout=10) as first:
                first.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}".encode())
                first.execute(f"SET search_path TO {SCHEMA}".encode())
                refuse_unsafe(first)
                migrate(first)
                self._counties = counties(first)
                for county in {ASIDE} - self._counties:
                    make_county(first, county)
                settings = f"-c search_path={SCHEMA}{_quicker(first)}"
        except psycopg.OperationalError as error:
            raise Problem("database_silent") from error
        self._counties.add(ASIDE)
        self._pool = ConnectionPool(
            url, min_size=1, max_size=connections, timeout=20, open=True,
            kwargs={"autocommit": True, "options": settings},
        )  # fmt: skip
        self._blobs = PostgresBlobs(self._pool)
        self._server_id = self._meta_or("server_id", lambda: str(uuid.uuid4()))
        self._epoch = self._meta_or("epoch", lambda: str(uuid.uuid4()))
        self._begin_audit()
        self._push_together = GroupCommit(self._push_all)
        self._high_water = HighWater(beside, OF_DATABASE) if beside else None
        self._noted = 0
        if self._high_water and self._high_water.is_above(self._epoch, 0, self.latest_seq(note=False)):
            self.close()
            raise Problem("database_rolled_back")

    @property
    def server_id(self) -> str:
        return self._server_id

    @property
    def epoch(self) -> str:
        return self._epoch

    @property
    def tier(self) -> str:
        return CENTRE

    def agree(self, name: str, proposal: str) -> str:
        return self._meta_or(f"agreed.{name}", lambda: proposal)

    def agreed(self, name: str) -> str | None:
        found = self._one("SELECT value FROM meta WHERE key = %s", f"agreed.{name}")
        return str(found[0]) if found else None

    def agree_anew(self, name: str, value: str) -> None:
        self._do(
            "INSERT INTO meta VALUES (%s, %s) ON CONFLICT (key) DO UPDATE SET value = excluded.value", f"agreed.{name}", value
        )

    def close(self) -> None:
        self._pool.close()
        if self._high_water:
            self._high_water.close()

    # --- asking and writing -------------------------------------------------------------------------------

    def _all(self, question: LiteralString | bytes, *values: Any) -> list[Any]:
        """Asked a second time when the connection had died meanwhile: the database was restarted."""
        for again in (True, False):
            try:
                with self._pool.connection() as connection:
                    return connection.execute(question, values).fetchall()
            except psycopg.OperationalError as error:
                if not again:
                    _refuse(error)
                self._pool.check()
            except PoolTimeout as error:
                _refuse(error)
        raise AssertionError

    def _one(self, question: LiteralString | bytes, *values: Any) -> Any:
        rows = self._all(question, *values)
        return rows[0] if rows else None

    def _do(self, statement: LiteralString, *values: Any) -> None:
        try:
            with self._pool.connection() as connection:
                connection.execute(statement, values)
        except (psycopg.OperationalError, PoolTimeout) as error:
            _refuse(error)

    def _meta_or(self, key: str, make: Callable[[], str]) -> str:
        self._do("INSERT INTO meta VALUES (%s, %s) ON CONFLICT DO NOTHING", key, make())
        return str(self._one("SELECT value FROM meta WHERE key = %s", key)[0])

    # --- taking ops in ------------------------------------------------------------------------------------

    def _push_all(self, work: Sequence[tuple[Pushed, datetime]], pass_on: Callable[[], None]) -> Sequence[PushReply]:
        """Several bodies, from as many threads, in one commit. The next round decides while the database writes this one."""
        pushes = [pushed for pushed, _ in work]
        received = moment_text(max(now for _, now in work))
        self.make_counties(
            county_of(arrival.op.area)
            for pushed in pushes
            for arrival in pushed.arrivals
            if within(arrival.op.area, prefixes_of(pushed.credential.grants))
        )

        def take(connection: psycopg.Connection, intake: Intake) -> tuple[Sequence[PushReply], Sequence[Came]]:
            intake.expect(pushes)
            drafts = [intake.push(pushed) for pushed in pushes]
            replies = self._place(connection, intake, drafts)
            return replies, came_with(pushes, replies)

        return self._taking_in(received, take, pass_on)

    def _taking_in(
        self, received: str, take: Callable[[psycopg.Connection, Intake], tuple[Answer, Sequence[Came]]],
        written: Callable[[], None] = lambda: None,
    ) -> Answer:  # fmt: skip
        """One transaction with an intake; begun anew when it met another round crosswise, of this host or another's.

        take: answers with what to answer and in which bodies it came. written: called when all is with the
        database and only the commit is waited for.

        Also once when the connection died: should the commit have been done after all, every op of it is
        a duplicate now.
        """
        silent = 0
        for attempt in range(TRIES):
            try:
                # In a pipeline only questions wait for the database; all that is written goes with the commit, in one turn.
                with self._pool.connection() as connection, connection.pipeline(), connection.transaction():
                    intake = Intake(PostgresMemory(connection), CENTRE, self._server_id, self._epoch, received)
                    answer, came = take(connection, intake)
                    write_down(connection, intake, came)
                    reach("push.written")
                    written()
                reach("push.committed")
                return answer
            except _CROSSED as error:
                log.info("began anew: %s", type(error).__name__)
                time.sleep(random.uniform(0, 0.01 * 2**attempt))
            except psycopg.OperationalError as error:
                silent += 1
                if silent > 1:
                    _refuse(error)
                self._pool.check()
            except PoolTimeout as error:
                _refuse(error)
        raise Problem("busy")

    @staticmethod
    def _place(connection: psycopg.Connection, intake: Intake, drafts: Iterable[Draft]) -> list[PushReply]:
        """Real numbers for what the intake made. From here to the commit this transaction is alone.

        Raises Overtaken when a round that was committed since it asked was about something that it found nowhere.
        """
        last_n, last_seq, *chain = connection.execute(
            "UPDATE counter SET n = n + %s, seq = seq + %s RETURNING n - %s, seq - %s, audit_n, audit_link",
            (len(intake.kept), len(intake.puts)) * 2, prepare=True,
        ).fetchone() or (0, 0, 0, NOTHING)  # fmt: skip
        refuse_overtaken(connection, intake, last_n)
        intake.chain = Chain(*chain)
        return intake.placed(drafts, last_n, last_seq)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[psycopg.Connection]:
        """A transaction on the tables themselves, for copies."""
        with self._pool.connection() as connection, connection.transaction():
            yield connection

    def know_itself(self) -> None:
        """Read again who this store is, after another's identity was moved in."""
        self._server_id = self._meta_or("server_id", lambda: "")
        self._epoch = self._meta_or("epoch", lambda: "")
        self._begin_audit()

    def make_counties(self, wanted: Iterable[str]) -> None:
        for county in set(wanted) - self._counties:
            with self._pool.connection() as connection:
                make_county(connection, county)
            self._counties.add(county)

    def _load(self, made: Sequence[Arrival]) -> int:
        self.make_counties(county_of(one.op.area) for one in made)

        def take(connection: psycopg.Connection, intake: Intake) -> tuple[int, Sequence[Came]]:
            count = intake.load(made)
            self._place(connection, intake, ())
            return count, ()

        return self._taking_in(moment_text(self._clock()), take)

    # --- records ------------------------------------------------------------------------------------------

    def get(self, kind: str, id: str) -> Record | None:
        found = self._one(f"SELECT {RECORD} FROM record WHERE kind = %s AND id = %s".encode(), kind, id)  # noqa: S608
        return record_of(found) if found else None

    def records(self, kind: str, ids: Sequence[str]) -> dict[str, Record]:
        rows = self._all(f"SELECT {RECORD} FROM record WHERE kind = %s AND id = ANY(%s)".encode(), kind, list(ids))  # noqa: S608
        return {record.id: record for record in map(record_of, rows)}

    def latest_seq(self, *, note: bool = True) -> int:
        """The end of the log. note: this host remembers it, to notice a database put back to an earlier day."""
        end = int(self._one("SELECT seq FROM counter")[0])
        if note and self._high_water and end > self._noted:
            self._noted = end
            self._high_water.note(self._epoch, 0, end)
        return end

    def _rows_changed(self, after_seq: int, limit: int) -> tuple[list[Any], int]:
        end = self.latest_seq()
        return self._all(
            f"SELECT {RECORD} FROM record WHERE seq > %s ORDER BY seq LIMIT %s".encode(),  # noqa: S608
            after_seq, limit + 1,
        ), end  # fmt: skip

    def _rows_after(self, scope: Scope, cursor: str | None, limit: int) -> tuple[list[Any], int, str]:
        prefix = f"{self.epoch}.{scope_version(scope)}."
        # Where the log ends is read first: a record changed meanwhile is then found by the next page.
        end = self.latest_seq()
        after = place_of(cursor, prefix, end)
        where, values = scope_sql(scope, "%s")
        places = _counties_of_scope(scope)
        if places:
            where += f" AND county IN ({placeholders(places, '%s')})"
        rows = self._all(
            f"SELECT {RECORD} FROM record WHERE seq > %s AND {where} ORDER BY seq LIMIT %s".encode(),  # noqa: S608 - bound
            after, *values, *places, limit + 1,
        )  # fmt: skip
        return rows, max(after, end), prefix

    # --- history ------------------------------------------------------------------------------------------

    def history(self, kind: str, id: str, since: int = 0) -> list[Change]:
        return self._changes_where("entity = %s AND id = %s AND n >= %s AND status <> 'quarantined'", kind, id, since)

    def histories(self, kind: str, ids: Sequence[str], since: int = 0) -> dict[str, list[Change]]:
        return by_record(self._changes_where(
            "entity = %s AND id = ANY(%s) AND n >= %s AND status <> 'quarantined'", kind, list(ids), since
        ))  # fmt: skip

    def makers(self, kind: str, ids: Sequence[str]) -> dict[str, Maker]:
        rows = self._all(
            "SELECT DISTINCT ON (id) id, body, received_at FROM op WHERE entity = %s AND id = ANY(%s)"
            " AND status <> 'quarantined' ORDER BY id, n",
            kind, list(ids),
        )  # fmt: skip
        found = {}
        for id, body, received in rows:
            actor, cites = actor_of_body(body)
            found[id] = Maker(actor, received, cites)
        return found

    def ops_of_submission(self, id: str) -> list[Change]:
        return self.ops_of_submissions([id]).get(id, [])

    def ops_of_submissions(self, ids: Sequence[str]) -> dict[str, list[Change]]:
        made = self._changes_where("entity = 'submission' AND id = ANY(%s)", list(ids))
        caused = self._changes_where(
            "submission = ANY(%s) AND NOT (entity = 'submission' AND id = submission)", list(ids))
        return by_submission(made, caused)

    def quarantined(self) -> list[Change]:
        return self._changes_where("status IN ('held', 'quarantined')")

    def undecided(self) -> list[Change]:
        return self._changes_where(
            "status IN ('held', 'quarantined') AND code NOT IN ('turned_down', 'erased')"
            " AND NOT EXISTS (SELECT 1 FROM record r WHERE r.kind = 'decision' AND r.id = op.hash)"
            " AND NOT EXISTS (SELECT 1 FROM record r WHERE r.kind = op.entity AND r.id = op.id"
            " AND (op.status = 'held' OR r.deleted AND r.fields ->> 'erased' IS NOT NULL))"
        )

    def _changes_where(self, where: LiteralString, *values: Any) -> list[Change]:
        rows = self._all(
            "SELECT n, body, status, rev, received_at, code, hash FROM op WHERE " + where + " ORDER BY n",  # noqa: S608
            *values,
        )
        changes = []
        for n, body, status, rev, received, code, hash_ in rows:
            with contextlib.suppress(Problem):
                changes.append(Change(seq=n, op=op_of_body(body), status=status, rev=rev, received_at=received, code=code,
                                      hash=hash_))  # fmt: skip
        return changes

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
        row = self._one(
            "SELECT install_id, user_id, kind, revoked_at FROM install WHERE token_hash = %s", token_hash(token)
        )
        if row is None:
            return None
        grants: tuple[Grant, ...] = grants_of(self.get("user", row[1])) if row[1] else ()
        return Credential(install_id=row[0], user_id=row[1], kind=row[2], grants=grants, revoked=bool(row[3]))

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

    def _begin_audit(self) -> None:
        with self._auditing() as connection:
            postgres_audit.begin(connection, self._server_id, self._epoch, moment_text(self._clock()))

    @contextlib.contextmanager
    def _auditing(self) -> Iterator[psycopg.Connection]:
        try:
            with self.transaction() as connection:
                yield connection
        except (psycopg.OperationalError, PoolTimeout) as error:
            _refuse(error)

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


def refuse_unsafe(connection: psycopg.Connection) -> None:
    """Raises Problem unsafe_database when an answered commit could be lost with the power."""
    for name, safe in _SAFE.items():
        found = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
        if found is None or found[0] not in safe:
            raise Problem("unsafe_database", where=f"{name} = {found[0] if found else '?'}")


def _quicker(connection: psycopg.Connection) -> str:
    """Packing wide rows by lz4, where this database has it: pglz was an eighth of all that a push costs it."""
    found = connection.execute(
        "SELECT 'lz4' = ANY(enumvals) FROM pg_settings WHERE name = 'default_toast_compression'"
    ).fetchone()
    return " -c default_toast_compression=lz4" if found and found[0] else ""


def _counties_of_scope(scope: Scope) -> tuple[str, ...]:
    """The partitions a scope can touch; () for all of them."""
    if any(len(prefix) < 6 for prefix in scope.area_prefixes):
        return ()
    found = {ASIDE}
    for prefix in scope.area_prefixes:
        found |= {prefix[:length].ljust(6, "0") for length in (2, 4, 6)}
    return tuple(sorted(found))


def _refuse(error: Exception) -> NoReturn:
    if isinstance(error, psycopg.errors.DiskFull):
        raise Problem("disk_full") from error
    if isinstance(error, PoolTimeout):
        raise Problem("busy") from error
    raise Problem("store_failed") from error


