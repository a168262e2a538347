/**
 * Whether somebody typed in stands in the register already, in another household: one person must not be counted twice.
 */
import { TAIL } from '../core/search-row.js';

/**
 * Which of these ID numbers a member of another household on this phone has → that household's head. Rows name those
 * worth opening.
 * @param {{rows: () => Promise<import('../core/search-row.js').Row[]>, members: (household: string) => Promise<import('../types.js').RuhuRecord[]>}} store
 * @param {string[]} numbers @param {string} household
 */
export async function elsewhere(store, numbers, household) {
  const wanted = new Set(numbers.filter(Boolean));
  /** @type {Map<string, string>} */
  const found = new Map();
  if (!wanted.size) return found;
  const tails = new Set([...wanted].map((number) => number.slice(-TAIL)));
  for (const row of await store.rows()) {
    if (row.id === household || !row.tails.some((tail) => tails.has(tail))) continue;
    for (const { fields } of await store.members(row.id)) {
      if (['', 'active', undefined].includes(fields.state) && wanted.has(fields.id_no)) found.set(fields.id_no, row.head);
    }
  }
  return found;
}
