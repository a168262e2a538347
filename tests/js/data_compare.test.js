// The net under the pull: a row corrupted, removed or put in by hand in IndexedDB is found by digest and mended.
import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { bucketOf, createSums, differing, fingerprint } from '../../static/js/core/digest.js';
import { hex } from '../../static/js/core/sha256.js';
import { compare, isDue } from '../../static/js/data/compare.js';
import { AREA, NOW, household, member, page, phone, tamper } from './data_phone.js';

const vectors = JSON.parse(readFileSync(new URL('../vectors/digest.json', import.meta.url), 'utf8'));

for (const { record, bucket, fingerprint: expected } of vectors.records) {
  test(`the fingerprint of ${record.id} is that of the vectors`, () => {
    assert.equal(hex(fingerprint(record)), expected);
    assert.equal(bucketOf(record.kind, record.id), bucket);
  });
}

/** A node that answers from a list of records, as sync/service.py does. */
function node(records) {
  const who = { server_id: 's', epoch: 'e' };
  const there = { records, moved: false, asked: [], status: 200 };
  there.api = {
    async get(path) {
      there.asked.push(path);
      if (there.status !== 200) return { kind: 'refused', status: there.status };
      if (there.moved) return { kind: 'ok', data: { ...who, places: {}, moved: true } };
      const asked = new URL(path, 'http://node').searchParams;
      if (path.includes('/bucket')) {
        const wanted = new Set(asked.get('buckets').split(',').map(Number));
        const found = there.records.filter((one) => one.area.slice(0, 12) === asked.get('place') && wanted.has(bucketOf(one.kind, one.id)));
        return { kind: 'ok', data: { ...who, records: structuredClone(found) } };
      }
      const sums = createSums();
      there.records.forEach((one) => sums.add(one));
      const next = sums.places().sort().find((place) => place > asked.get('after'));
      return { kind: 'ok', data: { ...who, places: next ? { [next]: { buckets: sums.of(next) } } : {}, more: Boolean(next) } };
    },
  };
  return there;
}

async function rig() {
  const parts = await phone();
  const records = Array.from({ length: 30 }, (_, n) => household(`h${n}`, { head_name: `户${n}` }, { seq: n }));
  records.push(member('m1', 'h3', {}, { area: `${AREA}01` }), { ...household('c1'), kind: 'area', area: '500156' });
  await parts.store.applyPage(page(records, { cursor: 'e.1.40' }));
  const there = node(records);
  const run = async () => {
    const trouble = await compare({ api: there.api, store: parts.store, outbox: parts.outbox, session: parts.session, now: () => NOW }, 't');
    return trouble ?? (await parts.store.meta('compared'));
  };
  return { ...parts, there, run };
}

test('brief dates have the fingerprint of what they stand for', () => {
  const whole = household('h1', {}, { since: { code: '2026-01-01', head_name: '2026-01-01', group: '2026-01-01', house_no: '2025-05-05', status: '2026-01-01' } });
  assert.equal(hex(fingerprint({ ...whole, since: ['2026-01-01', { house_no: '2025-05-05' }] })), hex(fingerprint(whole)));
});

test('a phone that agrees asks for no bucket', async () => {
  const { there, run } = await rig();
  assert.deepEqual([(await run()).result, there.asked.filter((path) => path.includes('/bucket'))], ['same', []]);
});

