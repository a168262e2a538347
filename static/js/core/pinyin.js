/** Pinyin initials of names: 张三 answers to "zs". Load it when somebody types letters. */

import { LETTERS, SURNAMES } from './pinyin-table.js';

const FIRST_ROW = 0xb0;
const ROW = 94;

/** @type {Map<string, string>|undefined} */
let table;

function build() {
  const bytes = new Uint8Array(LETTERS.length * 2);
  for (let i = 0; i < LETTERS.length; i++) {
    bytes[i * 2] = FIRST_ROW + Math.floor(i / ROW);
    bytes[i * 2 + 1] = 0xa1 + (i % ROW);
  }
  const characters = [...new TextDecoder('gbk').decode(bytes)];
  const made = new Map(characters.map((character, i) => [character, LETTERS[i]]));
  for (let i = 0; i < SURNAMES.length; i += 2) made.set(SURNAMES[i], (made.get(SURNAMES[i]) ?? '') + SURNAMES[i + 1]);
  return made;
}

/**
 * The letters a character may begin with; a letter or digit stands for itself, an unknown one for none.
 * @param {string} character
 */
export function lettersOf(character) {
  table ??= build();
  return table.get(character) ?? (/[a-z0-9]/i.test(character) ? character.toLowerCase() : '');
}
