// The register in packs: each record is in one of them, the newest, and is found; killed anywhere, nothing is lost or doubled.
import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeName, familyName, markOf, nameOf } from '../../static/js/data/packing.js';
import { placeOf, repacked } from '../../static/js/data/repack.js';
import { sealOld } from '../../static/js/data/seal-old.js';
import { household, member, page, phone, pulled, unpacked, visit } from './data_phone.js';
import { PIN, centreKeys, everything, lockedPhone, restarted } from './locked_phone.js';

/** Chance that is the same each time. @param {number} seed */
function chances(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state % below;
  };
}

test('whatever comes in whatever order, each record is in one pack, the newest, and its place names it', () => {
  for (let seed = 1; seed <= 30; seed++) {
    const chance = chances(seed);
    let packs = new Map();
    const should = new Map();
    let made = 0;
    for (let round = 1; round < 40; round++) {
      const coming = new Map();
      for (let n = chance(4) ? chance(12) : 40 + chance(300); n >= 0; n--) {
        const h = `h${chance(60)}`;
        const extra = { seq: round, ...(chance(6) === 0 && { deleted: true }) };
        const record = chance(4) ? member(`m${chance(400)}`, h, {}, extra) : household(h, {}, extra);
        coming.set(nameOf(record), record);
      }
      for (const [id, records] of repacked(packs, [...coming.values()], () => `p${made++}`)) {
        if (records.length) packs.set(id, records);
        else packs.delete(id);
      }
      for (const [name, record] of coming) if (record.deleted) should.delete(name); else should.set(name, record);
    }
    const all = [...packs.values()].flat();
    assert.equal(all.length, should.size, `seed ${seed}: none twice, none too many`);
    for (const record of all) assert.equal(record, should.get(nameOf(record)));
    for (const records of packs.values()) {
      assert.ok(records.length <= 400, String(records.length));
      const { marks, counts } = placeOf(records);
      for (const record of records) {
        assert.ok(marks.includes(markOf(nameOf(record))) && marks.includes(markOf(familyName(record.fields.household_id ?? record.id))));
        if (record.kind === 'household') assert.ok(marks.includes(markOf(codeName(record.fields.code))));
      }
      assert.equal(Object.values(counts).reduce((a, b) => a + b), records.length);
    }
  }
});

test('a village is some dozens of packs, each household with its people, and small news make no pack of their own', async () => {
  const { db, store } = await phone();
  const families = Array.from({ length: 300 }, (_, n) => [household(`h${n}`), ...[1, 2, 3, 4].map((m) => member(`m${n}-${m}`, `h${n}`))]);
  for (let at = 0; at < 300; at += 100) await store.applyPage(page(families.slice(at, at + 100).flat(), { cursor: `e.1.${at}`, more: at < 200 }));
  const packs = await db.data.run((idb) => idb.getAll('pack'));
  assert.ok(packs.length >= 15 && packs.length <= 30, String(packs.length));
  for (const { records } of packs) for (const { kind, fields } of records) if (kind === 'member') assert.ok(records.some((one) => one.id === fields.household_id));
  for (let n = 0; n < 60; n++) await store.applyPage(page([household(`new${n}`), { ...visit(`v${n}`), kind: 'visit', seq: 1, fields: { household_id: `h${n}`, date: '1' } }]));
  assert.ok(await db.data.run((idb) => idb.count('pack')) <= packs.length + 2);
  assert.deepEqual([await store.count('household'), await store.count('member'), await store.count('visit')], [360, 1200, 60]);
  assert.equal((await store.visits('h7')).length, 1);
  assert.equal((await store.byCode('CODEh8')).id, 'h8');
  assert.equal(await store.byCode('CODE'), null);
});

test('a member who moves to another household is in its row and in no other', async () => {
  const { store } = await phone();
  await store.applyPage(page([household('h1'), household('h2'), member('m1', 'h1')]));
  await store.applyPage(page([member('m1', 'h2', {}, { seq: 2 })]));
  assert.deepEqual([await store.members('h1'), (await store.members('h2')).map((one) => one.id)], [[], ['m1']]);
  assert.deepEqual((await store.rows()).map(({ id, names }) => [id, names.length]).sort(), [['h1', 0], ['h2', 1]]);
});

test('what was deleted is not left in the bytes of its pack', async () => {
  const { db, store } = await phone();
  await store.applyPage(page([household('h1', { head_name: '秘密人' }), household('h2')]));
  await store.applyPage(page([{ ...household('h1'), deleted: true, fields: { erased: '1' } }]));
  const packs = JSON.stringify(await db.data.run((idb) => idb.getAll('pack')));
  assert.ok(packs.includes('h2') && !packs.includes('秘密人') && !packs.includes('"h1"'));
});

/** Work with the nth transaction that writes, and all after it, failing. @returns {Promise<boolean>} whether it went through before */
async function killedAt(nth, work) {
  let writes = 0;
  const real = IDBDatabase.prototype.transaction;
  IDBDatabase.prototype.transaction = function (stores, mode, options) {
    if (mode === 'readwrite' && ++writes >= nth) throw new Error('killed');
    return real.call(this, stores, mode, options);
  };
  try {
    await work();
    return true;
  } catch (error) {
    assert.match(String(error), /killed/);
    return false;
  } finally {
    IDBDatabase.prototype.transaction = real;
  }
}

