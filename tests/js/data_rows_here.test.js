// Rows kept for the next start count only for the very ops and records they were made of.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRowsHere } from '../../static/js/data/rows-here.js';
import { UNSIGNED } from '../../static/js/data/word.js';
import { AREA, NOW, household, member, page, resultFor } from './data_phone.js';
import { PIN, centreKeys, everything, lockedPhone, restarted } from './locked_phone.js';

const said = (old, value) => ({ old, new: value });
const change = (id, name) => ({ entity: 'household', id, kind: 'update', area: AREA, base_rev: 1, fields: { head_name: said('魏家德', name) } });

/** A phone with open ops about a dozen households, and its rows as asked for through a cache that keeps at once. */
async function rig() {
  const phone = await lockedPhone({ centre: await centreKeys() });
  await phone.store.applyPage(page(Array.from({ length: 12 }, (_, n) => [household(`h${n}`), member(`m${n}`, `h${n}`)]).flat()));
  for (let n = 0; n < 12; n++) await phone.outbox.append([change(`h${n}`, `户主${n}`)], `h${n}`);
  const due = [];
  const cache = createRowsHere({ ...phone, later: (work) => due.push(work) });
  let made = 0;
  const rows = async () => {
    const found = await cache.read(async () => { made += 1; return Promise.all(Array.from({ length: 12 }, async (_, n) => [`h${n}`, { id: `h${n}`, head: (await phone.store.get('household', `h${n}`)).fields.head_name }])); });
    for (const work of due.splice(0)) await work();
    return found.map(([, row]) => row.head);
  };
  return { ...phone, rows, due, cache, made: () => made };
}

test('the second look reads what the first one made, closed, and says the same', async () => {
  const { db, rows, made } = await rig();
  const first = await rows();
  assert.deepEqual(await rows(), first);
  assert.equal(made(), 1);
  assert.ok(!(await everything(db)).includes('户主3'));
});

for (const [what, act] of [
  ['another op', ({ outbox }) => outbox.append([change('h3', '又改')], 'h3')],
  ['an op taken back', async ({ outbox, db }) => outbox.undo((await db.outbox.run((idb) => idb.getAll('op'))).pop().op_id)],
  ['an answer', async ({ outbox }) => {
    const batch = await outbox.toOffer('inst', 1);
    await outbox.noteResults(batch, { server_id: 's', epoch: 'e', results: [{ ...resultFor(batch[0], 'node'), status: 'quarantined' }] }, NOW, UNSIGNED);
  }],
  ['a record that came', ({ store }) => store.applyPage(page([household('h5', { note: '新' }, { seq: 9 })]))],
]) {
  test(`${what} makes them anew`, async () => {
    const parts = await rig();
    await parts.rows();
    await act(parts);
    await parts.rows();
    assert.equal(parts.made(), 2);
    await parts.rows();
    assert.equal(parts.made(), 2);
  });
}

test('many ops about one household are as dear as about many', async () => {
  const phone = await lockedPhone({ centre: await centreKeys() });
  await phone.store.applyPage(page([household('h1'), member('m1', 'h1')]));
  const kept = async () => {
    const due = [];
    await createRowsHere({ ...phone, later: (work) => due.push(work) }).read(async () => [['h1', { id: 'h1', head: '' }]]);
    for (const work of due) await work();
    return phone.store.meta('rows_here');
  };
  await phone.outbox.append([change('h1', '一')], 'h1');
  assert.equal(await kept(), null, 'one is worked out as quickly');
  for (let n = 0; n < 12; n++) await phone.outbox.append([change('h1', `户主${n}`)], 'h1');
  assert.ok(await kept());
});

test('nothing of an erased household is left in them', async () => {
  const { db, rows, store } = await rig();
  await rows();
  assert.ok(await store.meta('rows_here'));
  await store.applyPage(page([{ ...household('h5'), deleted: true, fields: { erased: '1' } }]));
  assert.equal(await store.meta('rows_here'), null);
  assert.ok(db);
});

test('what was erased while they were being closed is not written after', async () => {
  const { due, cache, store } = await rig();
  await cache.read(async () => [['h5', { id: 'h5', head: '户主5' }], ...Array.from({ length: 11 }, (_, n) => [`x${n}`, null])]);
  await store.applyPage(page([{ ...household('h5'), deleted: true, fields: { erased: '1' } }]));
  for (const work of due) await work();
  assert.equal(await store.meta('rows_here'), null);
});

test('a start with them shows the register as one without', async () => {
  const { store, db, ...phone } = await rig();
  const before = await store.rows();
  await new Promise((done) => setTimeout(done, 1700));
  assert.ok(await store.meta('rows_here'));
  const again = await restarted({ db, ...phone });
  await again.lock.unlock(PIN);
  let opened = 0;
  const real = again.outbox.opsOf;
  again.outbox.opsOf = (lines) => { opened += lines.length; return real(lines); };
  assert.deepEqual((await again.store.rows()).sort((a, b) => (a.id < b.id ? -1 : 1)), before.sort((a, b) => (a.id < b.id ? -1 : 1)));
  assert.equal(opened, 0, 'not an op was opened for it');
});
