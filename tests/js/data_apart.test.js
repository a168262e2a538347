// The outbox apart: a broken ruhu-data keeps no finished work back; a wiped browser is noticed and says what is gone.
import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDB } from 'idb';
import { connection, openDatabases } from '../../static/js/data/db.js';
import { createOutbox } from '../../static/js/data/outbox.js';
import { createSession } from '../../static/js/data/session.js';
import { NOW, SIGN_IN, memoryMarker, phone, visit } from './data_phone.js';

/** The app started again on the same databases. */
async function again(db, marker) {
  const session = createSession({ db, marker });
  const outbox = createOutbox({ db, session, now: () => NOW, ids: () => crypto.randomUUID(), bootId: 'b', monotonic: () => 1 });
  return { session, outbox };
}
const drop = async (db, name) => {
  (await db[name].open()).close();
  await new Promise((done, fail) => Object.assign(indexedDB.deleteDatabase(`ruhu-${name}`), { onsuccess: done, onerror: fail }));
};

for (const how of ['fails', 'hangs']) {
  test(`a migration of ruhu-data that ${how} leaves the outbox readable, with the key to send it`, async () => {
    const { db, outbox, marker } = await phone();
    await outbox.append([visit('v1')], 'h1');
    (await db.data.open()).close();
    (await db.outbox.open()).close();
    const fresh = openDatabases();
    // A page of the old version that never lets go.
    const old = how === 'hangs' ? await openDB('ruhu-data', 4) : null;
    const broken = { outbox: fresh.outbox, data: connection('ruhu-data', 5, () => { throw new Error('a bug in the migration'); }) };
    const { session, outbox: after } = await again(broken, marker);
    const opened = await Promise.race([session.load().then(() => 'opened', () => 'failed'), new Promise((done) => setTimeout(done, 150, 'hangs'))]);
    assert.equal(opened, how === 'fails' ? 'failed' : 'hangs');
    await session.loadSpare();
    assert.deepEqual([session.install.install_id, session.install.token], ['inst', 't']);
    assert.deepEqual((await after.toOffer('inst', 50)).map((row) => row.dseq), [1]);
    // The server may say who it is and refuse the key meanwhile; neither asks for ruhu-data.
    await session.noteServer({ server_id: 's', epoch: 'e2', time: NOW.toISOString() }, NOW);
    assert.equal(session.server.epoch, 'e2');
    old?.close();
  });
}

test('a wiped phone says how much was open at the last count, and forgets it once somebody has signed in', async () => {
  const first = await phone();
  await first.outbox.append([visit('v1')], 'h1');
  first.session.noteOpen({ open: await first.outbox.unconfirmed(), drafts: 2 }, NOW);
  const { session } = await phone({ signedIn: false, marker: first.marker });
  assert.deepEqual(session.lost, { install_id: 'inst', open: 1, drafts: 2, at: NOW.toISOString() });
  session.noteOpen({ open: 0, drafts: 0 }, NOW);
  assert.match(first.marker.getItem('ruhu-open'), /"open":1/);
  await session.signIn({ ...SIGN_IN, install_id: 'inst2' }, NOW);
  assert.equal(session.lost, null);
});

test('the mark outside the databases holds an install id and counts, nothing about people', async () => {
  const marker = memoryMarker();
  const kept = [];
  const { session, outbox } = await phone({ marker: { ...marker, setItem: (name, value) => { kept.push(name, value); marker.setItem(name, value); } } });
  await outbox.append([visit('v1', 'h1')], 'h1');
  session.noteOpen({ open: 1, drafts: 0 }, NOW);
  assert.ok(kept.length >= 4);
  for (const secret of ['代明文', 'qingshui', 'u1', 'h1', '500156', '"t"']) assert.ok(!kept.join(' ').includes(secret), secret);
});

test('only the outbox is gone: its install must not count from 1 again', async () => {
  const { db, outbox, marker } = await phone();
  await outbox.append([visit('v1')], 'h1');
  await drop(db, 'outbox');
  const { session } = await again(openDatabases(), marker);
  await session.load();
  assert.deepEqual([session.user, session.lost.install_id], [null, 'inst']);
});

test('only ruhu-data is gone: still signed in, and told that drafts are lost', async () => {
  const { db, session: before, marker } = await phone();
  before.noteOpen({ open: 3, drafts: 2 }, NOW);
  await drop(db, 'data');
  const fresh = openDatabases();
  const { session } = await again(fresh, marker);
  await session.load();
  assert.deepEqual([session.user.username, session.lost.open, session.lost.drafts], ['qingshui', 0, 2]);
  const third = await again(fresh, marker);
  await third.session.load();
  assert.equal(third.session.lost, null);
});

test('a phone of the version before, without the spare, is not taken for a wiped one', async () => {
  const { db, marker } = await phone();
  await db.outbox.run(async (idb) => idb.delete('counter', 'session'));
  await db.data.run(async (idb) => idb.delete('meta', 'beside'));
  const { session } = await again(openDatabases(), marker);
  await session.load();
  assert.deepEqual([session.user.username, session.lost], ['qingshui', null]);
});
