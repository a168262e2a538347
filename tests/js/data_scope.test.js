// Areas that change, long absence, records erased by law: nothing unsent is lost, nothing foreign stays.
import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createApi } from '../../static/js/data/api.js';
import { createFormstore } from '../../static/js/data/formstore.js';
import { createLog } from '../../static/js/data/log.js';
import { createSync } from '../../static/js/data/sync-loop.js';
import { UNSIGNED } from '../../static/js/data/word.js';
import { AREA, NOW, household, member, page, phone, pulled, receiptFor, resultFor, visit } from './data_phone.js';

const ELSEWHERE = '500156102204';
const json = (value, status = 200, headers = {}) => new Response(JSON.stringify(value), { status, headers: { 'Content-Type': 'application/json', ...headers } });
const moved = (id) => household(id, {}, { area: ELSEWHERE });
const everything = (parts) => pulled(parts.db);

/** A node whose areas for this phone can change; pushes answers to a push, or refuses it. */
async function rig() {
  const parts = await phone();
  const node = { scope: 'one', requests: [], pages: { one: [page([household('h1'), member('m1', 'h1'), household('h2')], { cursor: 'e.one.9', scope_version: 'one' })] },
    refusePush: null, tier: 'centre', grants: undefined };
  const fetch = async (url, { body }) => {
    const { pathname, searchParams } = new URL(url, 'http://node');
    node.requests.push(pathname.split('/').pop());
    if (pathname.endsWith('/hello')) return json({ server_id: 's', epoch: 'e', tier: node.tier, acked_dseq: {}, scope_version: node.scope, grants: node.grants, time: NOW.toISOString() });
    if (pathname.endsWith('/push')) {
      if (node.refusePush) return node.refusePush();
      const { ops } = JSON.parse(Buffer.from(body).toString());
      return json({ server_id: 's', epoch: 'e', results: ops.map((op) => ({ ...resultFor(op, node.tier), receipt: receiptFor(op, node.tier) })), acked_dseq: {} });
    }
    if (pathname.endsWith('/receipts')) return json({ receipts: [] });
    if (pathname.endsWith('/pull')) {
      const cursor = searchParams.get('cursor');
      if (node.stale || (cursor && cursor.split('.')[1] !== node.scope)) {
        const reason = node.stale || 'scope';
        node.stale = '';
        return json({ error: { code: 'cursor_stale', details: { reason } } }, 409);
      }
      const left = node.pages[node.scope];
      const answer = left.length > 1 ? left.shift() : left[0];
      return answer ? json(answer) : json({ error: { code: 'busy' } }, 503);
    }
    return json([]);
  };
  const api = createApi({ fetch, timeoutMs: 300 });
  const log = createLog({ db: parts.db, now: () => NOW });
  const formstore = createFormstore({ db: parts.db, store: parts.store, api });
  const sync = createSync({ ...parts, api, log, formstore, now: () => NOW, random: () => 0.5, locks: null, timers: { set: () => {}, clear: () => {} } });
  return { ...parts, node, log, sync };
}
const plainBodies = () => { delete globalThis.CompressionStream; };

test('after an area change the outbox goes up first, then nothing of the old area is left', async () => {
  plainBodies();
  const parts = await rig();
  const { node, sync, outbox, store, session, log } = parts;
  await sync.run();
  await outbox.append([visit('v1', 'h1'), { ...visit('h9'), entity: 'household', fields: { head_name: { old: null, new: '新登记' } } }], 'h1');
  node.scope = 'two';
  node.grants = [{ role: 'cadre', area: ELSEWHERE }];
  node.pages.two = [page([moved('n1')], { cursor: 'e.two.3', more: true, scope_version: 'two' }), page([moved('n2')], { cursor: 'e.two.5', scope_version: 'two' })];
  node.requests.length = 0;
  assert.equal(await sync.run(), true);
  assert.ok(node.requests.indexOf('push') < node.requests.indexOf('pull'));
  assert.deepEqual((await everything(parts)).map((record) => record.id), ['n1', 'n2']);
  assert.deepEqual((await store.rows()).map((row) => row.id), ['n1', 'n2']);
  assert.equal(session.user?.area, ELSEWHERE);
  assert.equal(await outbox.unconfirmed(), 0);
  assert.equal(await store.get('household', 'h9'), null, 'what was made there is not drawn for ever');
  const told = (await log.entries()).map((entry) => entry.text).join();
  assert.match(told, /区域变了/);
  assert.match(told, /去掉了/);
});

