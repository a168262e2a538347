/**
 * The packs of the register: found, read and opened. What is where is kept in memory, small: a few numbers a record.
 * Rows of before, one a record, are read beside them until they are taken in.
 */
import { sent } from './db.js';
import { PACKED, isSmall, markOf, nameOf } from './packing.js';

/**
 * @typedef {import('../types.js').RuhuRecord} RuhuRecord
 * @typedef {import('./envelope.js').Closed} Closed
 * @typedef {{id: string, records?: RuhuRecord[], box?: Closed}} Pack
 * @typedef {{id: string, at: number, marks: Uint32Array, counts: Record<string, number>}} Place  at: the stamp of its last change
 * @typedef {{stamp: number, places: Map<string, Place>, by: Map<number, string[]>, old: boolean}} Index  old: there are rows of before
 * @typedef {{stamp: number, packs: Map<string, RuhuRecord[]>, old: RuhuRecord[]}} Looked
 * @typedef {{id: string, pack: Pack | null, place: Place | null, records: RuhuRecord[]}} Change  null: it goes
 */

/** Counts the changes of packs, in meta: whoever knows another number reads anew what is where. */
export const STAMP = 'packs';
/** Where rows-here.js keeps what it made of the records as they were. */
export const ROWS_HERE = 'rows_here';
const STORES = ['pack', 'place', 'record', 'meta'];
/** Opened packs that are remembered. */
const REMEMBERED = 24;
const AT_ONCE = 8;

/** All rows of a kind in the store `record`. @param {string} kind */
export const ofKind = (kind) => IDBKeyRange.bound([kind], [kind, []]);

/** @param {{db: {data: import('./db.js').Connection}, box: import('./record-box.js').RecordBox}} parts */
export function createPacks({ db, box }) {
  /** @type {Index | null} */
  let known = null;
  /** @type {Map<string, {at: number, records: RuhuRecord[]}>} */
  const opened = new Map();

  /** @param {any} tx @returns {Promise<Index>} */
  async function indexIn(tx) {
    const stamp = (await tx.objectStore('meta').get(STAMP))?.value ?? 0;
    if (known && known.stamp === stamp) return known;
    const records = tx.objectStore('record');
    const [places, ...old] = await Promise.all([tx.objectStore('place').getAll(), ...[...PACKED].map((kind) => records.getKey(ofKind(kind)))]);
    /** @type {Index} */
    const index = { stamp, places: new Map(), by: new Map(), old: old.some(Boolean) };
    for (const place of places) enter(index, place);
    return index;
  }

  /**
   * The packs that may hold one of these names, and rows of before that do.
   * @param {string[]} names @param {{spare?: boolean}} [how] spare: also a small pack, to be filled
   * @returns {Promise<Looked>}
   */
  async function look(names, { spare = false } = {}) {
    const { index, stamp, ids, ats, held, rows, old } = await db.data.run(async (idb) => {
      const tx = idb.transaction(STORES);
      const index = await indexIn(tx);
      const found = new Set(names.flatMap((name) => index.by.get(markOf(name)) ?? []));
      const small = spare && [...index.places.values()].find(isSmall);
      if (small) found.add(small.id);
      const ids = [...found];
      // Now: while packs are opened a write of this page may move the index on.
      const ats = ids.map((id) => index.places.get(id)?.at ?? 0);
      const held = ids.map((id, i) => (opened.get(id)?.at === ats[i] ? opened.get(id)?.records : undefined));
      const packs = tx.objectStore('pack');
      const [rows, old] = await Promise.all([
        Promise.all(ids.map((id, i) => (held[i] ? undefined : packs.get(id)))), index.old ? rowsOf(tx.objectStore('record'), names) : []]);
      return { index, stamp: index.stamp, ids, ats, held, rows, old };
    });
    known = index;
    const [contents, single] = await Promise.all([Promise.all(rows.map(box.openPack)), box.openAll(old)]);
    /** @type {Map<string, RuhuRecord[]>} */
    const packs = new Map();
    ids.forEach((id, i) => {
      const records = held[i] ?? contents[i];
      // One that is not ours to open is as good as not here.
      if (!records) return;
      packs.set(id, records);
      remember(id, ats[i], records);
    });
    return { stamp, packs, old: single };
  }

  /** @param {string} id @param {number} at @param {RuhuRecord[]} records */
  function remember(id, at, records) {
    if ((opened.get(id)?.at ?? -1) > at) return;
    opened.delete(id);
    opened.set(id, { at, records });
    for (const first of opened.keys()) {
      if (opened.size <= REMEMBERED) break;
      opened.delete(first);
    }
  }

  /** Records that lie where these names are, by name; who asks takes what was meant. @param {string[]} names */
  const having = async (names) => byName(await look(names));

  /** Every record, some packs at a time. @param {(record: RuhuRecord) => void} see */
  async function each(see) {
    const ids = [...(await fresh()).places.keys()];
    for (let at = 0; at < ids.length; at += AT_ONCE) {
      const rows = await db.data.run((idb) => {
        const packs = idb.transaction('pack').objectStore('pack');
        return Promise.all(ids.slice(at, at + AT_ONCE).map((id) => packs.get(id)));
      });
      for (const records of await Promise.all(rows.map(box.openPack))) records?.forEach(see);
    }
  }

  /** What is where as of now. */
  const fresh = async () => (known = await db.data.run((idb) => indexIn(idb.transaction(STORES))));

  /** @param {string} kind */
  async function count(kind) {
    let sum = 0;
    for (const { counts } of (await fresh()).places.values()) sum += counts[kind] ?? 0;
    return sum;
  }

  /** This page itself has made these changes. @param {number} stamp before them @param {Change[]} changes */
  function noted(stamp, changes) {
    if (known?.stamp !== stamp) return;
    known.stamp = stamp + 1;
    for (const { id, place, records } of changes) {
      leave(known, id);
      opened.delete(id);
      if (!place) continue;
      enter(known, place);
      remember(id, place.at, records);
    }
  }

  return { look, having, each, count, fresh, noted, forget() { known = null; opened.clear(); } };
}

