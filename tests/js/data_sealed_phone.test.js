// What lies on a phone with an unlock code says nothing about people, and works as a plain one does.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { search } from '../../static/js/core/search.js';
import { workContext } from '../../static/js/data/bodies.js';
import { keyOf, open } from '../../static/js/data/envelope.js';
import { sealOld } from '../../static/js/data/seal-old.js';
import { unseal } from '../../static/js/data/sealed.js';
import { sha256Hex } from '../../static/js/data/sha256.js';
import { AREA, NOW, household, member, page, resultFor } from './data_phone.js';
import { PIN, centreKeys, everything, lockedPhone, restarted } from './locked_phone.js';

const SECRETS = ['魏家德', '侯会琴', '512324196003048', '腰椎骨折', '养猪', '全家合影', '唐昌全'];
const PHOTO = new TextEncoder().encode('JPEG 全家合影').buffer;
const said = (value) => ({ old: null, new: value });

const draft = (id, more = {}) => ({
  draft_id: id, form_id: 'visit', version: '1', household_id: 'h1', household_label: '魏家德', title: {}, sheet: '', hash: 'x',
  answers: { note: '腰椎骨折' }, carried: {}, position: { page: '', path: '' }, base: { household: household('h1') }, started: '1', updated: '2', ...more,
});

async function fill(phone) {
  await phone.store.applyPage(page([household('h1'), member('m1', 'h1', { id_no: '512324196003048' }),
    { kind: 'user', id: 'u9', area: AREA, rev: 1, seq: 1, fields: { name: '唐昌全' }, since: {} }]));
  const sha256 = await sha256Hex(PHOTO);
  await phone.outbox.finish({
    submission: { id: 's1', form_id: 'visit', form_version: '1', form_hash: 'f', area: AREA, household_id: 'h1' },
    ops: [
      { entity: 'submission', id: 's1', kind: 'create', fields: { answers: said('养猪') }, blobs: [{ sha256, size: PHOTO.byteLength }] },
      { entity: 'household', id: 'h1', kind: 'update', base_rev: 1, fields: { note: said('腰椎骨折') } },
    ],
    blobs: [{ sha256, size: PHOTO.byteLength, type: 'image/jpeg', bytes: PHOTO }],
  });
  await phone.drafts.save(draft('d1', { answers: { photo: `${'e'.repeat(64)}.jpg`, note: '腰椎骨折' } }));
  await phone.drafts.putBlob({ sha256: 'e'.repeat(64), size: PHOTO.byteLength, type: 'image/jpeg', bytes: PHOTO, draft_id: 'd1', name: '全家合影.jpg', kept: NOW.toISOString() });
  return sha256;
}

async function looksWhole(phone, sha256) {
  assert.equal((await phone.store.get('household', 'h1')).fields.note, '腰椎骨折', 'the own op is drawn over the record');
  assert.deepEqual((await phone.store.members('h1')).map((one) => one.fields.id_no), ['512324196003048']);
  assert.deepEqual((await phone.store.all('user')).map((one) => one.fields.name), ['唐昌全']);
  assert.deepEqual(search(await phone.store.rows(), '侯会琴', 20).map((row) => row.id), ['h1']);
  const ops = (await phone.outbox.toOffer('inst', 50)).map((row) => row.op);
  assert.deepEqual(ops.map((op) => [op.dseq, op.entity]), [[1, 'submission'], [2, 'household']]);
  assert.equal(ops[0].fields.answers.new, '养猪');
  assert.deepEqual(Buffer.from((await phone.outbox.blob(sha256)).bytes), Buffer.from(PHOTO));
  assert.deepEqual((await phone.drafts.mine()).map((one) => one.answers.note), ['腰椎骨折']);
  assert.equal((await phone.drafts.find('visit', 'h1')).household_label, '魏家德');
  const photo = await phone.drafts.getBlob('e'.repeat(64));
  assert.deepEqual([photo.name, Buffer.from(photo.bytes)], ['全家合影.jpg', Buffer.from(PHOTO)]);
}

async function tells(phone) {
  const all = await everything(phone.db);
  return SECRETS.filter((secret) => all.includes(secret));
}

test('nothing in either database tells anything, and everything is there', async () => {
  const phone = await lockedPhone({ centre: await centreKeys() });
  const sha256 = await fill(phone);
  assert.deepEqual(await tells(phone), []);
  await looksWhole(phone, sha256);
  const again = await restarted(phone);
  await again.lock.unlock(PIN);
  await looksWhole(again, sha256);
});

test('the same phone without a code tells all of it: the search would find it', async () => {
  const phone = await lockedPhone({ plain: true });
  const sha256 = await fill(phone);
  assert.deepEqual(await tells(phone), SECRETS);
  await looksWhole(phone, sha256);
});

test('who has not unlocked gets nothing, and the housekeeping harms nothing', async () => {
  const phone = await lockedPhone({ centre: await centreKeys() });
  const sha256 = await fill(phone);
  const locked = await restarted(phone);
  assert.equal(await locked.store.get('member', 'm1'), null);
  assert.deepEqual([...(await locked.store.rows())], []);
  assert.deepEqual([await locked.drafts.mine(), await locked.drafts.find('visit', 'h1'), await locked.outbox.toOffer('inst', 50)], [[], undefined, []]);
  assert.deepEqual([await locked.outbox.unconfirmed(), await locked.drafts.count()], [1, 1]);
  const later = new Date(NOW.getTime() + 90 * 86_400_000);
  await locked.outbox.prune(later);
  await locked.drafts.sweepBlobs(later);
  const again = await restarted(locked);
  await again.lock.unlock(PIN);
  await looksWhole(again, sha256);
});

