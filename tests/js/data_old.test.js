// I14: a phone of the version before is updated with a full outbox and an open draft. Its databases were recorded
// from that version (tests/vectors/old/v1); today's code opens them, loses nothing, and understands old answers.
import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { IDBFactory } from 'fake-indexeddb';
import { openDB } from 'idb';
import { opHash } from '../../static/js/core/canonical.js';
import { createApi } from '../../static/js/data/api.js';
import { openDatabases } from '../../static/js/data/db.js';
import { createFormstore } from '../../static/js/data/formstore.js';
import { createLog } from '../../static/js/data/log.js';
import { createOutbox } from '../../static/js/data/outbox.js';
import { createSession } from '../../static/js/data/session.js';
import { createStore } from '../../static/js/data/store.js';
import { createSync } from '../../static/js/data/sync-loop.js';
import { memoryMarker } from './data_phone.js';

const read = (name) => JSON.parse(readFileSync(new URL(`../vectors/old/v1/${name}`, import.meta.url), 'utf8'));
const PHONE = read('phone.json');
const { recorded, unsent } = read('exchange.json');
const UNSENT = JSON.parse(unsent.body).ops;
const now = () => new Date('2026-11-28T08:15:00.000Z');

const withBytes = (value) => JSON.parse(JSON.stringify(value), (_key, one) => {
  if (!one || typeof one !== 'object' || typeof one.base64 !== 'string') return one;
  return Uint8Array.from(Buffer.from(one.base64, 'base64')).buffer;
});

/** The database as it lay on the phone. */
async function putBack(name) {
  const { version, stores } = PHONE[name];
  const db = await openDB(name, version, {
    upgrade(fresh) {
      for (const [store, { keyPath, autoIncrement, indexes }] of Object.entries(stores)) {
        const made = fresh.createObjectStore(store, { keyPath: keyPath ?? undefined, autoIncrement });
        for (const index of indexes) made.createIndex(index.name, index.keyPath, { unique: index.unique });
      }
    },
  });
  for (const [store, { rows }] of Object.entries(stores)) {
    // JSON has no ArrayBuffer: the reviver gives them back.
    for (const row of rows) await db.put(store, withBytes(row));
  }
  db.close();
}

async function updatedPhone() {
  globalThis.indexedDB = new IDBFactory();
  await putBack('ruhu-data');
  await putBack('ruhu-outbox');
  const db = openDatabases();
  const marker = memoryMarker();
  marker.setItem('ruhu-install', PHONE.marker);
  const session = createSession({ db, marker });
  await session.load();
  const outbox = createOutbox({ db, session, now, ids: () => 'new', bootId: 'boot', monotonic: () => 1 });
  const store = createStore({ db, outbox });
  return { db, session, outbox, store };
}

/** A server of the version before: its recorded answers, and a push answered in their shape. */
function oldServer() {
  const server = { pushed: [], blobs: [], hellos: [], pulled: 0 };
  const answer = (path) => recorded.filter((one) => one.path.startsWith(path)).pop();
  server.fetch = async (url, { method, body, headers }) => {
    const path = String(url);
    const sent = body && (headers['Content-Encoding'] === 'gzip' ? gunzipSync(Buffer.from(body)) : Buffer.from(body)).toString();
    const say = (text, status = 200, type = 'application/json') => new Response(text, { status, headers: { 'Content-Type': type } });
    if (path.startsWith('/sync/v1/hello')) {
      server.hellos.push(JSON.parse(sent));
      return say(answer('/sync/v1/hello').reply);
    }
    if (path.startsWith('/sync/v1/push')) return say(JSON.stringify(server.take(JSON.parse(sent))));
    if (path.startsWith('/sync/v1/receipts')) return say('{"receipts":[]}');
    if (path.startsWith('/sync/v1/pull')) {
      const page = JSON.parse(answer('/sync/v1/pull').reply);
      return say(JSON.stringify(server.pulled++ ? { ...page, records: [] } : page));
    }
    if (path.startsWith('/sync/v1/blob/') && method === 'HEAD') return say(null, 404);
    if (path.startsWith('/sync/v1/blob/')) {
      server.blobs.push(path.split('/').pop());
      return say(null, 201);
    }
    if (path.startsWith('/forms/')) return say(answer('/forms/').reply, 200, 'text/html');
    return say('{"error":{"code":"not_found","message":"","next":""}}', 404);
  };
  server.take = ({ ops }) => {
    const before = JSON.parse(answer('/sync/v1/push').reply);
    const [like] = before.results;
    server.pushed.push(...ops);
    return {
      ...before, acked_dseq: { [ops[0].install_id]: ops[ops.length - 1].dseq },
      results: ops.map((op) => ({ ...like, op_id: op.op_id, receipt: { ...like.receipt, op_id: op.op_id, hash: op.hash } })),
    };
  };
  return server;
}

