"""A store for tests of what follows one: records are put in, changes come out, nothing is decided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sync.records import Change, FieldChange, Install, Op, Page, Record, UnreadPage
from sync.store.base import Maker
from sync.store.kept import unread_of

VILLAGE = "500232101203"
NEIGHBOUR = "500232101204"
ABROAD = "500240103201"


class FakeStore:
    """Holds the latest of each record in order of change, as Store.changes promises."""

    def __init__(self) -> None:
        self.server_id, self.epoch = "server", "epoch-1"
        self._records: dict[tuple[str, str], Record] = {}
        self._history: dict[tuple[str, str], list[Change]] = {}
        self._seq = 0
        self.install_list: list[Install] = []
        self.quarantine: list[Change] = []
        self.blobs: dict[str, bytes] = {}

    def put(self, kind: str, id: str, area: str = VILLAGE, *, actor: str = "cadre-1", **fields: Any) -> Record:
        """Set fields of a record, as an applied op would; keeps the history."""
        return self._change(kind, id, area, fields, actor, deleted=False)

    def remove(self, kind: str, id: str) -> Record:
        return self._change(kind, id, self._records[kind, id].area, {}, "cadre-1", deleted=True)

    def _change(self, kind: str, id: str, area: str, fields: dict[str, Any], actor: str, deleted: bool) -> Record:
        self._seq += 1
        before = self._records.pop((kind, id), None)
        submission = fields.pop("_submission", None)
        day = f"2026-11-{1 + self._seq % 28:02d}"
        known = before.fields if before else {}
        changes = {name: FieldChange(known.get(name), value) for name, value in fields.items()}
        op = Op(
            op_id=f"op-{self._seq}", install_id="install", dseq=self._seq, entity=kind, id=id,
            kind="void" if deleted else "update" if before else "create", area=area, fields=changes,
            submission=submission, actor=actor, device_time=f"{day}T09:00:00.000+08:00",
        )  # fmt: skip
        rev = (before.rev if before else 0) + 1
        record = Record(
            kind=kind, id=id, area=area, rev=rev, seq=self._seq, deleted=deleted,
            fields={} if deleted else {**known, **fields},
            since={} if deleted else {**(before.since if before else {}), **dict.fromkeys(fields, day)},
        )  # fmt: skip
        self._records[kind, id] = record
        self._history.setdefault((kind, id), []).append(
            Change(seq=self._seq, op=op, status="applied", rev=rev, received_at=f"{day}T02:00:00Z")
        )
        return record

    def latest_seq(self) -> int:
        return self._seq

    def changes(self, after_seq: int, limit: int) -> Page:
        newer = [record for record in self._records.values() if record.seq > after_seq]
        newer.sort(key=lambda record: record.seq)
        page = newer[:limit]
        more = len(newer) > limit
        return Page(
            cursor="", seq=page[-1].seq if more else max(self._seq, after_seq), more=more, records=tuple(page)
        )

    def changes_unread(self, after_seq: int, limit: int) -> UnreadPage:
        page = self.changes(after_seq, limit)
        return UnreadPage(page.seq, page.more, [unread_of(record) for record in page.records])

    def get(self, kind: str, id: str) -> Record | None:
        record = self._records.get((kind, id))
        return None if record is None or record.deleted else record

    def records(self, kind: str, ids: Sequence[str]) -> dict[str, Record]:
        return {id: one for id in ids if (one := self.get(kind, id))}

    def histories(self, kind: str, ids: Sequence[str], since: int = 0) -> dict[str, list[Change]]:
        return {id: found for id in ids if (found := self.history(kind, id, since))}

    def history(self, kind: str, id: str, since: int = 0) -> list[Change]:
        return [change for change in self._history.get((kind, id), []) if change.seq >= since]

    def makers(self, kind: str, ids: Sequence[str]) -> dict[str, Maker]:
        first = {id: self._history[kind, id][0] for id in ids if (kind, id) in self._history}
        return {id: Maker(change.op.actor, change.received_at, change.op.cites or "") for id, change in first.items()}

    def ops_of_submission(self, id: str) -> list[Change]:
        every = (change for changes in self._history.values() for change in changes)
        return sorted((c for c in every if c.op.submission == id or c.op.id == id), key=lambda c: c.seq)

    def ops_of_submissions(self, ids: Sequence[str]) -> dict[str, list[Change]]:
        return {id: found for id in ids if (found := self.ops_of_submission(id))}

    def quarantined(self) -> list[Change]:
        return self.quarantine

    def installs(self) -> list[Install]:
        return self.install_list
