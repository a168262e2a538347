/**
 * Search rows of the register, in blocks: each page that comes adds one, and a later block says the newer thing.
 * In memory they are kept as a map that only reads what was added since.
 */
import { sent, whole } from './db.js';

/** @typedef {import('./record-box.js').Block} Block */

/** Blocks above this many are made anew, as few and large ones. */
const MANY = 40;
const LARGE = 1000;
const STORES = ['row', 'block'];

/** @param {{db: {data: import('./db.js').Connection}, box: import('./record-box.js').RecordBox, newId?: () => string}} parts */
export function createSearchRows({ db, box, newId = () => crypto.randomUUID() }) {
  /** @type {{byId: Map<string, any>, lowest: number, highest: number} | null} */
  let seen = null;

  /** Rows as pulled, by household. @returns {Promise<Map<string, any>>} */
  async function read() {
    const before = seen;
    const { old, blocks, keys } = await db.data.run(async (idb) => {
      const tx = idb.transaction(STORES);
      const keys = /** @type {number[]} */ (await tx.objectStore('block').getAllKeys());
      const on = before && keys[0] === before.lowest;
      return {
        keys, old: on ? null : await tx.objectStore('row').getAll(),
        blocks: /** @type {Block[]} */ (await tx.objectStore('block').getAll(on ? IDBKeyRange.lowerBound(before.highest, true) : null)),
      };
    });
    const byId = old || !before ? new Map((old ?? []).map((row) => [row.id, row])) : before.byId;
    await box.openBlocks(byId, blocks);
    seen = { byId, lowest: keys[0] ?? 0, highest: keys[keys.length - 1] ?? 0 };
    if (keys.length > MANY) await few(keys);
    return byId;
  }

  /** @param {number[]} keys of the blocks that were read */
  async function few(keys) {
    const all = [...(seen?.byId.values() ?? [])];
    /** @type {Block[]} */
    const blocks = [];
    for (let at = 0; at < all.length; at += LARGE) blocks.push(await closed(all.slice(at, at + LARGE), []));
    await db.data.run((idb) => whole(idb, STORES, async (tx) => {
      const store = tx.objectStore('block');
      // Another page came meanwhile: next time.
      if (String(await store.getAllKeys()) !== String(keys)) return;
      sent(store.clear());
      sent(tx.objectStore('row').clear());
      for (const block of blocks) sent(store.add(block));
    }));
  }

  /** @param {any[]} rows @param {string[]} gone */
  const closed = (rows, gone) => box.closeBlock(rows, gone, newId());

  return {
    read, closed, few,
    forget() { seen = null; },
    /** Everything anew, closed where it was plain. */
    async anew() {
      await read();
      await few(await db.data.run(async (idb) => /** @type {number[]} */ (await idb.getAllKeys('block'))));
    },
  };
}
