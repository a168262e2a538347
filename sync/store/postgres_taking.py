"""How a push, or what the office writes itself, goes into PostgreSQL, and how records come out again in their order.

Places of the log are given out under the lock of one counter row that is held
until the commit, so they become visible in their order: a follower that has
seen place 7 has seen all before it. Everything slow (asking, deciding) is done
before that lock is taken. How ops come in is in `intake` and `postgres_intake`.
"""

from __future__ import annotations

import contextlib
import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from psycopg_pool import PoolTimeout

from sync.audit import NOTHING, Chain
from sync.failpoints import reach
from sync.problems import Problem
from sync.records import CENTRE, Arrival, Pushed, PushReply, Scope, UnreadPage, UnreadRecord
from sync.scope import prefixes_of, scope_version, within
from sync.store import postgres_audit
from sync.store.both import Both
from sync.store.group import GroupCommit
from sync.store.high_water import OF_DATABASE, HighWater
from sync.store.intake import Draft, Intake
from sync.store.pages import moment_text, place_of, unread_page_of
from sync.store.postgres_asking import refuse
from sync.store.postgres_history import PostgresHistory
from sync.store.postgres_intake import (
    RECORD,
    Came,
    Overtaken,
    PostgresMemory,
    came_with,
    record_of,
    refuse_overtaken,
    write_down,
)
from sync.store.postgres_schema import ASIDE, county_of
from sync.store.scope_sql import marks as placeholders
from sync.store.scope_sql import scope_sql

TRIES = 8
Answer = TypeVar("Answer")
_CROSSED = (
    psycopg.errors.UniqueViolation,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    Overtaken,
)
log = logging.getLogger("ruhu.postgres")


class PostgresTaking(PostgresHistory, Both):
    """beside: this host's folder, which remembers how far the database had come."""

    _record_of = staticmethod(record_of)

    def __init__(self, url: str, *, clock: Callable[[], datetime] | None = None, connections: int = 8,
                 beside: Path | None = None) -> None:
        self._clock = clock or (lambda: datetime.now(UTC))
        super().__init__(url, connections)
        self._begin_audit()
        self._push_together = GroupCommit(self._push_all)
        self._high_water = HighWater(beside, OF_DATABASE) if beside else None
        self._noted = 0
        if self._high_water and self._high_water.is_above(self._epoch, 0, self.latest_seq(note=False)):
            self.close()
            raise Problem("database_rolled_back")

    def close(self) -> None:
        self._pool.close()
        if self._high_water:
            self._high_water.close()

    def _begin_audit(self) -> None:
        with self._auditing() as connection:
            postgres_audit.begin(connection, self._server_id, self._epoch, moment_text(self._clock()))

    @contextlib.contextmanager
    def _auditing(self) -> Iterator[psycopg.Connection]:
        try:
            with self.transaction() as connection:
                yield connection
        except (psycopg.OperationalError, PoolTimeout) as error:
            refuse(error)

    def know_itself(self) -> None:
        """Read again who this store is, after another's identity was moved in."""
        self._server_id = self._meta_or("server_id", lambda: "")
        self._epoch = self._meta_or("epoch", lambda: "")
        self._begin_audit()

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
                    refuse(error)
                self._pool.check()
            except PoolTimeout as error:
                refuse(error)
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

    def _load(self, made: Sequence[Arrival]) -> int:
        self.make_counties(county_of(one.op.area) for one in made)

        def take(connection: psycopg.Connection, intake: Intake) -> tuple[int, Sequence[Came]]:
            count = intake.load(made)
            self._place(connection, intake, ())
            return count, ()

        return self._taking_in(moment_text(self._clock()), take)

    # --- records in their order --------------------------------------------------------------------------

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

    def changes_unread(self, after_seq: int, limit: int) -> UnreadPage:
        rows, end = self._rows_changed(after_seq, limit)
        return unread_page_of([_unread(row) for row in rows], limit, max(after_seq, end))

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


def _counties_of_scope(scope: Scope) -> tuple[str, ...]:
    """The partitions a scope can touch; () for all of them."""
    if any(len(prefix) < 6 for prefix in scope.area_prefixes):
        return ()
    found = {ASIDE}
    for prefix in scope.area_prefixes:
        found |= {prefix[:length].ljust(6, "0") for length in (2, 4, 6)}
    return tuple(sorted(found))


def _unread(row: Any) -> UnreadRecord:
    kind, id_, area, rev, seq, fields, since, deleted = row
    # What the database keeps is always the centre's: nothing is overlaid.
    return UnreadRecord(kind, id_, area, rev, seq, fields, since, 0, deleted)