test('after the update the outbox, the draft, the register and who is signed in are there', async () => {
  const { db, session, outbox, store } = await updatedPhone();
  assert.equal(session.install_id, PHONE.marker);
  assert.equal(session.user.id, 'u-cadre');
  const rows = await db.outbox.run((idb) => idb.getAll('op'));
  const before = withBytes(PHONE['ruhu-outbox'].stores.op.rows);
  assert.deepEqual(rows, before, 'not one byte of an op was touched');
  for (const row of rows) assert.equal(opHash(row.op), row.hash, 'hashes of then are hashes of today');
  const drafts = await db.data.run((idb) => idb.getAll('draft'));
  assert.deepEqual(drafts, withBytes(PHONE['ruhu-data'].stores.draft.rows));
  const works = await outbox.works();
  assert.deepEqual(works.map((work) => work.state).sort(), ['confirmed', 'confirmed', 'queued', 'queued', 'queued']);
  assert.equal(await outbox.unconfirmed(), 3);
  assert.equal((await store.rows()).length, 1);
  assert.equal((await store.get('household', 'h-ran')).fields.water_safe, 'yes', 'with the open ops of then drawn over it');
});

test('its next number goes on from the last', async () => {
  const { outbox, session } = await updatedPhone();
  assert.equal(await outbox.lastDseq(session.install_id), 8);
  await outbox.append([{ entity: 'visit', id: 'v9', kind: 'create', area: '500156105203', fields: { outcome: { old: null, new: 'met' } } }], 'h-ran');
  assert.equal(await outbox.lastDseq(session.install_id), 9);
});

test('everything unsent goes up, as it was made, also to a server of the version before', async () => {
  const parts = await updatedPhone();
  const server = oldServer();
  const api = createApi({ fetch: server.fetch, timeoutMs: 500 });
  const formstore = createFormstore({ db: parts.db, store: parts.store, api });
  const log = createLog({ db: parts.db, now });
  const sync = createSync({ ...parts, api, log, formstore, now, locks: null, timers: { set: () => {}, clear: () => {} } });
  assert.equal(await sync.run(), true, JSON.stringify(sync.state));
  assert.deepEqual(server.pushed, UNSENT);
  const photos = PHONE['ruhu-outbox'].stores.blob.rows.filter((row) => row.unsent).map((row) => row.sha256);
  assert.deepEqual(server.blobs, photos);
  assert.deepEqual((await parts.outbox.works()).map((work) => work.state), Array(5).fill('confirmed'));
  assert.equal(await parts.outbox.unconfirmed(), 0);
  // An older server does not know digests: that is told, and no trouble.
  assert.equal(await sync.run(), true);
  assert.equal((await parts.store.meta('compared')).result, 'unsupported');
  assert.ok(server.hellos.every((hello) => hello.install_id === PHONE.marker && hello.dseq === 8));
});

test('an outbox that a migration touched would be noticed', async () => {
  const { db } = await updatedPhone();
  await db.outbox.run((idb) => idb.delete('op', [PHONE.marker, 6]));
  const rows = await db.outbox.run((idb) => idb.getAll('op'));
  assert.notDeepEqual(rows, withBytes(PHONE['ruhu-outbox'].stores.op.rows));
});
