/**
 * Each person on a phone has a store of their own: `ruhu-data` for whoever had it first, `ruhu-data-<id>` for the
 * others. Who is signed in, and the vaults, stay in `ruhu-data`.
 */
import { sent, whole } from './db.js';

const OWNER = 'owner';
/** Ids of the people who have a store of their own, in ruhu-data: an emptying must find them. */
const SHELVES = 'shelves';

/** @typedef {ReturnType<typeof import('./db.js').openDatabases>} Databases */

/**
 * From now on records and drafts are this person's.
 * @param {Databases} db @param {string} user '' for nobody
 */
export async function openShelf(db, user) {
  if (!user) return db.shelf('');
  const owner = await meta(db.base, OWNER);
  if (!owner || owner === user) {
    if (!owner) await put(db.base, OWNER, user);
    return db.shelf('');
  }
  const known = (await meta(db.base, SHELVES)) ?? [];
  // Noted before it is made.
  if (!known.includes(user)) await put(db.base, SHELVES, [...known, user]);
  db.shelf(user);
  await moveDrafts(db.base, db.data, user);
  // One that cannot be opened is told now, while the rescue page is near.
  await db.data.run(async (idb) => idb.version);
}

/** Work on every person's store on this phone. @template T @param {Databases} db @param {(connection: import('./db.js').Connection) => Promise<T>} work @returns {Promise<T[]>} */
export async function everyShelf(db, work) {
  const ids = /** @type {string[]} */ ((await meta(db.base, SHELVES)) ?? []);
  return Promise.all([db.base, ...ids.map((id) => db.shelfOf(id))].map(work));
}

/**
 * What a person began while all shared one store, with its files: there first, then gone here.
 * @param {import('./db.js').Connection} from @param {Pick<import('./db.js').Connection, 'run'>} to @param {string} user
 */
async function moveDrafts(from, to, user) {
  const drafts = (await from.run((idb) => idb.getAll('draft'))).filter((draft) => draft.user_id === user);
  if (!drafts.length) return;
  const ids = new Set(drafts.map((draft) => draft.draft_id));
  for (const key of await from.run((idb) => idb.getAllKeys('photo'))) {
    const photo = await from.run((idb) => idb.get('photo', key));
    if (ids.has(photo?.draft_id)) await to.run((idb) => whole(idb, ['photo'], async (tx) => sent(tx.objectStore('photo').put(photo))));
  }
  await to.run((idb) => whole(idb, ['draft'], async (tx) => {
    const store = tx.objectStore('draft');
    for (const draft of drafts) if (!await store.get(draft.draft_id)) sent(store.put(draft));
  }));
  // Its files here are swept once no draft names them.
  await from.run((idb) => whole(idb, ['draft'], async (tx) => {
    for (const id of ids) sent(tx.objectStore('draft').delete(id));
  }));
}

/** @param {import('./db.js').Connection} connection @param {string} key */
const meta = (connection, key) => connection.run(async (idb) => (await idb.get('meta', key))?.value ?? null);
/** @param {import('./db.js').Connection} connection @param {string} key @param {unknown} value */
const put = (connection, key, value) => connection.run((idb) => whole(idb, ['meta'], async (tx) => sent(tx.objectStore('meta').put({ key, value }))));
