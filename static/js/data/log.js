/**
 * The sync log a person reads: each failure with one cause and one next step.
 * Texts are kept as keys with their values, so that they follow the language.
 */
import { sent, whole } from './db.js';

const KEEP = 100;

/** @typedef {{n?: number, time: string, ok: boolean, text: string, next: string, values: Record<string, any>}} Entry */

/** @param {{db: {data: import('./db.js').Connection}, now: () => Date}} parts */
export function createLog({ db, now }) {
  /**
   * @param {boolean} ok
   * @param {string} text
   * @param {string} [next]
   * @param {Record<string, any>} [values]
   */
  async function add(ok, text, next = '', values = {}) {
    await db.data.run((idb) => whole(idb, ['log'], async (tx) => {
      const lines = tx.objectStore('log');
      const n = /** @type {number} */ (await lines.add({ time: now().toISOString(), ok, text, next, values }));
      sent(lines.delete(IDBKeyRange.upperBound(n - KEEP)));
    }));
  }

  /** Newest first. @returns {Promise<Entry[]>} */
  const entries = () => db.data.run(async (idb) => (await idb.getAll('log')).reverse());

  return { add, entries };
}

/** @typedef {ReturnType<typeof createLog>} Log */