test('while the push is refused nothing is left behind and nothing is dropped', async () => {
  plainBodies();
  const parts = await rig();
  const { node, sync, outbox } = parts;
  await sync.run();
  await outbox.append([visit('v1', 'h1')], 'h1');
  node.scope = 'two';
  node.pages.two = [page([moved('n1')], { cursor: 'e.two.3', scope_version: 'two' })];
  node.refusePush = () => json({ error: { code: 'busy' } }, 503, { 'Retry-After': '9' });
  assert.equal(await sync.run(), false);
  assert.deepEqual((await everything(parts)).map((record) => record.id).sort(), ['h1', 'h2', 'm1']);
  node.refusePush = null;
  assert.equal(await sync.run(), true);
  assert.deepEqual((await everything(parts)).map((record) => record.id), ['n1']);
});

test('the old stays on the screen until the new is complete, also over an interruption', async () => {
  plainBodies();
  const parts = await rig();
  const { node, sync, store } = parts;
  await sync.run();
  node.scope = 'two';
  node.pages.two = [page([moved('n1')], { cursor: 'e.two.3', more: true, scope_version: 'two' }), null];
  assert.equal(await sync.run(), false);
  assert.ok(await store.get('household', 'h1'));
  assert.equal(await store.complete(), true);
  node.pages.two = [page([moved('n2')], { cursor: 'e.two.5', scope_version: 'two' })];
  assert.equal(await sync.run(), true);
  assert.deepEqual((await everything(parts)).map((record) => record.id), ['n1', 'n2']);
});

test('what the centre has not confirmed keeps its household until it has', async () => {
  plainBodies();
  const parts = await rig();
  const { node, sync, outbox, store } = parts;
  node.tier = 'node';
  await sync.run();
  const { ops: [op] } = await outbox.append([visit('v1', 'h1')], 'h1');
  node.scope = 'two';
  node.pages.two = [page([moved('n1')], { cursor: 'e.two.3', scope_version: 'two' })];
  await sync.run();
  assert.deepEqual((await everything(parts)).map((record) => record.id).sort(), ['h1', 'n1']);
  await outbox.noteReceipts('inst', [{ dseq: 1, status: 'applied', receipt: receiptFor({ ...op, dseq: 1 }, 'centre') }], NOW, UNSIGNED);
  await sync.run();
  assert.deepEqual((await everything(parts)).map((record) => record.id), ['n1']);
  assert.equal(await store.get('household', 'h1'), null);
});

test('drafts survive a change of areas', async () => {
  plainBodies();
  const parts = await rig();
  const { node, sync, db } = parts;
  await sync.run();
  await db.data.run((idb) => idb.put('draft', { draft_id: 'd1', household_id: 'h1', form_id: 'visit', form_version: '1', updated: '' }));
  node.scope = 'two';
  node.pages.two = [page([moved('n1')], { cursor: 'e.two.3', scope_version: 'two' })];
  await sync.run();
  assert.ok(await db.data.run((idb) => idb.get('draft', 'd1')));
});

test('a removed record does not live on in a phone that was away too long', async () => {
  plainBodies();
  const parts = await rig();
  const { node, sync, log } = parts;
  await sync.run();
  node.stale = 'away';
  node.pages.one = [page([household('h2')], { cursor: 'e.one.99', scope_version: 'one' })];
  await sync.run();
  assert.deepEqual((await everything(parts)).map((record) => record.id), ['h2']);
  assert.match((await log.entries()).map((entry) => entry.text).join(), /半年多/);
});

test('what was erased by law goes from the register, the drafts and the confirmed work, and only then', async () => {
  plainBodies();
  const parts = await rig();
  const { node, sync, outbox, store, db } = parts;
  await sync.run();
  const say = (id, entity = 'household') => ({ entity, id, kind: 'update', area: AREA, base_rev: 1, fields: { note: { old: '', new: '秘密' } } });
  await outbox.append([say('h1'), say('h2')], 'h1');
  await sync.run();
  node.refusePush = () => json({ error: { code: 'busy' } }, 503);
  await outbox.append([say('h1')], 'h1');
  await db.data.run((idb) => Promise.all([idb.put('draft', { draft_id: 'd1', household_id: 'h1', form_id: 'visit', form_version: '1', updated: '' }), idb.put('draft', { draft_id: 'd2', household_id: 'h2', form_id: 'visit', form_version: '1', updated: '' })]));
  const erased = { ...household('h1'), deleted: true, fields: { erased: '1' } };
  node.pages.one = [page([erased], { cursor: 'e.one.20', scope_version: 'one' })];
  await sync.run();
  await outbox.prune(NOW);
  const bodies = async () => (await db.outbox.run((idb) => idb.getAll('op'))).map((row) => Boolean(row.op));
  assert.deepEqual(await bodies(), [false, true, true], 'unsent work goes up first');
  assert.equal(await store.get('household', 'h1'), null);
  assert.equal(await db.data.run((idb) => idb.get('draft', 'd1')), undefined);
  assert.ok(await db.data.run((idb) => idb.get('draft', 'd2')));
  node.refusePush = null;
  node.pages.one = [page([], { cursor: 'e.one.20', scope_version: 'one' })];
  await sync.run();
  assert.deepEqual(await bodies(), [false, true, false]);
});
