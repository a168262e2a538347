/**
 * Drafts on disk.
 * 1. Every save asks for strict durability.
 * 2. A deleted draft comes back whole by its undo.
 * 3. One tab holds a draft; the second is told.
 * 4. A draft is found by who began it only, and is there again when that person is back; theirs
 *    or not, it keeps its photos.
 * 5. Photos no draft names any more are swept, the others stay.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import 'fake-indexeddb/auto';
import { openDB, unwrap } from 'idb';
import { createDrafts } from '../../static/js/data/drafts.js';

let made = 0;

async function setUp() {
  const db = await openDB(`drafts-${++made}`, 1, {
    upgrade(fresh) {
      fresh.createObjectStore('draft', { keyPath: 'draft_id' });
      fresh.createObjectStore('photo', { keyPath: 'sha256' });
    },
  });
  /** @type {(IDBTransactionOptions | undefined)[]} */
  const asked = [];
  const raw = /** @type {IDBDatabase} */ (unwrap(db));
  const real = raw.transaction.bind(raw);
  raw.transaction = (stores, mode, options) => {
    if (mode === 'readwrite') asked.push(options);
    return real(stores, mode, options);
  };
  const signedIn = { user: 'u-1' };
  const run = (/** @type {any} */ work) => work(/** @type {any} */ (db));
  return { asked, signedIn, drafts: createDrafts({ run, locks: locks(), user: () => signedIn.user }) };
}

/** A LockManager's ifAvailable, in one process. @returns {any} */
function locks() {
  const held = new Set();
  return {
    /** @param {string} name @param {object} _options @param {(lock: object | null) => any} work */
    async request(name, _options, work) {
      if (held.has(name)) return work(null);
      held.add(name);
      try {
        return await work({});
      } finally {
        held.delete(name);
      }
    },
  };
}

/** @param {string} id @param {string} updated @param {object} answers @returns {any} */
const draft = (id, updated, answers = {}) => ({ draft_id: id, form_id: 'visit', household_id: 'h1', updated, answers });

test('saves are strict, the latest draft of a household is found', async () => {
  const { drafts, asked } = await setUp();
  await drafts.save(draft('a', '2026-11-24T20:00:00'));
  await drafts.save(draft('b', '2026-11-24T21:00:00'));
  assert.deepEqual(asked, [{ durability: 'strict' }, { durability: 'strict' }]);
  assert.equal((await drafts.find('visit', 'h1'))?.draft_id, 'b');
  assert.equal(await drafts.find('visit', 'h2'), undefined);
});

test('a deleted draft comes back', async () => {
  const { drafts } = await setUp();
  await drafts.save(draft('a', '1', { name: '张三' }));
  const undo = await drafts.remove('a');
  assert.equal((await drafts.list()).length, 0);
  await undo();
  assert.deepEqual((await drafts.get('a'))?.answers, { name: '张三' });
});

test('the next user of a phone does not see what the first has begun, and does not lose it', async () => {
  const { drafts, signedIn } = await setUp();
  const photo = 'a'.repeat(64);
  await drafts.putBlob({ sha256: photo, size: 1, type: 'image/png', bytes: new ArrayBuffer(1), draft_id: 'a' });
  await drafts.save(draft('a', '1', { photo: `${photo}.jpg` }));
  signedIn.user = 'u-2';
  assert.equal(await drafts.get('a'), undefined);
  assert.equal(await drafts.find('visit', 'h1'), undefined);
  assert.deepEqual(await drafts.mine(), []);
  await drafts.save(draft('b', '2'));
  await drafts.sweepBlobs(new Date());
  signedIn.user = 'u-1';
  assert.deepEqual((await drafts.mine()).map((one) => one.draft_id), ['a']);
  assert.equal((await drafts.find('visit', 'h1'))?.draft_id, 'a');
  assert.ok(await drafts.getBlob(photo));
});

test('one tab at a time', async () => {
  const { drafts } = await setUp();
  const release = await drafts.hold('a');
  assert.ok(release);
  assert.equal(await drafts.hold('a'), null);
  release();
  await new Promise((resolve) => setTimeout(resolve));
  assert.ok(await drafts.hold('a'));
});

test('files no draft names are swept a day later, with all that living drafts need left in place', async () => {
  const { drafts } = await setUp();
  const sha = (/** @type {string} */ digit) => digit.repeat(64);
  const old = '2026-11-01T00:00:00.000Z';
  const blob = (/** @type {string} */ sha256, more = {}) => ({ sha256, size: 1, type: 'image/png', bytes: new ArrayBuffer(1), draft_id: 'a', kept: old, ...more });
  await drafts.save(draft('a', '1', { close: { photo: `${sha('1')}.jpg` } }));
  await drafts.putBlob(blob(sha('0')));
  await drafts.putBlob(blob(sha('1'), { origin: { base: `${sha('0')}.jpg`, strokes: [] } }));
  await drafts.putBlob(blob(sha('2')));
  await drafts.putBlob(blob(sha('3'), { kept: '2026-11-24T11:00:00.000Z' }));
  await drafts.recording('a', '/data/talk').add(0, { type: 'audio/webm', bytes: new ArrayBuffer(2) }, old);
  await drafts.recording('gone', '/data/talk').add(0, { type: 'audio/webm', bytes: new ArrayBuffer(2) }, old);
  await drafts.sweepBlobs(new Date('2026-11-24T12:00:00Z'));
  assert.ok(await drafts.getBlob(sha('1')), 'named by a draft');
  assert.ok(await drafts.getBlob(sha('0')), 'below a drawing that a draft names');
  assert.equal(await drafts.getBlob(sha('2')), undefined);
  assert.ok(await drafts.getBlob(sha('3')), 'another tab may be about to name it');
  assert.equal((await drafts.recording('a', '/data/talk').read()).length, 1);
  assert.equal((await drafts.recording('gone', '/data/talk').read()).length, 0);
});

test('a finished draft\'s files go at once, unless another draft names them', async () => {
  const { drafts } = await setUp();
  const sha = (/** @type {string} */ digit) => digit.repeat(64);
  const kept = '2026-11-24T11:59:00.000Z';
  const blob = (/** @type {string} */ sha256, /** @type {string} */ draft_id) => ({ sha256, size: 1, type: 'image/png', bytes: new ArrayBuffer(1), draft_id, kept });
  await drafts.save(draft('b', '1', { photo: `${sha('2')}.jpg` }));
  for (const one of [blob(sha('1'), 'a'), blob(sha('2'), 'a'), blob(sha('3'), 'b')]) await drafts.putBlob(one);
  await drafts.sweepBlobs(new Date('2026-11-24T12:00:00Z'), 'a');
  assert.equal(await drafts.getBlob(sha('1')), undefined);
  assert.ok(await drafts.getBlob(sha('2')));
  assert.ok(await drafts.getBlob(sha('3')));
});

test('a recording is kept in pieces, in order, for one question', async () => {
  const { drafts } = await setUp();
  const pieces = drafts.recording('a', '/data/talk');
  for (const n of [0, 1, 10, 2]) await pieces.add(n, { type: 'audio/webm', bytes: new Uint8Array([n]).buffer }, '');
  await drafts.recording('a', '/data/talk2').add(0, { type: 'audio/webm', bytes: new ArrayBuffer(3) }, '');
  assert.deepEqual((await pieces.read()).map((row) => new Uint8Array(row.bytes)[0]), [0, 1, 2, 10]);
  await pieces.drop();
  assert.equal((await pieces.read()).length, 0);
  assert.equal((await drafts.recording('a', '/data/talk2').read()).length, 1);
});
