/** How a name is read, for finding one that was written with other characters. As app/tables/names.py reads. */

import { CODES, SURNAMES, SYLLABLES } from './sounds-table.js';

const FIRST_ROW = 0xb0;
const ROW = 94;
const DIGITS = 2;

/** @type {Map<string, string> | undefined} */
let table;

function build() {
  const size = CODES.length / DIGITS;
  const bytes = new Uint8Array(size * 2);
  for (let i = 0; i < size; i++) {
    bytes[i * 2] = FIRST_ROW + Math.floor(i / ROW);
    bytes[i * 2 + 1] = 0xa1 + (i % ROW);
  }
  const readings = SYLLABLES.split(' ');
  return new Map([...new TextDecoder('gbk').decode(bytes)].map((character, i) => (
    [character, readings[parseInt(CODES.slice(i * DIGITS, (i + 1) * DIGITS), 36)] ?? ''])));
}

/** @type {Map<string, string>} */
const surnames = new Map(SURNAMES.split(' ').map((one) => [one[0] ?? '', one.slice(1)]));

/** The syllables of a name, the first as a surname is read; a character beyond GB 2312 stands for itself. @param {string} name */
export function soundOf(name) {
  const known = (table ??= build());
  const characters = [...name.normalize('NFKC').toLowerCase()].filter((one) => /[\p{L}\p{N}]/u.test(one));
  return characters.map((one, i) => (i === 0 && surnames.get(one)) || known.get(one) || one).join(' ');
}
