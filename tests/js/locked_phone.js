// A phone for tests with an unlock code and a centre whose key is known; and what lies in its databases, as text.
import 'fake-indexeddb/auto';
import { createCipher } from '../../static/js/data/cipher.js';
import { openDatabases } from '../../static/js/data/db.js';
import { createDrafts } from '../../static/js/data/drafts.js';
import { uuid7 } from '../../static/js/data/ids.js';
import { createLock } from '../../static/js/data/lock.js';
import { createOutbox } from '../../static/js/data/outbox.js';
import { createSession } from '../../static/js/data/session.js';
import { createStore } from '../../static/js/data/store.js';
import { IDBFactory } from 'fake-indexeddb';
import { NOW, SIGN_IN, memoryMarker } from './data_phone.js';

export const PIN = '284719';
/** Far fewer than on a phone: the number is the vault's own. */
export const ROUNDS = 1000;

const text = (bytes) => Buffer.from(bytes).toString('base64url');

export async function centreKeys() {
  const pair = await crypto.subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, true, ['deriveBits']);
  return { key: pair.privateKey, seal: text(await crypto.subtle.exportKey('raw', pair.publicKey)) };
}

/** Everything there is on the phone from here on; `at` is its clock. */
export function partsOf(db, { at = { now: NOW }, marker = memoryMarker(), holder, recovery } = {}) {
  const now = () => at.now;
  const cipher = createCipher();
  const shared = { data: db.base ?? db.data, outbox: db.outbox };
  const session = createSession({ db: shared, marker });
  const lock = createLock({ db: shared, cipher, now, holder, recovery, rounds: ROUNDS });
  const outbox = createOutbox({ db, session, now, ids: () => uuid7(), bootId: 'boot', monotonic: () => 1.5, cipher });
  const store = createStore({ db, outbox, cipher });
  const drafts = createDrafts({ run: db.data.run, user: () => session.user?.id ?? '', cipher });
  return { db, cipher, session, lock, outbox, store, drafts, at };
}

/** Signed in and unlocked, unless it is to stay plain. */
export async function lockedPhone({ plain = false, centre = null, ...more } = {}) {
  globalThis.indexedDB = new IDBFactory();
  const phone = partsOf(openDatabases(), more);
  await phone.session.load();
  const keys = centre && { server: { sign: 's', seal: 's' }, centre: { sign: 'c', seal: centre.seal } };
  await phone.session.signIn({ ...SIGN_IN, keys }, NOW);
  await phone.lock.load('u1');
  if (!plain) await phone.lock.setPin(PIN);
  return phone;
}

/** The same phone after the app was started anew; nobody has unlocked. */
export async function restarted(phone, more = {}) {
  const next = partsOf(phone.db, { at: phone.at, ...more });
  await next.session.load();
  await next.lock.load('u1');
  return next;
}

/** Everything in both databases, bytes read as UTF-8 too, so that nothing hides in them. */
export async function everything(db) {
  let all = '';
  for (const connection of [db.data, db.outbox]) {
    await connection.run(async (idb) => {
      for (const name of idb.objectStoreNames) all += `\n${name} ${spelled(await idb.getAll(name))} ${spelled(await idb.getAllKeys(name))}`;
    });
  }
  return all;
}

function spelled(value) {
  return JSON.stringify(value, (_name, one) => {
    if (one instanceof ArrayBuffer) return Buffer.from(one).toString('utf8');
    if (ArrayBuffer.isView(one)) return Buffer.from(one.buffer, one.byteOffset, one.byteLength).toString('utf8');
    return one;
  });
}
