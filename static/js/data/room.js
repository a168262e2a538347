/**
 * Room on a full phone, at nobody's cost: what the centre has for certain, and what can be fetched again.
 * Work that is not confirmed, drafts and their files are never touched.
 */
import { aboutOf } from './bodies.js';
import { sent, whole } from './db.js';

/**
 * @typedef {{db: {data: import('./db.js').Connection, outbox: import('./db.js').Connection}, formstore: import('./formstore.js').Formstore,
 *   outbox: import('./outbox.js').Outbox, drafts: import('./drafts.js').Drafts, now: () => Date,
 *   t: (zh: string, vars?: {[name: string]: string | number}) => string}} Parts
 */

/** Free what can be freed. @param {Parts} parts @returns {Promise<string>} what came of it, in words */
export async function makeRoom(parts) {
  const { t } = parts;
  const photos = await dropConfirmedPhotos(parts);
  const forms = await dropOldForms(parts);
  await parts.outbox.prune(parts.now());
  await parts.drafts.sweepBlobs(parts.now());
  if (!photos.count && !forms) return t('没有可清理的。请删除手机里的照片、视频或不用的应用,再点重试。');
  return t('清理了 {photos} 张照片副本({mb} MB)、{forms} 份旧表单。', { photos: photos.count, mb: (photos.bytes / 1e6).toFixed(1), forms });
}

/**
 * Photos whose whole work the centre has confirmed: earlier than the usual week, since today's visit matters more
 * than a second copy.
 * @param {Parts} parts
 */
async function dropConfirmedPhotos({ db }) {
  return db.outbox.run((idb) => whole(idb, ['op', 'blob'], async (tx) => {
    const ops = tx.objectStore('op');
    const blobs = tx.objectStore('blob');
    let [count, bytes] = [0, 0];
    const open = new Set();
    for (const row of await ops.index('unconfirmed').getAll()) for (const { sha256 } of aboutOf(row)?.blobs ?? []) open.add(sha256);
    for (let cursor = await blobs.openCursor(); cursor; cursor = await cursor.continue()) {
      const blob = cursor.value;
      if (blob.unsent || open.has(blob.sha256)) continue;
      sent(cursor.delete());
      count += 1;
      bytes += blob.size;
    }
    return { count, bytes };
  }));
}

/** Pages of versions that are neither offered nor needed by a draft. @param {Parts} parts @returns {Promise<number>} */
async function dropOldForms({ db, formstore, drafts }) {
  const offered = await formstore.list();
  if (!offered.length) return 0;
  const needed = new Set([...offered, ...await drafts.list()].map((one) => `${one.form_id} ${one.version}`));
  return db.data.run((idb) => whole(idb, ['form'], async (tx) => {
    const forms = tx.objectStore('form');
    const old = (await forms.getAllKeys()).filter((key) => !needed.has(/** @type {string[]} */ (key).join(' ')));
    for (const key of old) sent(forms.delete(key));
    return old.length;
  }));
}