test('a corrupted, a removed and a ghost row are mended, search rows with them, and nothing else is fetched', async () => {
  const { store, there, run, db } = await rig();
  const false5 = { ...household('h5', { head_name: '假' }), seq: 5 };
  const away7 = { ...household('h7', { head_name: '户7' }, { seq: 7 }), area: '500156109999' };
  await tamper(db, (records) => [...records.filter(({ kind, id }) => kind !== 'household' || !['h5', 'h6', 'h7'].includes(id)), false5, away7, household('ghost')]);
  const found = await run();
  assert.equal(found.result, 'mended');
  assert.deepEqual(Object.fromEntries(found.why.map(([, id, why]) => [id, why])),
    { h5: 'differs', h6: 'missing', ghost: 'extra', h7: 'differs' });
  assert.deepEqual((await store.get('household', 'h5')).fields.head_name, '户5');
  assert.equal((await store.get('household', 'h7')).area, AREA);
  assert.equal(await store.get('household', 'ghost'), null);
  assert.deepEqual((await store.rows()).map((row) => row.id).sort(), Array.from({ length: 30 }, (_, n) => `h${n}`).sort());
  assert.equal(await store.cursor(), 'e.1.40', 'the place in the log stays');
  const buckets = there.asked.filter((path) => path.includes('/bucket')).join();
  assert.ok(buckets.length < 300, 'only the buckets that differ');
  assert.equal((await run()).result, 'same');
});

test('a household with an op that is still open is never dropped', async () => {
  const { store, outbox, there, run } = await rig();
  await outbox.append([{ entity: 'household', id: 'h9', kind: 'update', area: AREA, fields: { head_name: { old: '户9', new: '改' } } }], 'h9');
  there.records = there.records.filter((one) => one.id !== 'h9' && one.id !== 'h8');
  const found = await run();
  assert.deepEqual(found.why, [['household', 'h8', 'extra']]);
  assert.equal((await store.get('household', 'h9')).fields.head_name, '改');
});

test('without the guard it would be dropped', async () => {
  const { store, outbox, there, run } = await rig();
  await outbox.append([{ entity: 'household', id: 'h9', kind: 'update', area: AREA, fields: { head_name: { old: '户9', new: '改' } } }], 'h9');
  outbox.openRecords = async () => new Set();
  there.records = there.records.filter((one) => one.id !== 'h9');
  await run();
  assert.equal(await store.get('household', 'h9'), null);
});

test('while the node is ahead nothing is touched, and an older node is no trouble', async () => {
  const { store, there, run, db } = await rig();
  await tamper(db, (records) => records.filter(({ kind, id }) => kind !== 'household' || id !== 'h6'));
  there.moved = true;
  assert.equal((await run()).result, 'moved');
  assert.equal(await store.get('household', 'h6'), null);
  there.status = 404;
  assert.equal((await run()).result, 'unsupported');
  there.status = 401;
  assert.equal((await run()).kind, 'refused');
});

for (const [name, reply] of [['a list', []], ['nothing of ours', {}], ['another server', { server_id: 'x', epoch: 'e', places: {} }],
  ['another life of the server', { server_id: 's', epoch: 'f', places: {} }], ['no places', { server_id: 's', epoch: 'e' }]]) {
  test(`${name} for an answer empties no register`, async () => {
    const { store, there, run } = await rig();
    there.api.get = async () => ({ kind: 'ok', data: reply });
    assert.equal((await run()).kind, 'offline');
    assert.equal((await store.rows()).length, 30);
  });
}

test('once a day, sooner after one that could not be finished, and when the clock went back', async () => {
  const { store } = await rig();
  assert.equal(await isDue(store, NOW), true);
  const at = (hours) => new Date(NOW.getTime() + hours * 3600_000);
  await store.setMeta('compared', { at: NOW.toISOString(), result: 'same' });
  assert.deepEqual(await Promise.all([1, 23, 24, -1].map((hours) => isDue(store, at(hours)))), [false, false, true, true]);
  await store.setMeta('compared', { at: NOW.toISOString(), result: 'moved' });
  assert.equal(await isDue(store, at(1)), true);
});

test('two records that swapped their values are noticed', () => {
  const [one, two] = [createSums(), createSums()];
  [household('h1', { head_name: 'a' }), household('h2', { head_name: 'b' })].forEach(one.add);
  [household('h1', { head_name: 'b' }), household('h2', { head_name: 'a' })].forEach(two.add);
  assert.equal(differing(one.of(AREA), two.of(AREA)).length, 2);
});
