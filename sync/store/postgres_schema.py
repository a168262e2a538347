"""The tables of the PostgreSQL store, step by step. A step that has run anywhere is never edited.

`op` and `record` are partitioned by county, the first six digits of the area:
a county's data can be moved, dumped or dropped by itself, and the same column
is the distribution key where Citus spreads the partitions over machines.
"""

from __future__ import annotations

import psycopg
from psycopg import sql

from sync.store.postgres_functions import AT_ONCE, RECORDS_READ_ONCE, WHOSE_TOKENS, WRITTEN_APART
from sync.store.postgres_tries import WRONG_TRIES

ASIDE = "000000"
"""The county of what belongs to none: records of the whole country, and ops that were set aside."""

_LOCK_MIGRATIONS = 0x5275_6875_0001
_LOCK_COUNTIES = 0x5275_6875_0002


def migrate(connection: psycopg.Connection) -> None:
    """Bring the database to this version's tables; several hosts may start at once."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK_MIGRATIONS,))
        connection.execute("CREATE TABLE IF NOT EXISTS migration (name text PRIMARY KEY, done_at timestamptz NOT NULL)")
        done = {row[0] for row in connection.execute("SELECT name FROM migration").fetchall()}
        for name, statements in STEPS:
            if name not in done:
                connection.execute(statements)
                connection.execute("INSERT INTO migration VALUES (%s, now())", (name,))


def county_of(area: str) -> str:
    """The first six digits, filled with zeros for a place above the counties."""
    return area[:6].ljust(6, "0")


def make_county(connection: psycopg.Connection, county: str) -> None:
    """The partitions of one county. Made before the transaction that first writes to it."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK_COUNTIES,))
        for table in ("op", "record"):
            connection.execute(
                sql.SQL("CREATE TABLE IF NOT EXISTS {} PARTITION OF {} FOR VALUES IN ({})").format(
                    sql.Identifier(f"{table}_{county}"), sql.Identifier(table), sql.Literal(county)
                )
            )


def counties(connection: psycopg.Connection) -> set[str]:
    """The counties that have partitions."""
    rows = connection.execute(
        "SELECT right(c.relname, 6) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = 'record'::regclass"
    ).fetchall()
    return {row[0] for row in rows}


