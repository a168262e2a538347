/**
 * The rows of the outbox without what they say, kept in memory: lists and counts are made of them. A phone that was
 * weeks without network has thousands, and reading them whole for every number on the screen takes seconds.
 * Another window may write as well, so each look compares a few counts first.
 */
import { aboutOf } from './bodies.js';

/** @typedef {import('./outbox.js').Row} Row */
/** @typedef {Omit<Row, 'op' | 'box' | 'key'>} Line */

const STORES = ['op', 'counter'];
const MARKS = ['offer', 'unconfirmed', 'overlaid'];

/** @param {{db: {outbox: import('./db.js').Connection}}} parts */
export function createLines({ db }) {
  /** @typedef {{print: string, lines: Line[]}} Kept */
  /** @type {Kept | null} */
  let kept = null;
  /** @type {Promise<Line[]> | null} */
  let reading = null;

  /** Every row, by install and number. Whoever asks while it is being read gets the same. @returns {Promise<Line[]>} */
  function all() {
    if (!reading) {
      // What was read before something was written here is given to who asked before, and not kept.
      const mine = reading = read().then((found) => {
        if (reading === mine) kept = found;
        return found.lines;
      }).finally(() => { if (reading === mine) reading = null; });
    }
    return reading;
  }

  /** @returns {Promise<Kept>} */
  const read = () => db.outbox.run(async (idb) => {
    const tx = idb.transaction(STORES);
    const ops = tx.objectStore('op');
    const [counters, ...counts] = await Promise.all([
      tx.objectStore('counter').getAll(), ops.count(), ...MARKS.map((mark) => ops.index(mark).count())]);
    const print = JSON.stringify([counters, counts]);
    return kept?.print === print ? kept : { print, lines: (await ops.getAll()).map(lineOf) };
  });

  return {
    all,
    /** Something was written here. */
    forget() {
      kept = null;
      reading = null;
    },
  };
}

/** @param {Row} row @returns {Line} */
function lineOf(row) {
  const { op: _op, box: _box, key: _key, about: _about, ...line } = row;
  const about = aboutOf(row);
  return about ? { ...line, about } : line;
}
