/** How long to wait and how much to send: deciding only, no timers. */

export const FIRST_WAIT_MS = 2_000;
export const LONGEST_WAIT_MS = 15 * 60_000;
export const MAX_OPS = 50;
/** Of plain JSON; a margin under the server's 1 MB for the envelope. */
export const MAX_BYTES = 1_000_000;

/**
 * Wait before try number `failures` + 1: doubling from 2 s to 15 min, a random half of it,
 * so that a village's phones do not come back in step.
 * @param {number} failures 1 after the first failure
 * @param {number} random 0 ≤ random < 1
 * @param {number} [retryAfterS] what the server asked for; it is the least we wait
 */
export function waitMs(failures, random, retryAfterS = 0) {
  const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.max(0, failures - 1));
  return Math.max(retryAfterS * 1000, longest / 2 + random * (longest / 2));
}

/**
 * The first rows that fit into one push. At least one, however big: the server must get to see it to refuse it.
 * @template {{op?: unknown}} T
 * @param {T[]} rows
 * @param {number} limit
 * @returns {T[]}
 */
export function batchOf(rows, limit) {
  let bytes = 0;
  const batch = [];
  for (const row of rows.slice(0, limit)) {
    bytes += new TextEncoder().encode(JSON.stringify(row.op)).length;
    if (batch.length && bytes > MAX_BYTES) break;
    batch.push(row);
  }
  return batch;
}
