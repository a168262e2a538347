/**
 * The one spelling of an op as text, so that every tier computes the same hash.
 * The Python half is sync/canonical.py; tests/vectors/canonical.json holds them together.
 */

import { hex, sha256 } from './sha256.js';

/**
 * JSON with sorted keys, no spaces, integers only.
 * @param {any} value text, integer, boolean, null, or lists and objects of them
 * @returns {string}
 * @throws {TypeError} for numbers that are no safe integers, and for what JSON has not
 */
export function canonical(value) {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) return String(value);
    throw new TypeError('only integers have a canonical spelling');
  }
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object') throw new TypeError(`${typeof value} has no canonical spelling`);
  const members = Object.keys(value).sort().filter((key) => value[key] !== undefined);
  return `{${members.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(',')}}`;
}

/** Hex SHA-256 of a text's UTF-8. @param {string} text */
export const textHash = (text) => hex(sha256(new TextEncoder().encode(text)));

/** The op's content hash: over everything but hash and sig. @param {object} op */
export function opHash(op) {
  const { hash, sig, ...content } = /** @type {any} */ (op);
  return textHash(canonical(content));
}
