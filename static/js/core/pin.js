/**
 * The PIN that opens a cadre's data on a phone: which ones are fit, and how long wrong tries make one wait.
 * A try is counted before it is made, so that killing the app in the middle wins nothing.
 */

export const PIN_LENGTH = 6;
/** So many wrong tries in a row destroy the key. */
export const LAST_TRY = 10;
const MINUTE = 60_000;
/** Wait after the 5th, 6th … wrong try. */
const WAITS = [MINUTE / 2, MINUTE, 5 * MINUTE, 15 * MINUTE, 60 * MINUTE];
const FREE = 4;

/** @typedef {{count: number, at: number, burnt?: true}} Tries  count: since the last right one; at: the last, as milliseconds */

/** @type {Tries} */
export const NO_TRIES = { count: 0, at: 0 };

/** '' or why a PIN is not taken. @param {string} pin @returns {'' | 'length' | 'simple'} */
export function unfit(pin) {
  if (!/^\d{6}$/.test(pin)) return 'length';
  const steps = new Set([...pin].slice(1).map((digit, i) => Number(digit) - Number(pin[i])));
  // 111111, 123456, 654321, 121212, 123123
  const simple = steps.size === 1 && Math.abs([...steps][0]) <= 1;
  return simple || pin === pin.slice(0, 2).repeat(3) || pin === pin.slice(0, 3).repeat(2) ? 'simple' : '';
}

/**
 * Milliseconds until the next try is allowed. A clock put back does not shorten the wait, nor make it endless.
 * @param {Tries} tries @param {number} now
 */
export function waitMs({ count, at }, now) {
  const wait = count > FREE ? WAITS[Math.min(count - FREE, WAITS.length) - 1] : 0;
  return Math.max(0, Math.min(wait, at + wait - now));
}

/** @param {Tries} tries @param {number} now @returns {Tries} */
export const counted = ({ count }, now) => ({ count: count + 1, at: now });

/** After a try that was counted and turned out wrong. @param {Tries} tries @returns {Tries} */
export const afterWrong = (tries) => (tries.count >= LAST_TRY ? { ...tries, burnt: true } : tries);

/** Tries that are left before the key is destroyed. @param {Tries} tries */
export const left = ({ count }) => Math.max(0, LAST_TRY - count);
