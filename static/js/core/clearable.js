/** Whether a phone may be emptied: only when nothing on it is needed any more, and the server said so not long ago. */

/** A word from the server older than this says nothing of today's work. */
const FRESH_MS = 60 * 60_000;

/**
 * @typedef {'unconfirmed' | 'photos' | 'drafts' | 'contact'} Lack
 * @param {{unconfirmed: number, photos: number, drafts: number, last_ok: string | null, now: Date}} phone
 *   unconfirmed: pieces of work without the centre's receipt; photos: files the node has not taken;
 *   drafts: of everybody on this phone; last_ok: the last round that went through
 * @returns {{safe: boolean, lacks: {what: Lack, n: number}[]}}
 */
export function clearable({ unconfirmed, photos, drafts, last_ok, now }) {
  const age = last_ok ? now.getTime() - Date.parse(last_ok) : Infinity;
  const counted = [['unconfirmed', unconfirmed], ['photos', photos], ['drafts', drafts]];
  const lacks = /** @type {{what: Lack, n: number}[]} */ (counted.filter(([, n]) => n !== 0).map(([what, n]) => ({ what, n })));
  // A clock that was put back makes the word come from the future: not fresh either.
  if (!(age >= 0 && age <= FRESH_MS)) lacks.push({ what: 'contact', n: 0 });
  return { safe: lacks.length === 0, lacks };
}
