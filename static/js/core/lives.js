/** What happened to a household over time, as entries tell it. Where it went is asked as in forms/lives.py (tests/vectors/lives.json). */

/** @typedef {{what: string, area: string, date: string, seq: number, place: string, [name: string]: any}} Entry */

/** Records of kind event as entries, the latest first. @param {{area: string, seq?: number, fields: {[name: string]: any}}[]} records @returns {Entry[]} */
export const entriesOf = (records) => records
  .map(({ area, seq, fields }) => /** @type {Entry} */ ({ ...fields, area, seq: seq ?? Infinity }))
  .sort((a, b) => (a.date < b.date ? 1 : a.date > b.date ? -1 : b.seq - a.seq));

/**
 * The entry that says where a household went from this area; null when it never left it, or is back.
 * @param {Entry[]} entries of one household @param {string} area @returns {Entry | null}
 */
export function goneTo(entries, area) {
  const moves = entries.filter((one) => one.area === area && ['moved_out', 'moved_in'].includes(one.what));
  const last = moves.reduce((found, one) => (
    found && (found.date > one.date || (found.date === one.date && found.seq > one.seq)) ? found : one), /** @type {Entry | null} */ (null));
  return last?.what === 'moved_out' ? last : null;
}

/** The entry that a household with this code left behind, the latest. @param {Entry[]} entries sorted @param {string} code */
export const movedWithCode = (entries, code) => entries.find((one) => one.what === 'moved_out' && one.code?.split(' ').includes(code)) ?? null;
