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
import { openDB } from 'idb';
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
  const watched = new Proxy(db, {
    get(target, name) {
      if (name !== 'transaction') return Reflect.get(target, name, target);
      return (/** @type {string} */ stores, /** @type {IDBTransactionMode} */ mode, /** @type {IDBTransactionOptions} */ options) => {
        if (mode === 'readwrite') asked.push(options);
        return target.transaction(stores, mode, options);
      };
    },
  });
  const signedIn = { user: 'u-1' };
  const run = (/** @type {any} */ work) => work(/** @type {any} */ (watched));
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

test('photos without a draft are swept', async () => {
  const { drafts } = await setUp();
  const blob = (/** @type {string} */ sha256) => ({ sha256, size: 1, type: 'image/png', bytes: new ArrayBuffer(1), draft_id: 'a' });
  await drafts.save(draft('a', '1', { close: { photo: `${'1'.repeat(64)}.jpg` } }));
  await drafts.putBlob(blob('1'.repeat(64)));
  await drafts.putBlob(blob('2'.repeat(64)));
  await drafts.sweepBlobs(new Date());
  assert.ok(await drafts.getBlob('1'.repeat(64)));
  assert.equal(await drafts.getBlob('2'.repeat(64)), undefined);
});
