/**
 * Finished work of a person who has not unlocked goes up closed, as a file for the centre: so it does not wait for
 * that person, or for a code that was forgotten. What the node itself should know comes when the person unlocks.
 */
import { sent, whole } from './db.js';

/** A file of a request; photos beyond it go with the next one. */
const LARGEST = 16 * 1024 * 1024;
const AGAIN_MS = 24 * 3600_000;
const key = (/** @type {string} */ id) => `handed:${id}`;

/**
 * @typedef {import('./courier.js').Parts & {api: import('./api.js').Api, db: {outbox: import('./db.js').Connection}}} Parts
 * @typedef {{dseq: number, photos: number, at: number}} Handed
 */

/**
 * @param {Parts} parts
 * @returns {Promise<{handed: number, trouble: import('./push.js').Trouble | null}>} handed: works that went now
 */
export async function sendClosed(parts) {
  const { outbox, session, now, db, api } = parts;
  let handed = 0;
  for (const id of await outbox.openInstalls()) {
    const install = session.installs.find((one) => one.install_id === id);
    if (!install || !session.server?.keys?.centre?.seal) continue;
    const rows = await outbox.bodies.openRows(await outbox.closedRows(id));
    if (rows.every((row) => row.op)) continue;
    const last = rows[rows.length - 1].dseq;
    const before = /** @type {Handed | undefined} */ (await db.outbox.run(async (idb) => (await idb.get('counter', key(id)))?.value));
    const fresh = before && now().getTime() - before.at < AGAIN_MS && now().getTime() >= before.at;
    if (fresh && before.dseq === last && before.photos < 0) continue;
    const from = fresh && before.dseq === last ? before.photos : 0;
    const { exportFrom } = await import('./courier.js');
    const made = await exportFrom(parts, install, { from, largest: LARGEST });
    if (!made) continue;
    const answer = await api.request('POST', '/sync/v1/closed', {
      token: tokenFor(session, install), body: made.file, patience: made.file.size / 4, headers: { 'Content-Type': 'application/octet-stream' },
    });
    if (answer.kind !== 'ok') return { handed, trouble: answer };
    const value = { dseq: last, photos: made.next, at: now().getTime() };
    await db.outbox.run((idb) => whole(idb, ['counter'], async (tx) => sent(tx.objectStore('counter').put({ key: key(id), value }))));
    handed += made.works;
  }
  return { handed, trouble: null };
}

/** Whoever brings it: the person's own token while it is good, else that of whoever is signed in. @param {import('./session.js').Session} session @param {import('./session.js').Install} install */
const tokenFor = (session, install) => (install.refused ? session.install?.token ?? install.token : install.token);
