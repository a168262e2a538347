"""Functions of the database that ask and write for a whole round of taking ops in.

A statement costs its sender some tenths of a millisecond, and planning one over
tables with a partition a county costs the database more than carrying it out.
Inside a function a statement is planned once a connection. What is asked and
told is one JSON document each; bytes go beside it, since JSON has none.

The plans must not depend on how full the tables were when they were made:
every look-up here is by an index, a row at a time.
"""

from __future__ import annotations

from typing import LiteralString

AT_ONCE: LiteralString = """
-- asked: {installs: [id], ops: [[county, op_id]], records: [[county, kind, id]]}, each list in the order of its locks.
-- Locks are taken in the order logs, records; who holds a log decides about its ops, so the ops are looked for after it.
CREATE FUNCTION push_ask(asked json) RETURNS json LANGUAGE plpgsql
  SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
  logs json; known json; here json; elsewhere json; away json; held json;
  kinds text[]; ids text[];
BEGIN
  INSERT INTO log (install_id, acked)
    SELECT one.id, 0 FROM json_array_elements_text(asked -> 'installs') AS one (id)
    WHERE NOT EXISTS (SELECT 1 FROM log l WHERE l.install_id = one.id) ORDER BY one.id ON CONFLICT DO NOTHING;

  SELECT json_agg(json_build_array(f.install_id, f.acked, f.chain, f.key)) INTO logs FROM (
    SELECT l.install_id, l.acked, l.chain, i.key FROM json_array_elements_text(asked -> 'installs') AS one (id)
    JOIN log l ON l.install_id = one.id LEFT JOIN install i ON i.install_id = l.install_id
    ORDER BY l.install_id FOR UPDATE OF l) AS f;

  SELECT json_agg(json_build_array(o.op_id, o.hash, o.status, o.code, o.rev, o.seq, o.received_at)) INTO known
    FROM json_array_elements(asked -> 'ops') AS one (op)
    JOIN op o ON o.county = one.op ->> 0 AND o.op_id = one.op ->> 1 WHERE NOT o.variant;

  SELECT json_agg(json_build_array(f.kind, f.id, f.area, f.rev, f.seq, f.fields, f.since, f.deleted)),
    array_agg(f.kind), array_agg(f.id) INTO here, kinds, ids FROM (
    SELECT r.* FROM json_array_elements(asked -> 'records') AS one (record)
    JOIN record r ON r.county = one.record ->> 0 AND r.kind = one.record ->> 1 AND r.id = one.record ->> 2
    ORDER BY r.county, r.kind, r.id FOR UPDATE OF r) AS f;

  -- New records are nowhere, and a few lie in another county than was thought (people of the offices above).
  SELECT array_agg(f.kind), array_agg(f.id) INTO kinds, ids FROM (
    SELECT one.record ->> 1 AS kind, one.record ->> 2 AS id FROM json_array_elements(asked -> 'records') AS one (record)
    EXCEPT SELECT * FROM unnest(kinds, ids) ORDER BY kind, id) AS f;

  SELECT json_agg(json_build_array(f.kind, f.id, f.area, f.rev, f.seq, f.fields, f.since, f.deleted))
    INTO elsewhere FROM (
    SELECT r.* FROM unnest(kinds, ids) AS one (kind, id) JOIN record r ON r.kind = one.kind AND r.id = one.id
    ORDER BY r.kind, r.id FOR UPDATE OF r) AS f;

  SELECT json_agg(json_build_array(g.kind, g.id, g.area, g.rev, g.seq)) INTO away
    FROM unnest(kinds, ids) AS one (kind, id) JOIN gone g ON g.kind = one.kind AND g.id = one.id;

  SELECT json_agg(json_build_array(f.entity, f.id, f.n, convert_from(f.body, 'UTF8'))) INTO held FROM (
    SELECT o.entity, o.id, o.n, o.body FROM unnest(kinds, ids) AS one (kind, id)
    JOIN op o ON o.entity = one.kind AND o.id = one.id WHERE o.status = 'held' ORDER BY o.n FOR UPDATE OF o) AS f;

  RETURN json_build_object('logs', logs, 'known', known, 'here', here, 'elsewhere', elsewhere, 'gone', away, 'held', held);
END $$;

-- written: {ops, records, logs, heads, audit: [{column: value}], end: [n, link] or null, pushes: [{…}], received}.
-- bodies: one an op; raws: one a push. The caller holds the counter's lock.
CREATE FUNCTION push_write(written json, bodies bytea[], raws bytea[]) RETURNS void LANGUAGE plpgsql
  SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
BEGIN
  INSERT INTO op (county, n, op_id, install_id, dseq, entity, id, submission, hash, received_at, status, code, rev, seq,
                  variant, body)
    SELECT * FROM ROWS FROM (json_to_recordset(written -> 'ops') AS (
      county text, n int8, op_id text, install_id text, dseq int8, entity text, id text, submission text, hash text,
      received_at text, status text, code text, rev int8, seq int8, variant bool), unnest(bodies)) AS new;

  INSERT INTO record (county, kind, id, area, rev, seq, fields, since, deleted)
    SELECT * FROM json_to_recordset(written -> 'records') AS new (
      county text, kind text, id text, area text, rev int8, seq int8, fields jsonb, since jsonb, deleted bool)
    ON CONFLICT (county, kind, id) DO UPDATE SET area = excluded.area, rev = excluded.rev, seq = excluded.seq,
      fields = excluded.fields, since = excluded.since, deleted = excluded.deleted;

  UPDATE log SET acked = new.acked, chain = new.chain
    FROM json_to_recordset(written -> 'logs') AS new (install_id text, acked int8, chain text)
    WHERE log.install_id = new.install_id;

  INSERT INTO log_head (install_id, dseq, chain, sig)
    SELECT * FROM json_to_recordset(written -> 'heads') AS new (install_id text, dseq int8, chain text, sig text)
    ON CONFLICT (install_id, dseq) DO UPDATE SET sig = excluded.sig WHERE log_head.sig = '';

  INSERT INTO audit (n, what, at, op_n, about, dseq, hash, status, code, link)
    SELECT n, what, at, op_n, about, dseq, decode(hash, 'hex'), status, code, decode(link, 'hex')
    FROM json_to_recordset(written -> 'audit') AS new (
      n int8, what text, at text, op_n int8, about text, dseq int8, hash text, status text, code text, link text);
  IF json_typeof(written -> 'end') = 'array' THEN
    UPDATE counter SET audit_n = (written -> 'end' ->> 0)::int8, audit_link = decode(written -> 'end' ->> 1, 'hex');
  END IF;

  INSERT INTO raw_push (install_id, received_at, sha256, body)
    SELECT new.install_id, written ->> 'received', new.sha256, new.body
    FROM ROWS FROM (json_to_recordset(written -> 'pushes') AS (install_id text, sha256 text), unnest(raws))
      AS new (install_id, sha256, body);
  UPDATE install SET last_seen = written ->> 'received'
    FROM (SELECT DISTINCT install_id FROM json_to_recordset(written -> 'pushes') AS new (install_id text)) AS came
    WHERE install.install_id = came.install_id;
END $$;
"""


