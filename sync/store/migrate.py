"""The tables of the SQLite store, step by step. A step that has run anywhere is never edited."""

from __future__ import annotations

from sqlite_utils import Database, Migrations

migrations = Migrations("ruhu.store")


@migrations()
def m001_begin(db: Database) -> None:
    """Ops as they came, the records they add up to, the log, installs, blobs."""
    for statement in _BEGIN.split(";\n"):
        if statement.strip():
            db.execute(statement)


@migrations()
def m002_audit(db: Database) -> None:
    """The audit chain, and the signed heads of it that this server and its neighbours keep."""
    for statement in _AUDIT.split(";\n"):
        db.execute(statement)


@migrations()
def m010_compared(db: Database) -> None:
    """Records by place, what comparing them with the tier above found, and what devices tell of themselves."""
    for statement in _COMPARED.split(";\n"):
        db.execute(statement)


_COMPARED = """
CREATE INDEX record_by_area ON record (area);

CREATE TABLE compared (
  install_id TEXT PRIMARY KEY, at TEXT NOT NULL, result TEXT NOT NULL, mended INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE mended (
  n INTEGER PRIMARY KEY, at TEXT NOT NULL, install_id TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, why TEXT NOT NULL);

ALTER TABLE install ADD COLUMN told TEXT NOT NULL DEFAULT '{}';

ALTER TABLE install ADD COLUMN lost_by TEXT NOT NULL DEFAULT ''
"""

_AUDIT = """
CREATE TABLE audit (
  n INTEGER PRIMARY KEY, what TEXT NOT NULL, at TEXT NOT NULL, op_n INTEGER NOT NULL, about TEXT NOT NULL,
  dseq INTEGER NOT NULL, hash BLOB NOT NULL, status TEXT NOT NULL, code TEXT NOT NULL, link BLOB NOT NULL);

CREATE INDEX audit_act ON audit (what, n) WHERE what != 'op';

CREATE TABLE audit_head (
  server_id TEXT NOT NULL, day TEXT NOT NULL, epoch TEXT NOT NULL, n INTEGER NOT NULL, link TEXT NOT NULL,
  public TEXT NOT NULL, sig TEXT NOT NULL, PRIMARY KEY (server_id, day, epoch)) WITHOUT ROWID
"""


@migrations()
def m012_what_was_delivered_and_what_is_gone(db: Database) -> None:
    """What each install has pulled, how old tombstones are, and the ids of those that were cleared away."""
    for statement in _GONE.split(";\n"):
        db.execute(statement)


_GONE = """
CREATE TABLE delivered (
  install_id TEXT NOT NULL, prefixes TEXT NOT NULL, place INTEGER NOT NULL, seen_at TEXT NOT NULL, until INTEGER,
  PRIMARY KEY (install_id, prefixes)) WITHOUT ROWID;
CREATE TABLE gone (
  kind TEXT NOT NULL, id TEXT NOT NULL, area TEXT NOT NULL, rev INTEGER NOT NULL, seq INTEGER NOT NULL,
  PRIMARY KEY (kind, id)) WITHOUT ROWID;
ALTER TABLE record ADD COLUMN gone_days INTEGER NOT NULL DEFAULT 0;
CREATE INDEX record_gone ON record (gone_days) WHERE deleted = 1
"""


@migrations()
def m013_signed_logs(db: Database) -> None:
    """Keys of installs, chains of logs, signed heads of installs and of the centre."""
    for statement in _SIGNED_LOGS.split(";\n"):
        db.execute(statement)


_SIGNED_LOGS = """
ALTER TABLE install ADD COLUMN key TEXT NOT NULL DEFAULT '';
ALTER TABLE log ADD COLUMN chain TEXT NOT NULL DEFAULT '';
CREATE TABLE log_head (
  install_id TEXT NOT NULL, dseq INTEGER NOT NULL, chain TEXT NOT NULL, sig TEXT NOT NULL,
  PRIMARY KEY (install_id, dseq)) WITHOUT ROWID;
CREATE TABLE centre_head (install_id TEXT PRIMARY KEY, head TEXT NOT NULL) WITHOUT ROWID
"""


@migrations()
def m016_pulls_read_an_index(db: Database) -> None:
    """The log's index also holds the area, so that a pull finds what is in its scope without reading any other record."""
    db.execute("DROP INDEX record_by_seq")
    db.execute("CREATE UNIQUE INDEX record_by_seq ON record (seq, area)")


@migrations()
def m020_enrolments(db: Database) -> None:
    """Invitations of phones: by id, by the hash of their secret, by that of the claim."""
    db.execute(
        "CREATE TABLE enrolment (id TEXT PRIMARY KEY, secret_hash TEXT NOT NULL UNIQUE, claim_hash TEXT NOT NULL,"
        " state TEXT NOT NULL, tries INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID"
    )


@migrations()
def m026_records_in_rows(db: Database) -> None:
    """Records in rows of their own, found by an index.

    In the tree of their keys four records filled a page, and putting one in between wrote its neighbours anew.
    Ids come first in an index, so that what a visit makes lies together at its end, whatever its kinds.
    """
    for statement in _RECORD_ROWS.split(";\n"):
        db.execute(statement)


