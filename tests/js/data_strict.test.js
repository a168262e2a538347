// Every write of the phone is one strict transaction, opened in one place.
import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createDrafts } from '../../static/js/data/drafts.js';
import { createLog } from '../../static/js/data/log.js';
import { UNSIGNED } from '../../static/js/data/word.js';
import { NOW, household, page, phone, receiptFor, resultFor, visit } from './data_phone.js';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../../static');
const SOURCES = readdirSync(ROOT, { recursive: true }).filter((path) => /^(js\/.*|sw)\.js$/.test(path))
  .map((path) => [path, readFileSync(join(ROOT, path), 'utf8')]);

/** What would write without asking for the disk: idb's short cuts, and transactions of one's own. */
const LOOSE = [/['"]readwrite['"]/, /\b(?:idb|db)\.(?:put|add|delete|clear)\(/, /\.transaction\([^()]*,/];

test('only db.js opens a transaction that writes', () => {
  assert.ok(SOURCES.length > 80);
  const found = SOURCES.filter(([path, text]) => path !== 'js/data/db.js' && LOOSE.some((pattern) => pattern.test(text)));
  assert.deepEqual(found.map(([path]) => path), []);
});

test('the search for loose writes finds one', () => {
  for (const text of ["idb.transaction('op', mode)", "db.put('draft', draft)", "tx('a', 'readwrite')"]) {
    assert.ok(LOOSE.some((pattern) => pattern.test(text)), text);
  }
});

test('whatever the phone writes, it asks for strict durability', async (t) => {
  const seen = [];
  const real = globalThis.IDBDatabase.prototype.transaction;
  t.mock.method(globalThis.IDBDatabase.prototype, 'transaction', function transaction(stores, mode, options) {
    if (mode === 'readwrite') seen.push([[stores].flat().join(), options?.durability]);
    return real.call(this, stores, mode, options);
  });
  const { db, outbox, session, store } = await phone();
  const drafts = createDrafts({ run: db.data.run });
  await drafts.save({ draft_id: 'd', updated: '1', answers: { photo: 'ab' } });
  await drafts.putBlob({ sha256: 'ab', size: 1, type: 'x', bytes: new ArrayBuffer(1), draft_id: 'd', kept: '' });
  await drafts.recording('d', '/a').drop();
  await drafts.sweepBlobs(NOW);
  await drafts.remove('d');
  const { ops: [{ op_id: id }] } = await outbox.append([visit('v1')], 'h1');
  await outbox.undo(id);
  await outbox.finish({
    submission: { id: 's1', form_id: 'visit', form_version: '1', form_hash: 'h', area: '500156102203', household_id: 'h1' },
    ops: [{ entity: 'submission', id: 's1', kind: 'create', fields: {} }],
    blobs: [{ sha256: 'cd', size: 1, type: 'x', bytes: new ArrayBuffer(1) }],
  });
  await outbox.noteOffered('inst', 1);
  const rows = await outbox.toOffer('inst', 5);
  await outbox.noteResults(rows, { server_id: 's', epoch: 'e', results: rows.map((row) => resultFor(row, 'node')) }, NOW, UNSIGNED);
  await outbox.noteReceipts('inst', rows.map((row) => ({ dseq: row.dseq, receipt: receiptFor(row, 'centre') })), NOW, UNSIGNED);
  await outbox.markBlob('cd', 'centre');
  await outbox.prune(NOW);
  await store.applyPage(page([household('h1')]));
  await store.setMeta('a', 1);
  await store.clear();
  await createLog({ db, now: () => NOW }).add(true, 'x');
  await session.signOut(true);
  assert.ok(new Set(seen.map(([stores]) => stores)).size > 7, String(seen));
  assert.deepEqual(seen.filter(([, durability]) => durability !== 'strict'), []);
});
