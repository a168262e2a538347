// Records as a person sees them: a page and its cursor together, own ops drawn over, search rows kept right.
import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { search } from '../../static/js/core/search.js';
import { UNSIGNED } from '../../static/js/data/word.js';
import { AREA, NOW, household, member, page, phone, resultFor, visit } from './data_phone.js';

const update = (fields) => ({ entity: 'household', id: 'h1', kind: 'update', area: AREA, base_rev: 1, fields });

test('a page brings records, search rows and the cursor', async () => {
  const { store } = await phone();
  await store.applyPage(page([household('h1'), member('m1', 'h1')], { cursor: 'e.1.7' }));
  assert.equal(await store.cursor(), 'e.1.7');
  assert.equal((await store.members('h1')).length, 1);
  assert.deepEqual(search(await store.rows(), '侯会琴', 20).map((row) => row.id), ['h1']);
});

test('all of a kind holds what was made here and is still open', async () => {
  const { store, outbox } = await phone();
  await store.applyPage(page([{ kind: 'issue', id: 'i1', area: AREA, rev: 1, seq: 2, fields: { state: 'open' }, since: {} }]));
  const said = (value) => ({ old: null, new: value });
  await outbox.append([{ entity: 'issue', id: 'i2', kind: 'create', area: AREA, base_rev: 0, fields: { state: said('open') } }], 'h1');
  await outbox.append([{ entity: 'issue', id: 'i1', kind: 'update', area: AREA, base_rev: 1, fields: { state: { old: 'open', new: 'fixing' } } }], 'h1');
  const issues = await store.all('issue');
  assert.deepEqual(issues.map((one) => [one.id, one.fields.state]), [['i1', 'fixing'], ['i2', 'open']]);
});

test('a page that fails half-way leaves the cursor where it was', async () => {
  const { store } = await phone();
  await store.applyPage(page([household('h1')], { cursor: 'e.1.1' }));
  await assert.rejects(store.applyPage(page([household('h2'), { kind: 'household' }], { cursor: 'e.1.9' })));
  assert.equal(await store.cursor(), 'e.1.1');
  assert.equal(await store.get('household', 'h2'), null);
});

test('the first download is complete only after its last page', async () => {
  const { store } = await phone();
  await store.applyPage(page([household('h1')], { more: true }));
  assert.equal(await store.complete(), false);
  await store.applyPage(page([household('h2')]));
  assert.equal(await store.complete(), true);
});

test('an own update shows at once, in the record and in the search, and is marked pending', async () => {
  const { store, outbox } = await phone();
  await store.applyPage(page([household('h1')]));
  await outbox.append([update({ head_name: { old: '魏家德', new: '魏林明' } })], 'h1');
  const seen = await store.get('household', 'h1');
  assert.deepEqual([seen.fields.head_name, seen.pending], ['魏林明', 1]);
  assert.equal(search(await store.rows(), '魏林明', 20).length, 1);
  assert.equal(search(await store.rows(), '魏家德', 20).length, 0);
});

test('a visit made here is in the household\'s history before it is sent', async () => {
  const { store, outbox } = await phone();
  await store.applyPage(page([household('h1'), household('h2')]));
  await outbox.append([visit('v1', 'h1')], 'h1');
  assert.deepEqual((await store.visits('h1')).map((one) => one.id), ['v1']);
  assert.deepEqual(await store.visits('h2'), []);
});

test('the overlay goes when the pulled record has reached the op\'s seq, not before', async () => {
  const { store, outbox } = await phone();
  await store.applyPage(page([household('h1', { road: '01' })]));
  await outbox.append([update({ road: { old: '01', new: '03' } })], 'h1');
  const rows = await outbox.toOffer('inst', 50);
  await outbox.noteResults(rows, { server_id: 's', epoch: 'e', results: [resultFor(rows[0], 'node')] }, NOW, UNSIGNED);
  await store.applyPage(page([household('h1', { road: '01' }, { seq: 100 })]));
  assert.equal((await store.get('household', 'h1')).fields.road, '03');
  await store.applyPage(page([household('h1', { road: '04' }, { seq: 101 })]));
  const seen = await store.get('household', 'h1');
  assert.deepEqual([seen.fields.road, seen.pending], ['04', undefined]);
  assert.equal((await outbox.overlaid()).length, 0);
});

test('an op set aside by the server is not drawn over the record', async () => {
  const { store, outbox } = await phone();
  await store.applyPage(page([household('h1', { road: '01' })]));
  await outbox.append([update({ road: { old: '01', new: '03' } })], 'h1');
  const rows = await outbox.toOffer('inst', 50);
  await outbox.noteResults(rows, { server_id: 's', epoch: 'e', results: [{ ...resultFor(rows[0], 'node'), status: 'quarantined' }] }, NOW, UNSIGNED);
  assert.equal((await store.get('household', 'h1')).fields.road, '01');
});

test('a deleted record goes, and so does its row', async () => {
  const { store } = await phone();
  await store.applyPage(page([household('h1'), member('m1', 'h1')]));
  await store.applyPage(page([{ ...household('h1'), deleted: true, fields: {} }]));
  assert.equal(await store.get('household', 'h1'), null);
  assert.deepEqual(await store.rows(), []);
});

test('forgetting the pulled records leaves the outbox alone', async () => {
  const { store, outbox } = await phone();
  await store.applyPage(page([household('h1')]));
  await outbox.append([visit('v1')], 'h1');
  await store.clear();
  assert.equal(await store.cursor(), null);
  assert.equal(await outbox.unconfirmed(), 1);
});