/** @typedef {ReturnType<typeof createPacks>} Packs */

/** A write changes packs: other windows are to know. @param {import('./db.js').Writing} tx */
export async function stamped(tx) {
  const meta = tx.objectStore('meta');
  sent(meta.delete(ROWS_HERE));
  sent(meta.put({ key: STAMP, value: ((await meta.get(STAMP))?.value ?? 0) + 1 }));
}

/** The newest of each name. @param {Looked} looked */
export function byName({ packs, old }) {
  /** @type {Map<string, RuhuRecord>} */
  const found = new Map();
  for (const record of [old, ...packs.values()].flat()) {
    const name = nameOf(record);
    const other = found.get(name);
    if (!other || (record.seq ?? 0) >= (other.seq ?? 0)) found.set(name, record);
  }
  return found;
}

/** @param {Index} index @param {Place} place */
function enter({ places, by }, place) {
  places.set(place.id, place);
  for (const mark of place.marks) {
    const ids = by.get(mark);
    if (ids) ids.push(place.id);
    else by.set(mark, [place.id]);
  }
}

/** @param {Index} index @param {string} id */
function leave({ places, by }, id) {
  for (const mark of places.get(id)?.marks ?? []) {
    const ids = (by.get(mark) ?? []).filter((one) => one !== id);
    if (ids.length) by.set(mark, ids);
    else by.delete(mark);
  }
  places.delete(id);
}

/** Rows of before that answer to these names. @param {any} records @param {string[]} names */
async function rowsOf(records, names) {
  const found = await Promise.all(names.map((name) => {
    const kind = name.slice(0, name.indexOf(' '));
    const rest = name.slice(kind.length + 1);
    if (kind === 'code') return records.index('by_code').getAll(rest);
    if (kind !== 'of') return records.getAll([kind, rest]);
    return Promise.all([records.getAll(['household', rest]), ...[...PACKED].map((each) => records.index('by_household').getAll([each, rest]))]).then((all) => all.flat());
  }));
  return found.flat().filter((row) => PACKED.has(row.kind));
}
