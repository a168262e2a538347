/**
 * What runs before the app does.
 * 1. the early script makes the databases just as the app would
 * 2. the worker, asked for a page, opens the databases that are there and makes none
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createContext, runInContext } from 'node:vm';
import { IDBFactory } from 'fake-indexeddb';
import 'fake-indexeddb/auto';
import { openDatabases } from '../../static/js/data/db.js';

const STATIC = join(dirname(fileURLToPath(import.meta.url)), '../../static');
const settled = () => new Promise((done) => { setTimeout(done, 50); });

/** Stores and their indexes. @param {any} db */
function madeOf(db) {
  if (!db.objectStoreNames.length) return [];
  const tx = db.transaction([...db.objectStoreNames]);
  return [...db.objectStoreNames].map((name) => [name, tx.objectStore(name).keyPath, [...tx.objectStore(name).indexNames]]);
}

async function asTheAppSees() {
  const { base, outbox } = openDatabases();
  const found = [];
  for (const one of [base, outbox]) {
    const db = await one.open();
    found.push([db.name, db.version, madeOf(db)]);
    db.close();
  }
  return found;
}

test('the early script makes what the app would make', async () => {
  globalThis.indexedDB = new IDBFactory();
  const own = await asTheAppSees();
  globalThis.indexedDB = new IDBFactory();
  await import('../../static/js/early.js');
  await settled();
  assert.deepEqual((await indexedDB.databases()).map(({ name, version }) => [name, version]).sort(), own.map(([name, version]) => [name, version]).sort());
  assert.deepEqual(await asTheAppSees(), own);
});

/** @returns {(path: string) => void} asks the worker for a page */
function worker() {
  /** @type {Record<string, (event: any) => void>} */
  const heard = {};
  const cache = { match: async () => ({}) };
  const self = { addEventListener: (/** @type {string} */ name, /** @type {any} */ run) => { heard[name] = run; }, location: { origin: 'https://x' } };
  const text = readFileSync(join(STATIC, 'sw.js'), 'utf8').replace("'{digests}'", "'{}'");
  runInContext(text, createContext({ self, URL, caches: { open: async () => cache, match: cache.match }, indexedDB }));
  return (path) => heard.fetch({ request: { method: 'GET', url: `https://x${path}`, mode: 'navigate' }, respondWith: () => {} });
}

test('the worker opens the databases for a page, and makes none', async () => {
  globalThis.indexedDB = new IDBFactory();
  worker()('/F/visit');
  await settled();
  assert.deepEqual((await indexedDB.databases()).filter(({ version }) => version), []);
  const own = await asTheAppSees();
  worker()('/F/visit');
  await settled();
  assert.deepEqual(await asTheAppSees(), own);
});

test('the worker leaves the databases alone for what is not the app', async (t) => {
  globalThis.indexedDB = new IDBFactory();
  const asked = t.mock.method(indexedDB, 'open');
  worker()('/office/');
  assert.equal(asked.mock.callCount(), 0);
  worker()('/');
  assert.equal(asked.mock.callCount(), 2);
});
