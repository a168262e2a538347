// A round of syncing against a scripted node: order, halving, epochs, stale cursors, captive portals, refused keys.
import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { createApi } from '../../static/js/data/api.js';
import { LONGEST_WAIT_MS, MAX_BYTES, batchOf, waitMs } from '../../static/js/data/backoff.js';
import { createFormstore } from '../../static/js/data/formstore.js';
import { createLog } from '../../static/js/data/log.js';
import { createSync } from '../../static/js/data/sync-loop.js';
import { NOW, SIGN_IN, household, page, phone, receiptFor, visit } from './data_phone.js';

/** A node in a few lines: it keeps ops by dseq and answers as the protocol says. */
function scriptedNode() {
  const node = {
    epoch: 'e', ops: [], pages: [page([])], requests: [], tier: 'node', override: null,
    async fetch(url, { method, body, headers }) {
      const path = url.replace(/\?.*/, '');
      node.requests.push(`${method} ${path}`);
      const overridden = await node.override?.(path, { method, body, headers });
      if (overridden) return overridden;
      if (path.endsWith('/hello')) return json({ server_id: 's', epoch: node.epoch, tier: node.tier, acked_dseq: { inst: node.ops.length }, time: NOW.toISOString() });
      if (path.endsWith('/push')) return json(node.take(JSON.parse(plain(body, headers)).ops));
      if (path.endsWith('/receipts')) return json({ receipts: [] });
      if (path.endsWith('/digest')) return json({ error: { code: 'not_found' } }, 404);
      if (path.endsWith('/pull')) return json(node.pages.length > 1 ? node.pages.shift() : node.pages[0]);
      return json([]);
    },
    take(ops) {
      const results = ops.map((op) => {
        if (op.dseq > node.ops.length + 1) return { op_id: op.op_id, status: 'retry', receipt: null };
        if (op.dseq === node.ops.length + 1) node.ops.push(op);
        return { op_id: op.op_id, status: 'applied', rev: 1, seq: op.dseq, receipt: { ...receiptFor(op, node.tier, node.epoch), hash: op.hash } };
      });
      return { server_id: 's', epoch: node.epoch, results, acked_dseq: { inst: node.ops.length }, expected: { inst: node.ops.length + 1 } };
    },
  };
  return node;
}
const json = (value, status = 200, headers = {}) => new Response(JSON.stringify(value), { status, headers: { 'Content-Type': 'application/json', ...headers } });
const plain = (body, headers) => (headers['Content-Encoding'] === 'gzip' ? gunzipSync(Buffer.from(body)) : Buffer.from(body)).toString();

async function rig(options) {
  const parts = await phone(options);
  const node = scriptedNode();
  const now = () => NOW;
  const api = createApi({ fetch: (url, init) => node.fetch(String(url), init), timeoutMs: 300 });
  const log = createLog({ db: parts.db, now });
  const formstore = createFormstore({ db: parts.db, store: parts.store, api });
  const waits = [];
  const sync = createSync({
    ...parts, api, log, formstore, now, random: () => 0.5, locks: null,
    timers: { set: (_fn, ms) => waits.push(ms), clear: () => {} },
  });
  return { ...parts, node, api, log, sync, waits };
}

test('ops go up in order and get two ticks; records come down', async () => {
  const { node, outbox, store, sync } = await rig();
  for (const id of ['v1', 'v2', 'v3']) await outbox.append([visit(id)], 'h1');
  node.pages = [page([household('h1')], { more: true }), page([household('h2')])];
  assert.equal(await sync.run(), true);
  assert.deepEqual(node.ops.map((op) => op.dseq), [1, 2, 3]);
  assert.deepEqual((await outbox.works()).map((work) => work.state), ['sent', 'sent', 'sent']);
  assert.equal((await store.rows()).length, 2);
});

test('two pages travel while one is written, not more, and all are taken in, in order', async () => {
  const { node, store, sync, db } = await rig();
  node.pages = Array.from({ length: 6 }, (_, n) => page([household(`h${n}`)], { cursor: `e.1.${n + 1}`, more: n < 5 }));
  const ahead = [];
  node.override = async (path) => {
    if (!path.includes('/pull')) return null;
    const written = Number((await store.cursor())?.split('.')[2] ?? 0);
    ahead.push((6 - node.pages.length) - written);
    return json(node.pages.shift());
  };
  const take = store.applyPage;
  store.applyPage = async (one) => {
    await new Promise((done) => { setTimeout(done, 20); });
    return take(one);
  };
  assert.equal(await sync.run(), true);
  assert.equal(Math.max(...ahead), 2);
  assert.deepEqual((await store.rows()).map(({ id }) => id).sort(), ['h0', 'h1', 'h2', 'h3', 'h4', 'h5']);
  assert.equal(await store.cursor(), 'e.1.6');
  assert.equal(await db.data.run((idb) => idb.count('block')), 6);
});