WHOSE_TOKENS: LiteralString = """
-- Of each known token its install, and the person's record where there is one.
CREATE FUNCTION credentials(hashes text[]) RETURNS TABLE (
  token_hash text, install_id text, user_id text, install_kind text, revoked_at text,
  kind text, id text, area text, rev int8, seq int8, fields text, since text, deleted bool) LANGUAGE plpgsql STABLE
  SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
BEGIN
  RETURN QUERY SELECT i.token_hash, i.install_id, i.user_id, i.kind, i.revoked_at,
    r.kind, r.id, r.area, r.rev, r.seq, r.fields::text, r.since::text, r.deleted
    FROM unnest(hashes) AS asked (hash) JOIN install i ON i.token_hash = asked.hash
    LEFT JOIN record r ON r.kind = 'user' AND r.id = i.user_id;
END $$;
"""


WRITTEN_APART: LiteralString = """
-- Each document by itself: a part of one is found by reading all of it, and what is asked of it for every row is read for
-- every row. Hosts that were not started anew still call the function of the same name that takes one document.
-- ops, records, logs, heads, audit, pushes: [{column: value}]; bodies: one an op; raws: one a push; ended: where the audit
-- chain stands now, null where nothing was bound. The caller holds the counter's lock.
CREATE FUNCTION push_write(ops json, records json, logs json, heads json, audit json, ended_n int8, ended_link bytea,
                           pushes json, received text, bodies bytea[], raws bytea[]) RETURNS void LANGUAGE plpgsql
  SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
BEGIN
  INSERT INTO op (county, n, op_id, install_id, dseq, entity, id, submission, hash, received_at, status, code, rev, seq,
                  variant, body)
    SELECT new.county, new.n, new.op_id, new.install_id, new.dseq, new.entity, new.id, new.submission, new.hash,
      push_write.received, new.status, new.code, new.rev, new.seq, new.variant, new.body
    FROM ROWS FROM (json_to_recordset(ops) AS (
      county text, n int8, op_id text, install_id text, dseq int8, entity text, id text, submission text, hash text,
      status text, code text, rev int8, seq int8, variant bool), unnest(bodies))
      AS new (county, n, op_id, install_id, dseq, entity, id, submission, hash, status, code, rev, seq, variant, body);

  INSERT INTO record (county, kind, id, area, rev, seq, fields, since, deleted)
    SELECT * FROM json_to_recordset(records) AS new (
      county text, kind text, id text, area text, rev int8, seq int8, fields jsonb, since jsonb, deleted bool)
    ON CONFLICT (county, kind, id) DO UPDATE SET area = excluded.area, rev = excluded.rev, seq = excluded.seq,
      fields = excluded.fields, since = excluded.since, deleted = excluded.deleted;

  UPDATE log SET acked = new.acked, chain = new.chain
    FROM json_to_recordset(logs) AS new (install_id text, acked int8, chain text) WHERE log.install_id = new.install_id;

  INSERT INTO log_head (install_id, dseq, chain, sig)
    SELECT * FROM json_to_recordset(heads) AS new (install_id text, dseq int8, chain text, sig text)
    ON CONFLICT (install_id, dseq) DO UPDATE SET sig = excluded.sig WHERE log_head.sig = '';

  INSERT INTO audit (n, what, at, op_n, about, dseq, hash, status, code, link)
    SELECT new.n, new.what, new.at, new.op_n, new.about, new.dseq, decode(new.hash, 'hex'), new.status, new.code,
      decode(new.link, 'hex')
    FROM json_to_recordset(push_write.audit) AS new (
      n int8, what text, at text, op_n int8, about text, dseq int8, hash text, status text, code text, link text);
  IF ended_n IS NOT NULL THEN
    UPDATE counter SET audit_n = ended_n, audit_link = ended_link;
  END IF;

  INSERT INTO raw_push (install_id, received_at, sha256, body)
    SELECT new.install_id, push_write.received, new.sha256, new.body
    FROM ROWS FROM (json_to_recordset(pushes) AS (install_id text, sha256 text), unnest(raws))
      AS new (install_id, sha256, body);
  UPDATE install SET last_seen = push_write.received
    FROM (SELECT DISTINCT install_id FROM json_to_recordset(pushes) AS new (install_id text)) AS came
    WHERE install.install_id = came.install_id;
END $$;
"""

# A record's values would be read twice of a text: once to find where they end, once to keep them.
RECORDS_READ_ONCE: LiteralString = WRITTEN_APART.replace("ops json, records json,", "ops json, records jsonb,").replace(
    " json_to_recordset(records)", " jsonb_to_recordset(records)"
)
