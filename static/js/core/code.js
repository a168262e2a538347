/**
 * Household codes and sheet QR texts: read, group, suggest, look up.
 * The phone has no key: a code is ours when the register holds exactly the same 26 characters.
 * tests/vectors/code.json holds this module and app/codes.py together.
 */

export const SHORT_LENGTH = 13;

const CODE = /^[0-9A-HJKMNP-TV-Z]{26}$/;
const SHEET = /^[0-9A-HJKMNP-TV-Z]{8}$/;
const FORM_ID = /^[a-z0-9][a-z0-9-]*$/;
const PATH = /\/(?:H\/([^/?#]+)|S\/([^/?#]+)\/([^/?#]+)\/([^/?#]+))\/?(?:[?#].*)?$/i;

/** Typed characters as the code's own: capitals, O as 0, I and L as 1, spaces and dashes gone. @param {string} text */
export function normalise(text) {
  const plain = text.normalize('NFKC').toUpperCase().replace(/[\s\-‐-―−]/g, '');
  return plain.replace(/O/g, '0').replace(/[IL]/g, '1');
}

/** For reading aloud: groups of four. @param {string} code */
export const grouped = (code) => code.match(/.{1,4}/g)?.join(' ') ?? '';

/** @param {string} code */
export const shortOf = (code) => code.slice(0, SHORT_LENGTH);

/**
 * What a scanned or fully typed text names; null when it is not one of ours. Any host is accepted.
 * @param {string} text
 * @returns {{kind: 'household'|'sheet', code: string, form_id: string, sheet: string}|null}
 */
export function parse(text) {
  const path = PATH.exec(text.trim());
  const code = normalise(path ? path[1] ?? path[2] : text);
  if (!CODE.test(code)) return null;
  if (!path || path[1]) return { kind: 'household', code, form_id: '', sheet: '' };
  const formId = path[3].toLowerCase();
  const sheet = normalise(path[4]);
  return FORM_ID.test(formId) && SHEET.test(sheet) ? { kind: 'sheet', code, form_id: formId, sheet } : null;
}

/**
 * Which household a whole code means, among those on this phone.
 * @template {{code: string, other_codes?: string}} T
 * @param {string} code 26 characters
 * @param {Iterable<T>} households
 * @returns {{verdict: 'ours', household: T} | {verdict: 'forged'|'unknown', household: null}}
 */
export function lookup(code, households) {
  let forged = false;
  for (const household of households) {
    // A card of a household that was merged into this one still opens it.
    if (household.code === code || household.other_codes?.split(' ').includes(code)) return { verdict: 'ours', household };
    if (household.code && shortOf(household.code) === shortOf(code)) forged = true;
  }
  return { verdict: forged ? 'forged' : 'unknown', household: null };
}

/**
 * Households whose code begins with what was typed; nothing below four characters.
 * @template {{code: string}} T
 * @param {string} typed @param {Iterable<T>} households @param {number} [limit]
 * @returns {T[]}
 */
export function suggest(typed, households, limit = 10) {
  const start = normalise(typed);
  /** @type {T[]} */
  const found = [];
  if (start.length < 4) return found;
  for (const household of households) {
    if (household.code?.startsWith(start)) found.push(household);
    if (found.length === limit) break;
  }
  return found;
}