STEPS: tuple[tuple[str, sql.SQL], ...] = (
    (
        "001_begin",
        sql.SQL("""
CREATE TABLE meta (key text PRIMARY KEY, value text NOT NULL);

-- One row. Who holds its lock gives out the next places of the log and keeps it until the commit,
-- so that places become visible in their order and no follower can pass one that comes late.
CREATE TABLE counter (one boolean PRIMARY KEY DEFAULT true CHECK (one), n bigint NOT NULL, seq bigint NOT NULL)
  WITH (fillfactor = 10);
INSERT INTO counter (n, seq) VALUES (0, 0);

CREATE TABLE raw_push (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, install_id text NOT NULL, received_at text NOT NULL,
  sha256 text NOT NULL, body bytea NOT NULL);

CREATE TABLE op (
  county text COLLATE "C" NOT NULL, n bigint NOT NULL, op_id text COLLATE "C" NOT NULL,
  install_id text COLLATE "C" NOT NULL, dseq bigint NOT NULL, entity text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL, submission text COLLATE "C", hash text COLLATE "C" NOT NULL, body bytea NOT NULL,
  received_at text NOT NULL, status text NOT NULL, code text NOT NULL, rev bigint NOT NULL, seq bigint NOT NULL,
  variant boolean NOT NULL, PRIMARY KEY (county, n)) PARTITION BY LIST (county);
CREATE UNIQUE INDEX op_by_id ON op (county, op_id) WHERE NOT variant;
CREATE INDEX op_by_install ON op (install_id, dseq);
CREATE INDEX op_by_record ON op (entity, id, n);
CREATE INDEX op_by_submission ON op (submission) WHERE submission IS NOT NULL;
CREATE INDEX op_aside ON op (n) WHERE status IN ('held', 'quarantined');

CREATE TABLE record (
  county text COLLATE "C" NOT NULL, kind text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL,
  area text COLLATE "C" NOT NULL, rev bigint NOT NULL, seq bigint NOT NULL, fields jsonb NOT NULL,
  since jsonb NOT NULL, deleted boolean NOT NULL, PRIMARY KEY (county, kind, id)) PARTITION BY LIST (county);
CREATE UNIQUE INDEX record_by_seq ON record (county, seq);
CREATE INDEX record_by_id ON record (kind, id);
CREATE INDEX record_by_place ON record (seq);

CREATE TABLE install (
  install_id text PRIMARY KEY, user_id text NOT NULL, kind text NOT NULL, name text NOT NULL,
  token_hash text UNIQUE, created_at text NOT NULL, last_seen text NOT NULL DEFAULT '',
  revoked_at text NOT NULL DEFAULT '', made_dseq bigint NOT NULL DEFAULT 0);

CREATE TABLE log (install_id text COLLATE "C" PRIMARY KEY, acked bigint NOT NULL);

CREATE TABLE blob (sha256 text COLLATE "C" PRIMARY KEY, size bigint NOT NULL, stored_at text NOT NULL);
CREATE TABLE blob_part (
  sha256 text COLLATE "C" NOT NULL, at bigint NOT NULL, body bytea NOT NULL, PRIMARY KEY (sha256, at));
CREATE TABLE blob_named (
  sha256 text COLLATE "C" NOT NULL, kind text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL,
  size bigint NOT NULL, PRIMARY KEY (sha256, kind, id));
"""),
    ),
    (
        "002_audit",
        sql.SQL("""
CREATE TABLE audit (
  n bigint PRIMARY KEY, what text NOT NULL, at text NOT NULL, op_n bigint NOT NULL, about text NOT NULL,
  dseq bigint NOT NULL, hash bytea NOT NULL, status text NOT NULL, code text NOT NULL, link bytea NOT NULL);
CREATE INDEX audit_act ON audit (what, n) WHERE what <> 'op';
-- Where the chain stands; who holds the counter's lock binds the next entries.
ALTER TABLE counter ADD COLUMN audit_n bigint NOT NULL DEFAULT 0,
  ADD COLUMN audit_link bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex');
CREATE TABLE audit_head (
  server_id text NOT NULL, day text NOT NULL, epoch text NOT NULL, n bigint NOT NULL, link text NOT NULL,
  public text NOT NULL, sig text NOT NULL, PRIMARY KEY (server_id, day, epoch));
"""),
    ),
    (
        "010_compared",
        sql.SQL("""
CREATE INDEX record_by_area ON record (area);
CREATE TABLE compared (install_id text PRIMARY KEY, at text NOT NULL, result text NOT NULL, mended bigint NOT NULL);
CREATE TABLE mended (
  n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at text NOT NULL, install_id text NOT NULL, kind text NOT NULL,
  id text NOT NULL, why text NOT NULL);
ALTER TABLE install ADD COLUMN told text NOT NULL DEFAULT '{}', ADD COLUMN lost_by text NOT NULL DEFAULT '';
"""),
    ),
    (
        "012_what_was_delivered_and_what_is_gone",
        sql.SQL("""
CREATE TABLE delivered (
  install_id text COLLATE "C" NOT NULL, prefixes text COLLATE "C" NOT NULL, place bigint NOT NULL,
  seen_at text NOT NULL, until bigint, PRIMARY KEY (install_id, prefixes));
CREATE TABLE gone (
  kind text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, area text COLLATE "C" NOT NULL, rev bigint NOT NULL,
  seq bigint NOT NULL, PRIMARY KEY (kind, id));
ALTER TABLE record ADD COLUMN gone_days int NOT NULL DEFAULT 0;
CREATE INDEX record_gone ON record (gone_days) WHERE deleted;
"""),
    ),
    (
        "013_signed_logs",
        sql.SQL("""
ALTER TABLE install ADD COLUMN key text NOT NULL DEFAULT '';
ALTER TABLE log ADD COLUMN chain text NOT NULL DEFAULT '';
CREATE TABLE log_head (
  install_id text COLLATE "C" NOT NULL, dseq bigint NOT NULL, chain text NOT NULL, sig text NOT NULL,
  PRIMARY KEY (install_id, dseq));
"""),
    ),
    (
        "020_enrolments",
        sql.SQL("""
CREATE TABLE enrolment (
  id text PRIMARY KEY, secret_hash text NOT NULL UNIQUE, claim_hash text NOT NULL, state text NOT NULL,
  tries bigint NOT NULL, body text NOT NULL);
"""),
    ),
    (
        "026_fewer_indexes",
        # A county's partition has one county only: its index by place serves pulls as well, and another of the same
        # order was written for every record.
        sql.SQL("DROP INDEX record_by_seq"),
    ),
    ("030_asked_and_written_at_once", sql.SQL(AT_ONCE)),
    ("031_written_apart", sql.SQL(WRITTEN_APART)),
    ("032_wrong_tries", sql.SQL(WRONG_TRIES)),
    ("033_whose_tokens", sql.SQL(WHOSE_TOKENS)),
    ("034_records_read_once", sql.SQL(RECORDS_READ_ONCE)),
)