test('the centre opens what was finished, and nobody with another key', async () => {
  const centre = await centreKeys();
  const phone = await lockedPhone({ centre });
  await fill(phone);
  const [row] = await phone.outbox.closedRows('inst');
  const raw = await unseal(row.key.centre, centre.key, workContext(row.key.work));
  const op = JSON.parse(new TextDecoder().decode(await open(await keyOf(raw), row.box, `op|${row.op_id}`)));
  assert.equal(op.fields.answers.new, '养猪');
  await assert.rejects(unseal(row.key.centre, (await centreKeys()).key, workContext(row.key.work)));
});

test('while the centre\'s key is not known finished work stays readable: a forgotten code must not lose it', async () => {
  const phone = await lockedPhone();
  await fill(phone);
  assert.deepEqual((await tells(phone)).sort(), ['全家合影', '养猪', '腰椎骨折'].sort());
  const locked = await restarted(phone);
  assert.equal((await locked.outbox.toOffer('inst', 50)).length, 2);
});

test('confirmed bodies go after their week, box and keys with them', async () => {
  const phone = await lockedPhone({ centre: await centreKeys() });
  await fill(phone);
  const rows = await phone.outbox.closedRows('inst');
  const { UNSIGNED } = await import('../../static/js/data/word.js');
  await phone.outbox.noteResults(rows, { server_id: 's', epoch: 'e', results: rows.map((row) => resultFor(row, 'centre')) }, NOW, UNSIGNED);
  await phone.outbox.prune(new Date(NOW.getTime() + 8 * 86_400_000));
  const left = await phone.db.outbox.run((idb) => idb.getAll('op'));
  assert.deepEqual(left.map((row) => [row.op ?? null, row.box, row.key]), [[null, undefined, undefined], [null, undefined, undefined]]);
});

test('a plain phone of before is closed at the first code, killed at any write, and loses nothing', async () => {
  for (let kill = 1; kill < 40; kill++) {
    const centre = await centreKeys();
    const phone = await lockedPhone({ plain: true, centre });
    const sha256 = await fill(phone);
    await phone.lock.setPin(PIN);
    const done = await killedAt(phone, kill);
    const again = await restarted(phone);
    await again.lock.unlock(PIN);
    await looksWhole(again, sha256);
    await sealOld(again);
    await looksWhole(again, sha256);
    assert.deepEqual(await tells(again), [], `killed at write ${kill}`);
    if (done) return;
  }
  assert.fail('it never came to its end');
});

/** @returns {Promise<boolean>} whether it went through before the nth write */
async function killedAt(phone, nth) {
  let writes = 0;
  const real = IDBDatabase.prototype.transaction;
  IDBDatabase.prototype.transaction = function (stores, mode, options) {
    if (mode === 'readwrite' && ++writes >= nth) throw new Error('killed');
    return real.call(this, stores, mode, options);
  };
  try {
    await sealOld(phone);
    return true;
  } catch (error) {
    assert.match(String(error), /killed/);
    return false;
  } finally {
    IDBDatabase.prototype.transaction = real;
  }
}

test('what the register said is closed once for a draft, and anew under another key', async () => {
  const phone = await lockedPhone({ centre: await centreKeys() });
  const one = draft('d1');
  const lies = () => phone.db.data.run((idb) => idb.get('draft', 'd1'));
  await phone.drafts.save(one);
  const first = await lies();
  await phone.drafts.save({ ...one, answers: { note: '第二次' }, updated: '3' });
  const second = await lies();
  assert.deepEqual(second.base, first.base);
  assert.notDeepEqual(second.box, first.box);
  assert.deepEqual(await phone.drafts.get('d1'), { ...one, user_id: 'u1', answers: { note: '第二次' }, updated: '3' });
  assert.deepEqual(Object.keys(await phone.drafts.get('d1')), Object.keys({ ...one, user_id: 'u1' }));
  await phone.cipher.useRaw(new Uint8Array(32));
  await phone.drafts.save(one);
  assert.notDeepEqual((await lies()).base, first.base);
  assert.deepEqual((await phone.drafts.get('d1')).base, one.base);
});

test('what another window typed while the old draft was being closed stays', async () => {
  const phone = await lockedPhone({ plain: true, centre: await centreKeys() });
  await fill(phone);
  const window2 = await restarted(phone);
  await phone.lock.setPin(PIN);
  const encrypt = crypto.subtle.encrypt;
  let typed = false;
  crypto.subtle.encrypt = async function (...all) {
    if (!typed && new TextDecoder().decode(all[2]).includes('"draft_id"')) {
      typed = true;
      await window2.drafts.save(draft('d1', { answers: { note: '新打的字' }, updated: '3' }));
    }
    return encrypt.apply(crypto.subtle, all);
  };
  try {
    await sealOld(phone);
  } finally {
    crypto.subtle.encrypt = encrypt;
  }
  assert.ok(typed);
  assert.equal((await phone.drafts.get('d1')).answers.note, '新打的字');
});

test('many small pages become few blocks, and the newest row is the one that is found', async () => {
  const phone = await lockedPhone({ centre: await centreKeys() });
  for (let n = 0; n < 60; n++) {
    await phone.store.applyPage(page([household(`h${n % 20}`, { head_name: `户主${n}` }, { rev: n + 1, seq: n + 1 })]));
  }
  await phone.store.applyPage(page([{ ...household('h3'), deleted: true, seq: 99 }]));
  const names = (await phone.store.rows()).map((row) => row.head).sort();
  assert.equal(names.length, 19);
  assert.ok(names.includes('户主59') && !names.includes('户主19') && !names.includes('户主43'));
  assert.ok(await phone.db.data.run((idb) => idb.count('block')) <= 2);
  const again = await restarted(phone);
  await again.lock.unlock(PIN);
  assert.deepEqual((await again.store.rows()).map((row) => row.head).sort(), names);
});