@migrations()
def m027_words_on_blobs(db: Database) -> None:
    """The centre's signed word on each blob; those it was only said to have are asked about again."""
    db.execute("ALTER TABLE blob ADD COLUMN word TEXT NOT NULL DEFAULT ''")
    db.execute("UPDATE blob SET relayed = 1 WHERE relayed = 2")


@migrations()
def m028_open_conflicts(db: Database) -> None:
    """The few open conflicts, which a node looks through after every pull; `record_conflict` has the settled ones too."""
    db.execute("CREATE INDEX record_conflicts ON record (id) WHERE kind = 'conflict' AND deleted = 0")


_RECORD_ROWS = """
CREATE TABLE record_row (
  n INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, area TEXT NOT NULL, rev INTEGER NOT NULL,
  seq INTEGER NOT NULL, fields TEXT NOT NULL, since TEXT NOT NULL, pending INTEGER NOT NULL DEFAULT 0,
  deleted INTEGER NOT NULL DEFAULT 0, upstream TEXT, gone_days INTEGER NOT NULL DEFAULT 0);
INSERT INTO record_row (kind, id, area, rev, seq, fields, since, pending, deleted, upstream, gone_days)
  SELECT kind, id, area, rev, seq, fields, since, pending, deleted, upstream, gone_days FROM record ORDER BY seq;
DROP TABLE record;
ALTER TABLE record_row RENAME TO record;
CREATE UNIQUE INDEX record_by_id ON record (id, kind);
CREATE UNIQUE INDEX record_by_seq ON record (seq, area, kind);
CREATE INDEX record_by_area ON record (area, kind);
CREATE INDEX record_gone ON record (gone_days) WHERE deleted = 1;
CREATE INDEX record_conflict ON record (kind) WHERE kind = 'conflict';
DROP INDEX op_by_record;
CREATE INDEX op_by_record ON op (id, entity, n)
"""


_BEGIN = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE raw_push (
  id INTEGER PRIMARY KEY AUTOINCREMENT, install_id TEXT NOT NULL, received_at TEXT NOT NULL,
  sha256 TEXT NOT NULL, body BLOB NOT NULL);

CREATE TABLE op (
  n INTEGER PRIMARY KEY AUTOINCREMENT, op_id TEXT NOT NULL, install_id TEXT NOT NULL, dseq INTEGER NOT NULL,
  entity TEXT NOT NULL, id TEXT NOT NULL, submission TEXT, hash TEXT NOT NULL, body BLOB NOT NULL,
  received_at TEXT NOT NULL, status TEXT NOT NULL, code TEXT NOT NULL DEFAULT '',
  rev INTEGER NOT NULL DEFAULT 0, seq INTEGER NOT NULL DEFAULT 0,
  variant INTEGER NOT NULL DEFAULT 0,
  up_status TEXT, up_code TEXT, up_rev INTEGER, up_seq INTEGER,
  centre_status TEXT, centre_rev INTEGER, centre_code TEXT, centre_receipt TEXT);

CREATE UNIQUE INDEX op_by_id ON op (op_id) WHERE variant = 0;
CREATE INDEX op_by_install ON op (install_id, dseq);
CREATE INDEX op_by_record ON op (entity, id, n);
CREATE INDEX op_by_submission ON op (submission) WHERE submission IS NOT NULL;
CREATE INDEX op_aside ON op (status, n) WHERE status IN ('held', 'quarantined');
CREATE INDEX op_to_relay ON op (n) WHERE up_status IS NULL AND variant = 0;

CREATE TABLE record (
  kind TEXT NOT NULL, id TEXT NOT NULL, area TEXT NOT NULL, rev INTEGER NOT NULL, seq INTEGER NOT NULL,
  fields TEXT NOT NULL, since TEXT NOT NULL, pending INTEGER NOT NULL DEFAULT 0, deleted INTEGER NOT NULL DEFAULT 0,
  upstream TEXT, PRIMARY KEY (kind, id)) WITHOUT ROWID;

CREATE UNIQUE INDEX record_by_seq ON record (seq);

CREATE TABLE change (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL, op_n INTEGER);

CREATE TABLE install (
  install_id TEXT PRIMARY KEY, user_id TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
  token_hash TEXT UNIQUE, created_at TEXT NOT NULL, last_seen TEXT NOT NULL DEFAULT '',
  revoked_at TEXT NOT NULL DEFAULT '', made_dseq INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;

CREATE TABLE log (
  install_id TEXT PRIMARY KEY, acked INTEGER NOT NULL, confirmed INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;

CREATE TABLE blob (
  sha256 TEXT PRIMARY KEY, size INTEGER NOT NULL, stored_at TEXT NOT NULL,
  relayed INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;

CREATE TABLE blob_named (
  sha256 TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, size INTEGER NOT NULL,
  PRIMARY KEY (sha256, kind, id)) WITHOUT ROWID
"""
