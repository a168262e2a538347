"""Files of older versions: what was in them is there afterwards, in the shape of today."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from sync.author import Author
from sync.store.dates import dates_of, packed_dates
from sync.store.sqlite import SqliteStore

VILLAGE = "500156103203"
AS_IT_WAS = """
CREATE TABLE old (
  kind TEXT NOT NULL, id TEXT NOT NULL, area TEXT NOT NULL, rev INTEGER NOT NULL, seq INTEGER NOT NULL,
  fields TEXT NOT NULL, since TEXT NOT NULL, pending INTEGER NOT NULL DEFAULT 0, deleted INTEGER NOT NULL DEFAULT 0,
  upstream TEXT, gone_days INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (kind, id)) WITHOUT ROWID;
INSERT INTO old SELECT kind, id, area, rev, seq, fields, spelled(fields, since), pending, deleted, upstream, gone_days FROM record;
DROP TABLE record;
ALTER TABLE old RENAME TO record;
CREATE UNIQUE INDEX record_by_seq ON record (seq, area);
CREATE INDEX record_by_area ON record (area);
CREATE INDEX record_gone ON record (gone_days) WHERE deleted = 1;
DROP INDEX op_by_record;
CREATE INDEX op_by_record ON op (entity, id, n);
DELETE FROM _sqlite_migrations WHERE name = 'm026_records_in_rows';
"""


def clock() -> datetime:
    return datetime(2026, 11, 28, tzinfo=UTC)


def test_records_move_into_rows_with_all_they_had(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    own = Author(store.add_install("", kind="node", name="own").install_id, "", clock=clock)
    store.load([own.create("household", "h", VILLAGE, {"head_name": "张三", "phone": "1"}),
                own.create("member", "m", VILLAGE, {"full_name": "李四"}),
                own.void("member", "m", VILLAGE, {"full_name": "李四"}, "搬走")])  # fmt: skip
    own.clock = lambda: datetime(2026, 12, 1, tzinfo=UTC)
    store.load([own.update("household", "h", VILLAGE, {"phone": ("1", "2")})])
    before, end = store.changes(0, 100), store.latest_seq()
    assert before.records[-1].since == {"head_name": "2026-11-28", "phone": "2026-12-01"}
    store.close()

    with contextlib.closing(sqlite3.connect(tmp_path / "store.db")) as db:
        db.create_function("spelled", 2, _spelled)
        db.executescript(AS_IT_WAS)
        assert db.execute("SELECT since FROM record WHERE id = 'h'").fetchone()[0].startswith("{")

    store = SqliteStore(tmp_path)
    try:
        assert store.changes(0, 100) == before
        assert store.latest_seq() == end
        assert [one.status for one in store.history("household", "h")] == ["applied", "applied"]
        store.load([own.update("household", "h", VILLAGE, {"phone": ("2", "3")})])
        record = store.get("household", "h")
        assert record is not None and (record.fields["phone"], record.rev) == ("3", 3)
        assert next(store.rows("SELECT count(*) FROM record"))[0] == 2
    finally:
        store.close()


def _spelled(fields: str, since: str) -> str:
    return json.dumps(dates_of(since, json.loads(fields)))


def test_dates_are_kept_whatever_they_are() -> None:
    fields = {"a": "1", "b": "2", "c": "3"}
    one_day = dict.fromkeys(fields, "2026-01-01")
    for since in ({}, {"a": "x"}, one_day, {"a": "x", "b": "y", "c": "y"}, {"a": "x", "b": "y", "c": "z"},
                  {"a": "x", "b": "y", "other": "z"}, one_day | {"": "x"}):  # fmt: skip
        assert dates_of(packed_dates(since, fields), fields) == since
    assert packed_dates(one_day, fields) == '["2026-01-01",{}]'
    assert dates_of('{"a":"2025-12-31"}', fields) == {"a": "2025-12-31"}