test('of a page that another server slips in nothing is taken, and nothing more is asked of it', async () => {
  const { node, store, sync } = await rig();
  node.pages = [page([household('h1')], { cursor: 'e.1.1', more: true }), page([household('evil')], { server_id: 'x', cursor: 'e.1.2', more: true }), page([household('h3')])];
  assert.equal(await sync.run(), false);
  assert.deepEqual([(await store.rows()).map(({ id }) => id), await store.cursor(), node.pages.length], [['h1'], 'e.1.1', 1]);
});

test('a reply lost after the node took the ops makes no second effect', async () => {
  const { node, outbox, sync } = await rig();
  await outbox.append([visit('v1')], 'h1');
  let lost = false;
  node.override = async (path, { body, headers }) => {
    if (!path.endsWith('/push') || lost) return null;
    lost = true;
    node.take(JSON.parse(plain(body, headers)).ops);
    throw new TypeError('connection reset');
  };
  assert.equal(await sync.run(), false);
  assert.equal(await outbox.unconfirmed(), 1);
  assert.equal(await sync.run(), true);
  assert.equal(node.ops.length, 1);
});

test('a batch that times out is halved', async () => {
  const { node, outbox, sync } = await rig();
  for (let i = 0; i < 8; i++) await outbox.append([visit(`v${i}`)], 'h1');
  const sizes = [];
  node.override = async (path, { body, headers }) => {
    if (!path.endsWith('/push')) return null;
    sizes.push(JSON.parse(plain(body, headers)).ops.length);
    return sizes.at(-1) > 2 ? json({ error: { code: 'too_large' } }, 413) : null;
  };
  assert.equal(await sync.run(), true);
  assert.deepEqual(sizes, [8, 4, 2, 2, 2, 2]);
});

test('a captive portal is no answer: nothing is ticked and the log says what to do', async () => {
  const { node, outbox, log, sync } = await rig();
  await outbox.append([visit('v1')], 'h1');
  node.override = async () => new Response('<html>sign in to the Wi-Fi</html>', { headers: { 'Content-Type': 'text/html' } });
  assert.equal(await sync.run(), false);
  assert.equal((await outbox.works())[0].state, 'queued');
  const [entry] = await log.entries();
  assert.match(entry.text, /Wi-Fi/);
  assert.ok(entry.next);
});

test('redirects are not followed', async () => {
  const { api } = await rig();
  const seen = [];
  const strict = createApi({ fetch: async (_url, init) => { seen.push(init.redirect); return new Response(null, { status: 302 }); } });
  assert.deepEqual(await strict.get('/x'), { kind: 'offline', cause: 'captive' });
  assert.deepEqual(seen, ['manual']);
  assert.ok(api);
});

test('another server at the same address gets nothing', async () => {
  const { node, outbox, sync } = await rig();
  await outbox.append([visit('v1')], 'h1');
  node.override = async (path) => (path.endsWith('/hello') ? json({ server_id: 'other', epoch: 'x', acked_dseq: {}, time: '' }) : null);
  assert.equal(await sync.run(), false);
  assert.equal(node.ops.length, 0);
  assert.equal(sync.state.trouble.text, '这个网址上换了一台服务器');
});

test('a restored node (new epoch) is offered again what it lost', async () => {
  const { node, outbox, sync } = await rig();
  for (const id of ['v1', 'v2', 'v3']) await outbox.append([visit(id)], 'h1');
  await sync.run();
  node.ops.length = 1;
  node.epoch = 'e2';
  await sync.run();
  assert.deepEqual(node.ops.map((op) => op.dseq), [1, 2, 3]);
});

test('a stale cursor starts the pull again and touches no unsent work', async () => {
  const { node, outbox, store, sync } = await rig();
  await store.applyPage(page([household('gone')], { cursor: 'old.1.1' }));
  await outbox.append([visit('v1')], 'h1');
  let refused = false;
  node.override = async (path) => {
    if (path.endsWith('/push')) return json({ error: { code: 'too_busy' } }, 503, { 'Retry-After': '7' });
    if (!path.endsWith('/pull') || refused) return null;
    refused = true;
    return json({ error: { code: 'cursor_stale' } }, 409);
  };
  node.pages = [page([household('h1')])];
  await sync.run();
  assert.equal(await store.get('household', 'gone'), null);
  assert.ok(await store.get('household', 'h1'), 'a refused push does not keep news away');
  assert.equal(await outbox.unconfirmed(), 1);
});

test('Retry-After is the least the next try waits', async () => {
  const { node, outbox, sync, waits } = await rig();
  await outbox.append([visit('v1')], 'h1');
  node.override = async (path) => (path.endsWith('/push') ? json({ error: { code: 'busy' } }, 503, { 'Retry-After': '700' }) : null);
  await sync.run();
  assert.deepEqual(waits, [700_000]);
});

