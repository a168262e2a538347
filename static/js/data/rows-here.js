/**
 * Search rows of the households that open ops speak of, kept for the next start: a phone that was weeks without
 * network would open thousands of ops before the first screen. They count only for the very ops and records they were
 * made of, and are never more than a list shows: whoever opens a household sees it made anew.
 */
import { sent, whole } from './db.js';
import { ROWS_HERE, STAMP } from './packs.js';

const SOON_MS = 1500;
/** What fewer open ops say is worked out as quickly as read. It is ops that take the time: one household may have hundreds. */
const FEW = 8;

/** @typedef {[string, import('../core/search-row.js').Row | null][]} Rows  by household; null: not to be listed */

/**
 * @param {{db: {data: import('./db.js').Connection}, outbox: import('./outbox.js').Outbox, cipher: import('./cipher.js').Cipher,
 *   later?: (work: () => Promise<void>) => void}} parts
 */
export function createRowsHere({ db, outbox, cipher, later = (work) => void setTimeout(work, SOON_MS) }) {
  let asked = 0;

  /** What the rows are made of, told briefly: which ops are open and unanswered, and how far was pulled. */
  async function print() {
    const [ops, meta] = await Promise.all([outbox.openMarks(), db.data.run((idb) => {
      const store = idb.transaction('meta').objectStore('meta');
      return Promise.all(['cursor', STAMP, 'round', ROWS_HERE].map((key) => store.get(key)));
    })]);
    const kept = meta.pop()?.value;
    const open = ops[0].reduce((sum, [, first, last]) => sum + last - first + 1, 0);
    return { print: JSON.stringify([ops, meta.map((row) => row?.value ?? null)]), stamp: meta[1]?.value, open, kept };
  }

  /** @param {() => Promise<Rows>} make @returns {Promise<Rows>} */
  async function read(make) {
    const mine = ++asked;
    const now = await print();
    const found = now.kept?.print === now.print && await opened(now.kept);
    if (found) return found;
    const rows = await make();
    if (now.open > FEW || now.kept) later(async () => { if (mine === asked) await keep(now, rows).catch(() => {}); });
    return rows;
  }

  /** @param {any} kept @returns {Promise<Rows | undefined>} */
  const opened = async (kept) => (kept.box ? cipher.open(kept.box, `rows|${ROWS_HERE}`) : kept.rows);

  /** @param {{print: string, stamp: unknown}} made @param {Rows} rows */
  async function keep(made, rows) {
    const value = { print: made.print, ...(cipher.on ? { box: await cipher.close(rows, `rows|${ROWS_HERE}`) } : { rows }) };
    await db.data.run((idb) => whole(idb, ['meta'], async (tx) => {
      const meta = tx.objectStore('meta');
      // Records came while it was closed: what was erased of them must not be written after them.
      if ((await meta.get(STAMP))?.value === made.stamp) sent(meta.put({ key: ROWS_HERE, value }));
    }));
  }

  return { read };
}
