/**
 * Whole-value matching without backtracking, for patterns that could keep the browser's own engine busy for ever
 * (a repeated group that holds a repeat). Follows all places in the text at once, as forms/expression/linear_regex.py does.
 */

import { fail } from './values.js';

const MOST_STEPS = 200_000;
const CLASSES = 'dDwWsS';

/**
 * @typedef {{one: (c: string) => boolean} | {at: '^'|'$'|'b'|'B'} | {branches: Part[][]}
 *   | {body: Part[], fewest: number, most: number}} Part
 */

/** Parses what XLSForm patterns use; look-around and back references are refused. */
class Reader {
  /** @param {string} pattern */
  constructor(pattern) {
    this.pattern = pattern;
    this.place = 0;
  }

  /** @returns {Part[][]} */
  branches() {
    const found = [this.sequence()];
    while (this.pattern[this.place] === '|') {
      this.place++;
      found.push(this.sequence());
    }
    return found;
  }

  /** @returns {Part[]} */
  sequence() {
    /** @type {Part[]} */
    const parts = [];
    while (this.place < this.pattern.length && !'|)'.includes(this.pattern[this.place])) parts.push(this.repeated(this.atom()));
    return parts;
  }

  /** @param {Part} part @returns {Part} */
  repeated(part) {
    const match = /^(?:[*+?]|\{(\d+)(,?)(\d*)\})\??/.exec(this.pattern.slice(this.place));
    if (!match) return part;
    this.place += match[0].length;
    const [fewest, most] = match[0][0] === '*' ? [0, Infinity] : match[0][0] === '+' ? [1, Infinity]
      : match[0][0] === '?' ? [0, 1] : [Number(match[1]), match[3] ? Number(match[3]) : match[2] ? Infinity : Number(match[1])];
    return { body: [part], fewest, most };
  }

  /** @returns {Part} */
  atom() {
    const c = this.pattern[this.place++];
    if (c === '(') return this.group();
    if (c === '^' || c === '$') return { at: c };
    if (c === '[') return { one: this.set() };
    if (c === '.') return { one: (x) => x !== '\n' };
    if (c !== '\\') return { one: (x) => x === c };
    const next = this.pattern[this.place++] ?? fail('the pattern of regex() is not right');
    if (next === 'b' || next === 'B') return { at: next };
    if (/[1-9kpPu]/.test(next)) fail('the pattern of regex() is too hard');
    return { one: escaped(next) };
  }

  /** @returns {Part} */
  group() {
    if (this.pattern[this.place] === '?') {
      if (this.pattern[this.place + 1] !== ':') fail('the pattern of regex() is too hard');
      this.place += 2;
    }
    const branches = this.branches();
    this.place++;
    return { branches };
  }

  /** A class in brackets, read by the browser: one character at a time cannot run away. */
  set() {
    const start = this.place - 1;
    if (this.pattern[this.place] === '^') this.place++;
    while (this.pattern[this.place] !== ']') this.place += this.pattern[this.place] === '\\' ? 2 : 1;
    const expression = new RegExp(this.pattern.slice(start, ++this.place));
    return (/** @type {string} */ c) => expression.test(c);
  }
}

/** @param {string} letter @returns {(c: string) => boolean} */
function escaped(letter) {
  if (CLASSES.includes(letter)) {
    const expression = new RegExp(`\\${letter}`);
    return (c) => expression.test(c);
  }
  const plain = { n: '\n', r: '\r', t: '\t', f: '\f', v: '\v', 0: '\0' }[letter] ?? letter;
  return (c) => c === plain;
}

/** @param {string|undefined} c */
const isWord = (c) => c !== undefined && /\w/.test(c);

/**
 * Whether the whole text matches. Throws ExpressionError when it takes too long.
 * @param {string} pattern one the browser has accepted @param {string} text
 */
export function fullMatch(pattern, text) {
  let steps = 0;

  /** @param {Part[]} parts @param {Set<number>} places @returns {Set<number>} */
  const sequence = (parts, places) => {
    for (const part of parts) {
      if (!places.size) break;
      steps += places.size;
      if (steps > MOST_STEPS) fail('too many steps in regex()');
      places = step(part, places);
    }
    return places;
  };

  /** @param {Part} part @param {Set<number>} places @returns {Set<number>} */
  const step = (part, places) => {
    if ('one' in part) return new Set([...places].filter((p) => p < text.length && part.one(text[p])).map((p) => p + 1));
    if ('branches' in part) return new Set(part.branches.flatMap((branch) => [...sequence(branch, places)]));
    if ('at' in part) {
      return new Set([...places].filter((p) => (part.at === '^' ? p === 0 : part.at === '$' ? p === text.length
        : (isWord(text[p - 1]) !== isWord(text[p])) === (part.at === 'b'))));
    }
    for (let i = 0; i < part.fewest; i++) places = sequence(part.body, places);
    const reached = new Set(places);
    for (let count = part.fewest; places.size && count < part.most; count++) {
      places = new Set([...sequence(part.body, places)].filter((p) => !reached.has(p)));
      places.forEach((p) => reached.add(p));
    }
    return reached;
  };

  return step({ branches: new Reader(pattern).branches() }, new Set([0])).has(text.length);
}