test('a refused key keeps the work; after signing in again it goes up with the new key', async () => {
  const { node, outbox, session, sync } = await rig();
  await outbox.append([visit('v1')], 'h1');
  let known = false;
  node.override = async () => (known ? null : json({ error: { code: 'unknown_token' } }, 401));
  await sync.run();
  assert.equal(await outbox.unconfirmed(), 1);
  known = true;
  await session.signIn({ ...SIGN_IN, install_id: 'inst2', token: 't2' }, NOW);
  await sync.run();
  assert.deepEqual(node.ops.map((op) => op.install_id), ['inst']);
});

test('signing out with unsent work keeps the key until the node has it all', async () => {
  const { node, outbox, session, sync } = await rig();
  await outbox.append([visit('v1')], 'h1');
  await session.signOut(true);
  assert.equal(session.user, null);
  node.tier = 'centre';
  await sync.run();
  assert.equal(node.ops.length, 1);
  assert.ok(node.requests.includes('POST /api/sign-out'));
  assert.deepEqual(session.installs, []);
});

test('length and digest are of the bytes sent', async () => {
  let sent;
  const api = createApi({ fetch: async (_url, init) => { sent = init; return json({}); } });
  await api.post('/x', { text: '入户'.repeat(2000) });
  assert.equal(sent.headers['Content-Encoding'], 'gzip');
  assert.equal(sent.headers['Ruhu-Length'], String(sent.body.length));
  assert.equal(sent.headers['Content-Digest'], `sha-256=:${createHash('sha256').update(sent.body).digest('base64')}:`);
});

test('a wiped browser store is noticed by the mark outside it', async () => {
  const first = await phone();
  const second = await phone({ signedIn: false, marker: first.marker });
  assert.equal(second.session.lost.install_id, 'inst');
  const fresh = await phone({ signedIn: false });
  assert.equal(fresh.session.lost, null);
});

test('waits double from 2 s to 15 min, at least half of it fixed', () => {
  assert.deepEqual([1, 2, 3].map((n) => waitMs(n, 0)), [1000, 2000, 4000]);
  assert.equal(waitMs(40, 1), LONGEST_WAIT_MS);
  assert.ok(waitMs(40, 0) >= LONGEST_WAIT_MS / 2);
});

test('a batch stays under the limits, but holds at least one op', () => {
  const big = { op: { text: 'x'.repeat(MAX_BYTES) } };
  const small = { op: {} };
  assert.equal(batchOf([big, small], 50).length, 1);
  assert.equal(batchOf([small, big], 50).length, 1);
  assert.equal(batchOf(Array(80).fill(small), 50).length, 50);
});

test('what the centre has not confirmed is looked for soon, then ever less often; with nothing open every five minutes', async () => {
  const { outbox, sync, waits } = await rig();
  await sync.run();
  await outbox.append([visit('v1')], 'h1');
  for (let round = 0; round < 10; round++) await sync.run();
  assert.deepEqual(waits.slice(0, 5), [300_000, 3_000, 6_000, 12_000, 24_000]);
  assert.equal(waits.at(-1), 300_000);
  await outbox.append([visit('v2')], 'h1');
  await sync.run();
  assert.equal(waits.at(-1), 3_000);
});

test('a phone compares once a day after a quiet round, and tells the node how it went', async () => {
  const { node, outbox, store, sync } = await rig();
  const asked = () => node.requests.filter((request) => request.includes('/digest')).length;
  await outbox.append([visit('v1')], 'h1');
  await sync.run();
  assert.equal(asked(), 0, 'not in a round that sent something');
  await sync.run();
  await sync.run();
  assert.equal(asked(), 1);
  assert.equal((await store.meta('compared')).result, 'unsupported');
  const hellos = [];
  node.override = async (path, { body, headers }) => { if (path.endsWith('/hello')) hellos.push(JSON.parse(plain(body, headers))); };
  await sync.run();
  assert.equal(hellos[0].compared.result, 'unsupported');
});

test('a photo has three ticks when the centre has it; what the node lost goes up again', async () => {
  const { node, outbox, sync } = await rig();
  const blob = { sha256: 'ab', size: 1, type: 'image/jpeg', bytes: new ArrayBuffer(1) };
  await outbox.append([visit('v1')], 'h1', [blob]);
  node.tier = 'centre'; // the op itself is safe at once
  let place = 'here';
  let taken = 0;
  node.override = async (path, { method }) => {
    if (path.endsWith('/hello')) return json({ server_id: 's', epoch: 'e', tier: 'node', acked_dseq: { inst: node.ops.length }, time: NOW.toISOString() });
    if (method === 'HEAD') return json({}, 404);
    if (method === 'PUT') return new Response(null, { status: (taken += 1) && 201, headers: { 'Upload-Offset': '1' } });
    return path.endsWith('/blobs') ? json({ blobs: { ab: place } }) : null;
  };
  const state = async () => [await outbox.unconfirmed(), (await outbox.works())[0].state, taken];
  await sync.run();
  assert.deepEqual(await state(), [1, 'sent', 1]);
  place = '';
  await sync.run();
  assert.deepEqual(await state(), [1, 'queued', 1]);
  place = 'centre';
  await sync.run();
  assert.deepEqual(await state(), [0, 'confirmed', 2]);
});
