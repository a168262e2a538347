// A phone for tests: its data layer on a fresh fake IndexedDB, signed in as the cadre u1.
import { IDBFactory } from 'fake-indexeddb';
import { openDatabases } from '../../static/js/data/db.js';
import { uuid7 } from '../../static/js/data/ids.js';
import { createOutbox } from '../../static/js/data/outbox.js';
import { createSession } from '../../static/js/data/session.js';
import { placeOf } from '../../static/js/data/repack.js';
import { createStore } from '../../static/js/data/store.js';

export const NOW = new Date('2026-11-24T12:15:03.123Z');
export const AREA = '500156102203';
export const SIGN_IN = {
  token: 't', install_id: 'inst', server_id: 's', epoch: 'e', tier: 'node', time: NOW.toISOString(),
  user: { id: 'u1', name: '代明文', username: 'qingshui', grants: [{ role: 'cadre', area: AREA }] },
};

export function memoryMarker() {
  const held = new Map();
  return { getItem: (k) => held.get(k) ?? null, setItem: (k, v) => held.set(k, v), removeItem: (k) => held.delete(k) };
}

export async function phone({ signedIn = true, marker = memoryMarker() } = {}) {
  globalThis.indexedDB = new IDBFactory();
  const db = openDatabases();
  const session = createSession({ db, marker });
  await session.load();
  if (signedIn) await session.signIn(SIGN_IN, NOW);
  const outbox = createOutbox({ db, session, now: () => NOW, ids: () => uuid7(), bootId: 'boot', monotonic: () => 1.5 });
  const store = createStore({ db, outbox });
  return { db, session, outbox, store, marker };
}

export const visit = (id, household = 'h1') => ({
  entity: 'visit', id, kind: 'create', area: AREA, base_rev: 0,
  fields: { household_id: { old: null, new: household }, outcome: { old: null, new: 'nobody' }, date: { old: null, new: '2026-11-24' } },
});

export const receiptFor = (row, tier, epoch = 'e') => ({
  server_id: 's', epoch, tier, op_id: row.op_id, hash: row.hash, seq: 100 + row.dseq, time: NOW.toISOString(), sig: null,
});

export const resultFor = (row, tier, epoch = 'e') => ({
  op_id: row.op_id, status: 'applied', rev: 1, seq: 100 + row.dseq, receipt: receiptFor(row, tier, epoch),
});

export const household = (id, fields = {}, extra = {}) => ({
  kind: 'household', id, area: AREA, rev: 1, seq: 1, since: {},
  fields: { code: `CODE${id}`, head_name: '魏家德', group: '一组', house_no: '18', status: 'ordinary', ...fields }, ...extra,
});
export const member = (id, householdId, fields = {}, extra = {}) => ({
  kind: 'member', id, area: AREA, rev: 1, seq: 1, since: {},
  fields: { household_id: householdId, full_name: '侯会琴', line: '2', state: 'active', ...fields }, ...extra,
});
export const page = (records, extra = {}) => ({
  server_id: 's', epoch: 'e', scope_version: '1', cursor: 'e.1.1', more: false, records, confirmed_dseq: {},
  time: NOW.toISOString(), ...extra,
});

/** Every pulled record as it lies on a phone without a code. */
export const pulled = (db) => db.data.run(async (idb) => [...await idb.getAll('record'), ...(await idb.getAll('pack')).flatMap((pack) => pack.records)]);

/** Records of packs changed behind the app's back, as by a fault or another window. */
export const tamper = (db, change) => db.data.run(async (idb) => {
  const tx = idb.transaction(['pack', 'place', 'meta'], 'readwrite');
  for (const pack of await tx.objectStore('pack').getAll()) {
    const records = change(pack.records);
    tx.objectStore('pack').put({ ...pack, records });
    tx.objectStore('place').put({ id: pack.id, at: -1, ...placeOf(records) });
  }
  tx.objectStore('meta').put({ key: 'packs', value: -1 });
  await tx.done;
});

/** As phones of before kept them: every record a row of its own. */
export const unpacked = (db) => db.data.run(async (idb) => {
  const tx = idb.transaction(['record', 'pack', 'place', 'meta'], 'readwrite');
  for (const pack of await tx.objectStore('pack').getAll()) for (const record of pack.records) tx.objectStore('record').put(record);
  for (const name of ['pack', 'place']) tx.objectStore(name).clear();
  tx.objectStore('meta').put({ key: 'packs', value: -1 });
  await tx.done;
});
