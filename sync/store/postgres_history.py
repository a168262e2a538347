"""What happened to records, read from PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

from sync.records import Change, Record
from sync.store.base import Maker
from sync.store.postgres_asking import PostgresAsking
from sync.store.postgres_intake import RECORD, record_of
from sync.store.steps import CHANGE, by_record, by_submission, changes_of, makers_of


class PostgresHistory(PostgresAsking):
    def get(self, kind: str, id: str) -> Record | None:
        found = self._one(f"SELECT {RECORD} FROM record WHERE kind = %s AND id = %s".encode(), kind, id)  # noqa: S608
        return record_of(found) if found else None

    def records(self, kind: str, ids: Sequence[str]) -> dict[str, Record]:
        rows = self._all(f"SELECT {RECORD} FROM record WHERE kind = %s AND id = ANY(%s)".encode(), kind, list(ids))  # noqa: S608
        return {record.id: record for record in map(record_of, rows)}

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
        return makers_of(rows)

    def ops_of_submission(self, id: str) -> list[Change]:
        return self.ops_of_submissions([id]).get(id, [])

    def ops_of_submissions(self, ids: Sequence[str]) -> dict[str, list[Change]]:
        made = self._changes_where("entity = 'submission' AND id = ANY(%s)", list(ids))
        caused = self._changes_where("submission = ANY(%s) AND NOT (entity = 'submission' AND id = submission)", list(ids))
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
        return changes_of(self._all(f"SELECT {CHANGE} FROM op WHERE {where} ORDER BY n".encode(), *values))  # noqa: S608 - our own
