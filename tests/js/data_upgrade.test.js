// An update of the program finds the databases of the version before: nothing in them is touched.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import 'fake-indexeddb/auto';
import { IDBFactory } from 'fake-indexeddb';
import { openDB } from 'idb';
import { openDatabases } from '../../static/js/data/db.js';

/** The stores of ruhu-data as version 1 made them. */
function versionOne(db) {
  db.createObjectStore('meta', { keyPath: 'key' });
  const record = db.createObjectStore('record', { keyPath: ['kind', 'id'] });
  record.createIndex('by_household', ['kind', 'fields.household_id']);
  record.createIndex('by_code', 'fields.code');
  record.createIndex('by_kind', 'kind');
  db.createObjectStore('row', { keyPath: 'id' });
  db.createObjectStore('form', { keyPath: ['form_id', 'version'] });
  db.createObjectStore('draft', { keyPath: 'draft_id' }).createIndex('household_id', 'household_id');
  db.createObjectStore('photo', { keyPath: 'sha256' });
  db.createObjectStore('log', { keyPath: 'n', autoIncrement: true });
}

test('drafts and photos of version 1 are there after the upgrade, and the files of forms have a place', async () => {
  globalThis.indexedDB = new IDBFactory();
  const old = await openDB('ruhu-data', 1, { upgrade: versionOne });
  await old.put('draft', { draft_id: 'd1', household_id: 'h1', answers: { a: '1' } });
  await old.put('photo', { sha256: 'f'.repeat(64), bytes: new Uint8Array([1, 2]).buffer });
  old.close();
  const db = openDatabases();
  const found = await db.data.run(async (idb) => ({
    draft: await idb.get('draft', 'd1'), photos: await idb.count('photo'), files: await idb.count('form_file') + await idb.count('block') + await idb.count('pack'),
    byHousehold: await idb.countFromIndex('draft', 'household_id', 'h1'), version: idb.version,
  }));
  assert.deepEqual(found.draft.answers, { a: '1' });
  assert.deepEqual([found.photos, found.files, found.byHousehold, found.version], [1, 0, 1, 4]);
});
