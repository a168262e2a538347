/**
 * Closes what lay plain before the PIN was set, a few rows at a time. Each row is closed, opened again and compared
 * before it takes the place of the plain one, and only if that is still the same; so it can be stopped anywhere, and
 * what is plain meanwhile is read as before. What belongs to another person is left to that person.
 */
import { createDraftBox } from './draft-box.js';
import { sent, whole } from './db.js';

const AT_ONCE = 200;

/**
 * @typedef {{db: {data: import('./db.js').Connection, outbox: import('./db.js').Connection}, cipher: import('./cipher.js').Cipher,
 *   outbox: import('./outbox.js').Outbox, store: import('./store.js').Store, session: import('./session.js').Session, lock: import('./lock.js').Lock}} Parts
 */

/** The data key under which everything of this person was found closed, in ruhu-data. */
const DONE = 'sealed_under';

/** Everything that still lies plain and is this person's; first what only this phone has. @param {Parts} parts */
export async function sealOld({ db, cipher, outbox, session, store, lock }) {
  if (!cipher.on) return;
  const me = session.user?.id ?? '';
  const others = new Set(session.installs.filter((one) => one.user.id !== me).map((one) => one.install_id));
  const id = lock.vault?.id;
  const before = await store.meta(DONE) === id;
  // Work that was finished while the centre's key was not here also later.
  const all = await sealOutbox(db.outbox, outbox.bodies, others, before);
  if (before) return;
  await sealDrafts(db.data, createDraftBox(cipher), me);
  await sealRecords(db.data, store);
  if (all) await store.setMeta(DONE, id);
}

/**
 * @param {import('./db.js').Connection} connection @param {import('./bodies.js').Bodies} bodies @param {Set<string>} others installs of other people
 * @param {boolean} quick photos are only looked at where an op was plain
 * @returns {Promise<boolean>} whether all is closed
 */
async function sealOutbox(connection, bodies, others, quick) {
  const rows = /** @type {import('./outbox.js').Row[]} */ (await connection.run((idb) => idb.getAll('op')));
  const theirs = new Set(rows.filter((row) => others.has(row.install_id)).flatMap((row) => [row.submission ?? row.op_id]));
  /** @type {Map<string, import('./outbox.js').Row[]>} */
  const works = new Map();
  for (const row of rows) {
    if (!row.op || others.has(row.install_id)) continue;
    const work = row.submission ?? row.op_id;
    works.set(work, [...works.get(work) ?? [], row]);
  }
  for (const [work, plain] of works) {
    const { rows: closed } = await bodies.closeWork(plain, [], work);
    // The centre's key is not known yet: next time.
    if (closed.some((row) => !row.box)) return false;
    const open = await bodies.openRows(closed);
    if (open.some((row, i) => !same(row.op, plain[i].op))) throw new Error('a sealed op does not open');
    await connection.run((idb) => whole(idb, ['op'], async (tx) => {
      const ops = tx.objectStore('op');
      for (const [i, { install_id, dseq, op_id }] of plain.entries()) {
        const now = await ops.get([install_id, dseq]);
        const { about, box, key } = closed[i];
        // Its marks may have changed meanwhile; the op itself never does.
        if (now?.op && now.op_id === op_id) sent(ops.put({ ...without(now, 'op'), about, box, key }));
      }
    }));
  }
  if (quick && !works.size) return true;
  // One at a time: they are large.
  for (const sha256 of await connection.run((idb) => idb.getAllKeys('blob'))) {
    const blob = await connection.run((idb) => idb.get('blob', sha256));
    if (!blob?.bytes || theirs.has(blob.work)) continue;
    const { blobs: [closed] } = await bodies.closeWork([], [blob], blob.work ?? String(sha256));
    if (!('parts' in closed)) return false;
    const open = await bodies.openBlob(closed);
    if (!open || !sameBytes(open.bytes, blob.bytes)) throw new Error('a sealed photo does not open');
    const { key, parts } = /** @type {import('./bodies.js').ClosedBlob} */ (closed);
    await connection.run((idb) => whole(idb, ['blob'], async (tx) => {
      const now = await tx.objectStore('blob').get(sha256);
      if (now?.bytes) sent(tx.objectStore('blob').put({ ...without(now, 'bytes'), key, parts }));
    }));
  }
  return true;
}

/** @param {import('./db.js').Connection} connection @param {ReturnType<typeof createDraftBox>} box @param {string} me */
async function sealDrafts(connection, box, me) {
  const drafts = await connection.run((idb) => idb.getAll('draft'));
  const mine = drafts.filter((draft) => !draft.user_id || draft.user_id === me);
  const theirs = new Set(drafts.filter((draft) => !mine.includes(draft)).map((draft) => draft.draft_id));
  for (const draft of mine.filter((one) => !one.box)) {
    const closed = await box.close({ ...draft, user_id: me });
    if (!same(await box.open(closed), { ...draft, user_id: me })) throw new Error('a sealed draft does not open');
    await replace(connection, 'draft', draft.draft_id, draft, closed);
  }
  for (const sha256 of await connection.run((idb) => idb.getAllKeys('photo'))) {
    const photo = await connection.run((idb) => idb.get('photo', sha256));
    if (!photo?.bytes || theirs.has(photo.draft_id)) continue;
    const closed = await box.closeFile(photo);
    const open = await box.openFile(closed);
    if (!open || !sameBytes(open.bytes, photo.bytes)) throw new Error('a sealed photo does not open');
    await replace(connection, 'photo', sha256, photo, closed);
  }
}

/** What was pulled: it could be fetched again, but not without a network. @param {import('./db.js').Connection} connection @param {import('./store.js').Store} store */
async function sealRecords(connection, store) {
  for (let after = /** @type {any} */ (null); ;) {
    const some = await connection.run((idb) => idb.getAll('record', after && IDBKeyRange.lowerBound(after, true), AT_ONCE));
    const plain = some.filter((record) => !record.box);
    const closed = await Promise.all(plain.map(store.box.close));
    await connection.run((idb) => whole(idb, ['record'], async (tx) => {
      const records = tx.objectStore('record');
      for (const [i, record] of plain.entries()) {
        const now = closed[i].box && await records.get([record.kind, record.id]);
        if (now && !now.box && now.seq === record.seq && now.rev === record.rev && now.round === record.round) sent(records.put(closed[i]));
      }
    }));
    if (some.length < AT_ONCE) break;
    const last = some[some.length - 1];
    after = [last.kind, last.id];
  }
  await store.closeOld();
  await store.searchRows.anew();
}

/** @param {import('./db.js').Connection} connection @param {string} name @param {IDBValidKey} key @param {any} plain as it was read @param {any} closed */
const replace = (connection, name, key, plain, closed) => connection.run((idb) => whole(idb, [name], async (tx) => {
  const now = await tx.objectStore(name).get(key);
  // Another window may have gone on typing.
  if (now && !now.box && same({ ...now, bytes: 0 }, { ...plain, bytes: 0 })) sent(tx.objectStore(name).put(closed));
}));

/** @param {any} row @param {string} name */
function without(row, name) {
  const { [name]: _gone, ...rest } = row;
  return rest;
}

/** @param {unknown} a @param {unknown} b */
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** @param {ArrayBuffer} a @param {ArrayBuffer} b */
function sameBytes(a, b) {
  const [x, y] = [new Uint8Array(a), new Uint8Array(b)];
  return x.length === y.length && x.every((byte, i) => byte === y[i]);
}
