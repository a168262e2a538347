// When a phone may be emptied, what may be cleaned from a full one, and who may write a draft.
import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clearable } from '../../static/js/core/clearable.js';
import { createHolds } from '../../static/js/data/draft-holds.js';
import { createDrafts } from '../../static/js/data/drafts.js';
import { createKeeping } from '../../static/js/data/keeping.js';
import { makeRoom } from '../../static/js/data/room.js';
import { UNSIGNED } from '../../static/js/data/word.js';
import { NOW, phone, resultFor } from './data_phone.js';

const ALL_SAFE = { unconfirmed: 0, photos: 0, drafts: 0, last_ok: NOW.toISOString(), now: NOW };
const ago = (minutes) => new Date(NOW.getTime() - minutes * 60_000).toISOString();

for (const [why, change, lacks] of [
  ['nothing is open and the server was asked just now', {}, []],
  ['one visit lacks the centre\'s word', { unconfirmed: 1 }, ['unconfirmed']],
  ['a photo is still here', { photos: 1 }, ['photos']],
  ['a draft is not finished', { drafts: 2 }, ['drafts']],
  ['the server was last asked two hours ago', { last_ok: ago(120) }, ['contact']],
  ['it was never asked', { last_ok: null }, ['contact']],
  ['the clock was put back since', { last_ok: ago(-120) }, ['contact']],
]) {
  test(`may it be emptied: ${why}`, () => {
    const verdict = clearable({ ...ALL_SAFE, ...change });
    assert.deepEqual([verdict.safe, verdict.lacks.map(({ what }) => what)], [lacks.length === 0, lacks]);
  });
}

test('room is made of what the centre has and what can be fetched again, of nothing else', async () => {
  const parts = await phone();
  const { db, outbox } = parts;
  const work = (id, sha256) => outbox.finish({
    submission: { id, form_id: 'visit', form_version: '1', form_hash: 'h', area: '500156102203', household_id: 'h1' },
    ops: [{ entity: 'submission', id, kind: 'create', fields: {}, blobs: [{ sha256, size: 5 }] }],
    blobs: [{ sha256, size: 5, type: 'x', bytes: new ArrayBuffer(5) }],
  });
  for (const id of ['confirmed', 'at-node', 'unsent', 'new']) await work(id, `photo-${id}`);
  const rows = await outbox.toOffer('inst', 9);
  const answer = (row, tier) => outbox.noteResults([row], { server_id: 's', epoch: 'e', results: [resultFor(row, tier)] }, NOW, UNSIGNED);
  await answer(rows[0], 'centre');
  await answer(rows[1], 'node');
  await answer(rows[2], 'centre');
  await outbox.markBlob('photo-confirmed', 'centre');
  await outbox.markBlob('photo-at-node', 'here');
  const drafts = createDrafts({ run: db.data.run });
  await drafts.save({ draft_id: 'd', form_id: 'visit', version: '1', updated: '1', answers: {} });
  await db.data.run(async (idb) => { for (const version of ['1', '2', '3']) await idb.put('form', { form_id: 'visit', version, html: '' }); });
  const said = await makeRoom({ ...parts, drafts, formstore: { list: async () => [{ form_id: 'visit', version: '3' }] }, now: () => NOW, t: (zh, vars) => `${zh} ${JSON.stringify(vars)}` });
  assert.match(said, /"photos":1.*"forms":1/);
  assert.deepEqual(await db.outbox.run((idb) => idb.getAllKeys('blob')), ['photo-at-node', 'photo-new', 'photo-unsent']);
  assert.deepEqual(await db.data.run((idb) => idb.getAllKeys('form')), [['visit', '1'], ['visit', '3']]);
  assert.equal((await drafts.list()).length, 1);
});

/** Web Locks in a few lines: one name, a queue, stealing. */
function fakeLocks() {
  let holder = null;
  const queue = [];
  const grant = (work, done, fail) => {
    const mine = holder = { stolen: () => { holder = null; fail(new DOMException('stolen', 'AbortError')); } };
    Promise.resolve(work({})).then((value) => { if (holder === mine) { holder = null; queue.shift()?.(); } done(value); });
  };
  return {
    request: (_name, { ifAvailable, steal, signal }, work) => new Promise((done, fail) => {
      if (steal) holder?.stolen();
      if (!holder) return grant(work, done, fail);
      if (ifAvailable) return done(work(null));
      const wait = () => grant(work, done, fail);
      queue.push(wait);
      signal?.addEventListener('abort', () => { queue.splice(queue.indexOf(wait), 1); fail(signal.reason); });
    }),
  };
}
function twoPages() {
  const locks = fakeLocks();
  const ears = [];
  const page = () => {
    const mine = [];
    ears.push(mine);
    return createHolds({ locks, wait_ms: 40, channel: {
      addEventListener: (_name, hear) => mine.push(hear),
      postMessage: (data) => ears.filter((one) => one !== mine).flat().forEach((hear) => void hear({ data })),
    } });
  };
  return [page(), page()];
}

test('a page that is asked for a draft writes it down first and lets go', async () => {
  const [first, second] = twoPages();
  const done = [];
  await first.hold('d', async (asked) => { await Promise.resolve(); done.push(`saved, asked ${asked}`); return true; });
  assert.equal(await second.hold('d'), null);
  await second.takeOver('d');
  assert.deepEqual(done, ['saved, asked true']);
  const release = await second.hold('d');
  assert.ok(release);
  release();
  await new Promise((done) => setTimeout(done));
  assert.ok(await first.hold('d'));
});

test('a page that does not answer, or cannot save, has it taken away and is told', async () => {
  const [first, second] = twoPages();
  const told = [];
  await first.hold('d', async (asked) => { told.push(asked); return false; });
  await second.takeOver('d');
  assert.deepEqual(told, [true, false]);
  assert.ok(await second.hold('d'));
});

test('a browser that promises nothing, or does not know how, is told of and asked again', async () => {
  let asked = 0;
  const refusing = createKeeping({ storage: { persisted: async () => false, persist: async () => { asked += 1; return asked > 1; }, estimate: async () => ({ usage: 1.5, quota: 10 }) } });
  assert.equal(await refusing.ask(), false);
  assert.equal(await refusing.ask(), true);
  assert.deepEqual(await refusing.state(), { persisted: false, usage: 2, quota: 10 });
  assert.deepEqual(await createKeeping({ storage: {} }).state(), { persisted: false, usage: 0, quota: 0 });
});