test('killed at any write of a first download, it goes on at the cursor and all is there once', async () => {
  const pages = [0, 1, 2].map((n) => page(Array.from({ length: 40 }, (_, i) => [household(`h${n * 40 + i}`), member(`m${n * 40 + i}`, `h${Math.max(0, n * 40 + i - 5)}`)]).flat(),
    { cursor: `e.1.${n}`, more: n < 2 }));
  for (let kill = 1; kill < 20; kill++) {
    const device = await lockedPhone({ centre: await centreKeys() });
    const pull = async (one) => {
      for (let cursor; (cursor = await one.store.cursor()) !== 'e.1.2';) await one.store.applyPage(pages[cursor ? Number(cursor.slice(4)) + 1 : 0]);
    };
    const done = await killedAt(kill, () => pull(device));
    const again = await restarted(device);
    await again.lock.unlock(PIN);
    await pull(again);
    assert.deepEqual([await again.store.count('household'), await again.store.count('member'), (await again.store.rows()).length], [120, 120, 120]);
    assert.deepEqual((await again.store.members('h36')).map((one) => one.id), ['m41']);
    let seen = 0;
    await again.store.each(() => { seen += 1; });
    assert.equal(seen, 240);
    if (done) return;
  }
  assert.fail('it never came to its end');
});

for (const plain of [true, false]) {
  test(`rows of before${plain ? '' : ', closed,'} are read as they are, and taken into packs, killed at any write`, async () => {
    for (let kill = 1; kill < 20; kill++) {
      const device = await lockedPhone({ plain: true, centre: await centreKeys() });
      await device.store.applyPage(page(Array.from({ length: 90 }, (_, n) => [household(`h${n}`), member(`m${n}`, `h${n}`)]).flat()));
      await unpacked(device.db);
      if (!plain) {
        await device.lock.setPin(PIN);
        await sealOld(device);
      }
      const begin = async () => {
        const next = await restarted(device);
        if (!plain) await next.lock.unlock(PIN);
        return next;
      };
      const whole = async ({ store }) => {
        assert.deepEqual([await store.count('household'), await store.count('member')], [90, 90]);
        assert.equal((await store.get('household', 'h89')).fields.code, 'CODEh89');
        assert.equal((await store.byCode('CODEh3')).id, 'h3');
        assert.deepEqual((await store.members('h44')).map((one) => one.id), ['m44']);
      };
      const before = await begin();
      await whole(before);
      const done = await killedAt(kill, () => before.store.packOld());
      const again = await begin();
      await whole(again);
      await again.store.applyPage(page([household('h7', { head_name: '新' }, { seq: 9 }), { ...household('h8'), deleted: true }, household('h8', {}, { seq: 10 })]));
      assert.equal((await again.store.get('household', 'h7')).fields.head_name, '新');
      await again.store.packOld();
      await whole(again);
      assert.equal((await again.store.get('household', 'h7')).fields.head_name, '新');
      assert.equal(await device.db.data.run((idb) => idb.countFromIndex('record', 'by_kind', 'household')), 0);
      let seen = 0;
      await again.store.each(() => { seen += 1; });
      assert.equal(seen, 180, 'none twice');
      if (!plain) assert.ok(!(await everything(device.db)).includes('侯会琴'));
      if (done) return;
    }
    assert.fail('it never came to its end');
  });
}

test('what another window took in is seen at once', async () => {
  const here = await lockedPhone({ centre: await centreKeys() });
  await here.store.applyPage(page([household('h1')]));
  assert.equal((await here.store.get('household', 'h1')).fields.head_name, '魏家德');
  const there = await restarted(here);
  await there.lock.unlock(PIN);
  await there.store.applyPage(page([household('h1', { head_name: '改了' }, { seq: 2 }), household('h2')]));
  assert.equal((await here.store.get('household', 'h1')).fields.head_name, '改了');
  assert.ok(await here.store.get('household', 'h2'));
});

test('two windows that take in at once lose nothing of each other', async () => {
  const { db, store } = await phone();
  const { createStore } = await import('../../static/js/data/store.js');
  const { createOutbox } = await import('../../static/js/data/outbox.js');
  await store.applyPage(page([household('h1')]));
  const other = createStore({ db, outbox: createOutbox({ db, session: { install_id: 'inst', installs: [] }, now: () => new Date(), ids: () => 'x', bootId: 'b', monotonic: () => 1 }) });
  await Promise.all([store.applyPage(page([household('h2')])), other.applyPage(page([household('h3')])), other.applyPage(page([household('h4')]))]);
  assert.deepEqual((await pulled(db)).map((one) => one.id).sort(), ['h1', 'h2', 'h3', 'h4']);
  assert.deepEqual([await store.count('household'), await other.count('household')], [4, 4]);
});

test('a look that is slow to open a pack does not pass off what it read as what was written meanwhile', async () => {
  const device = await lockedPhone({ centre: await centreKeys() });
  await device.store.applyPage(page([household('h1')]));
  const { store } = await restarted(device).then(async (next) => { await next.lock.unlock(PIN); return next; });
  const decrypt = crypto.subtle.decrypt;
  let go = () => {};
  const gate = new Promise((done) => { go = done; });
  let held = false;
  crypto.subtle.decrypt = async function (...all) {
    const bytes = await decrypt.apply(crypto.subtle, all);
    if (!held && new TextDecoder().decode(all[0].additionalData).startsWith('pack|')) {
      held = true;
      await gate;
    }
    return bytes;
  };
  try {
    const slow = store.get('household', 'h1');
    while (!held) await new Promise((done) => setTimeout(done));
    await store.applyPage(page([household('h1', { head_name: '改了' }, { seq: 2 })]));
    go();
    await slow;
    assert.equal((await store.get('household', 'h1')).fields.head_name, '改了');
    await store.applyPage(page([household('h2', {}, { seq: 3 })]));
    assert.equal((await store.get('household', 'h1')).fields.head_name, '改了');
  } finally {
    crypto.subtle.decrypt = decrypt;
  }
});
