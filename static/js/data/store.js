/**
 * The records on this phone, as a person sees them: what was pulled, with this
 * phone's own unconfirmed ops drawn over it.
 *
 * Pulled records are kept as they came; the overlay is worked out when reading,
 * so it is always that of the newest pull and the ops still open.
 */
import { isPending, overlay } from '../core/overlay.js';
import { rowOf } from '../core/search-row.js';
import { PLAIN } from './cipher.js';
import { sent, whole } from './db.js';
import { PACKED, codeName, familyName, nameOf } from './packing.js';
import { createPacks, stamped } from './packs.js';
import { OPEN_KINDS, createRecordBox } from './record-box.js';
import { createRowsHere } from './rows-here.js';
import { createSearchRows } from './search-rows.js';

/** @typedef {import('../types.js').RuhuRecord} RuhuRecord */
/** @typedef {import('./outbox-lines.js').Line} Line */

/** No phone says anything of these: nothing is drawn over them. */
const UNSAID = new Set([...OPEN_KINDS, 'user', 'assignment']);

/** Records read at once where all are looked at. */
const EACH = 500;

/**
 * @param {{db: {data: import('./db.js').Connection}, outbox: import('./outbox.js').Outbox, cipher?: import('./cipher.js').Cipher}} parts
 */
export function createStore({ db, outbox, cipher = PLAIN }) {
  const box = createRecordBox(cipher);
  const searchRows = createSearchRows({ db, box });
  const packs = createPacks({ db, box });
  const rowsHere = createRowsHere({ db, outbox, cipher });
  /** @type {Promise<Map<string, Line[]>> | null} */
  let pendingCache = null;
  /** @type {Promise<any[]> | null} */
  let rowCache = null;
  /** @type {Map<string, string>} */
  const areaNames = new Map();
  /** @type {Set<() => void>} */
  const listeners = new Set();

  outbox.subscribe(() => {
    pendingCache = null;
    rowCache = null;
  });

  /** What is open, by "kind id"; what it says is read when a record is looked at. */
  function pending() {
    pendingCache ??= outbox.overlaidLines().then((lines) => {
      /** @type {Map<string, Line[]>} */
      const byRecord = new Map();
      for (const line of lines) {
        if (!line.about) continue;
        const key = `${line.about.entity} ${line.about.id}`;
        byRecord.set(key, [...(byRecord.get(key) ?? []), line]);
      }
      return byRecord;
    });
    pendingCache.catch(() => { pendingCache = null; });
    return pendingCache;
  }

  /**
   * Records as they are seen: what was pulled with the open ops of each over it; null for one that is not there, or
   * was deleted. What all of them need is read at once.
   * @param {[RuhuRecord | null, Line[]][]} looked @returns {Promise<(RuhuRecord | null)[]>}
   */
  async function visible(looked) {
    const open = looked.map(([record, lines]) => lines.filter((line) => isPending(/** @type {any} */ (line), record)));
    const ops = new Map((await outbox.opsOf(open.flat())).map((row) => [row.op_id, row.op]));
    return looked.map(([record], i) => {
      const over = open[i].flatMap((line) => ops.get(line.op_id) ?? []);
      const seen = over.length ? overlay(record, /** @type {any} */ (over)) : record;
      return seen?.deleted ? null : seen;
    });
  }

  /** The visible record, or null. @param {string} kind @param {string} id */
  const get = async (kind, id) => (await some(kind, [id]))[0];

  /** Visible records, each in its place. @param {string} kind @param {string[]} ids */
  async function some(kind, ids) {
    const [records, open] = await Promise.all([pulled(ids.map((id) => ({ kind, id }))), pending()]);
    return visible(ids.map((id, i) => [records[i], open.get(`${kind} ${id}`) ?? []]));
  }

  /** Records as they came, each in its place. @param {{kind: string, id: string}[]} asked @returns {Promise<(RuhuRecord | null)[]>} */
  async function pulled(asked) {
    const names = asked.filter(({ kind }) => PACKED.has(kind)).map(nameOf);
    const [single, found] = await Promise.all([
      names.length === asked.length ? [] : db.data.run((idb) => {
        const records = idb.transaction('record').objectStore('record');
        return Promise.all(asked.map(({ kind, id }) => (PACKED.has(kind) ? undefined : records.get([kind, id]))));
      }).then(box.openSome),
      names.length ? packs.having(names) : new Map()]);
    return asked.map((one, i) => (PACKED.has(one.kind) ? found.get(nameOf(one)) : single[i]) ?? null);
  }

  /**
   * Visible records of a kind that belong to a household, made here or pulled.
   * @param {string} kind
   * @param {string} householdId
   */
  const ofHousehold = async (kind, householdId) => (await ofHouseholds(kind, [householdId]))[0];

  /** Those of several households, each in its place. @param {string} kind @param {string[]} households @returns {Promise<RuhuRecord[][]>} */
  async function ofHouseholds(kind, households) {
    const wanted = new Set(households);
    const here = PACKED.has(kind)
      ? [...(await packs.having(households.map(familyName))).values()].filter((one) => one.kind === kind && wanted.has(one.fields.household_id))
      : await box.openAll((await db.data.run((idb) => {
        const byHousehold = idb.transaction('record').objectStore('record').index('by_household');
        return Promise.all(households.map((id) => byHousehold.getAll([kind, id])));
      })).flat());
    const open = await pending();
    const known = new Set(here.map((record) => record.id));
    // Made here, or pulled and moved into one of them by an open op.
    const made = [...open].filter(([key, lines]) => key.startsWith(`${kind} `) && !known.has(lines[0].about?.id ?? '')
      && lines.some(({ household, about }) => wanted.has(household ?? '') || wanted.has(about?.household_id ?? '')));
    const seen = [
      ...await visible(here.map((record) => [record, open.get(`${kind} ${record.id}`) ?? []])),
      ...await some(kind, made.map(([, lines]) => lines[0].about?.id ?? ''))];
    /** @type {Map<string, RuhuRecord[]>} */
    const found = new Map(households.map((id) => [id, []]));
    for (const record of seen) if (record) found.get(record.fields.household_id)?.push(record);
    return households.map((id) => found.get(id) ?? []);
  }

  /** All members, those who left included (`state`), in the order of the register. @param {string} id */
  const members = async (id) => (await ofHousehold('member', id)).sort(byLine);
  /** Newest first. @param {string} id */
  const visits = async (id) => (await ofHousehold('visit', id)).sort(byFieldDown('date'));
  /** @param {string} id */
  const issues = async (id) => (await ofHousehold('issue', id)).sort(byFieldDown('deadline'));

  /** Visible records of a small kind (area, user, form, issue, assignment), those made here too. @param {string} kind @returns {Promise<RuhuRecord[]>} */
  async function all(kind) {
    const here = await box.openAll(await db.data.run((idb) => idb.getAllFromIndex('record', 'by_kind', kind)), true);
    if (UNSAID.has(kind)) return here.filter((record) => !record.deleted);
    const open = await pending();
    const known = new Set(here.map(nameOf));
    const made = [...open].filter(([key]) => key.startsWith(`${kind} `) && !known.has(key));
    return /** @type {RuhuRecord[]} */ ((await visible([
      ...here.map((record) => /** @type {[RuhuRecord, Line[]]} */ ([record, open.get(`${kind} ${record.id}`) ?? []])),
      ...made.map(([, lines]) => /** @type {[null, Line[]]} */ ([null, lines]))])).filter(Boolean));
  }

  /** Search rows of every household, kept in memory; those with open ops are made anew. */
  function rows() {
    rowCache ??= (async () => {
      const [pulledRows, own] = await Promise.all([searchRows.read(), rowsHere.read(ownRows)]);
      const byId = new Map(pulledRows);
      for (const [id, row] of own) {
        if (row) byId.set(id, row);
        else byId.delete(id);
      }
      return [...byId.values()];
    })();
    rowCache.catch(() => { rowCache = null; });
    return rowCache;
  }

  /** @returns {Promise<import('./rows-here.js').Rows>} */
  async function ownRows() {
    const touched = [...await touchedHouseholds()];
    const [households, members] = await Promise.all([some('household', touched), ofHouseholds('member', touched)]);
    return touched.map((id, i) => {
      const household = households[i];
      return [id, household && !household.fields.merged_into ? rowOf(household, members[i].sort(byLine)) : null];
    });
  }

  /** Households that open ops say something about. */
  async function touchedHouseholds() {
    /** @type {Set<string>} */
    const ids = new Set();
    for (const [key, open] of await pending()) {
      const [kind, id] = key.split(' ');
      if (kind === 'household') ids.add(id);
      if (kind === 'member') for (const row of open) if (row.household) ids.add(row.household);
    }
    return ids;
  }

  /** The household with that whole code, or null. @param {string} code */
  async function byCode(code) {
    for (const record of (await packs.having([codeName(code)])).values()) {
      if (record.kind === 'household' && record.fields.code === code) return get('household', record.id);
    }
    return null;
  }

  /** What writes comes with the first sync; reading goes without it. @type {ReturnType<typeof import('./taking-in.js').createTakingIn> | null} */
  let taking = null;
  async function takingIn() {
    const { createTakingIn } = await import('./taking-in.js');
    return taking ??= createTakingIn({ db, outbox, box, packs, searchRows, pulled, taken });
  }

  /** What was kept of the records before is out of date. @param {RuhuRecord[]} records that came */
  function taken(records) {
    pendingCache = null;
    rowCache = null;
    for (const record of records) {
      if (record.kind === 'area') areaNames.set(record.id, record.fields.name);
    }
    listeners.forEach((listener) => listener());
  }

  /** Every pulled record as it came, some at a time, so that memory does not grow with their number. @param {(record: RuhuRecord) => void} look */
  async function each(look) {
    for (let after = /** @type {any} */ (null); ;) {
      const some = await db.data.run((idb) => idb.getAll('record', after && IDBKeyRange.lowerBound(after, true), EACH));
      (await box.openAll(some)).forEach(look);
      if (some.length < EACH) break;
      const last = some[some.length - 1];
      after = [last.kind, last.id];
    }
    await packs.each(look);
  }

  /** Forget everything pulled (another user, or a stale cursor); drafts and the outbox are elsewhere. */
  async function clear() {
    await db.data.run((idb) => whole(idb, ['record', 'pack', 'place', 'row', 'block', 'meta'], async (tx) => {
      for (const name of ['record', 'pack', 'place', 'row', 'block']) sent(tx.objectStore(name).clear());
      await stamped(tx);
      sent(tx.objectStore('meta').delete('cursor'));
      sent(tx.objectStore('meta').delete('complete'));
    }));
    rowCache = null;
    listeners.forEach((listener) => listener());
  }

  /** Nothing of what was read is believed any more: the store is another's. */
  function forget() {
    pendingCache = null;
    rowCache = null;
    areaNames.clear();
    box.forget();
    packs.forget();
    searchRows.forget();
  }

  /** @param {string} key */
  const meta = (key) => db.data.run(async (idb) => (await idb.get('meta', key))?.value ?? null);
  /** @param {string} key @param {unknown} value */
  const setMeta = (key, value) => db.data.run((idb) => whole(idb, ['meta'], async (tx) => sent(tx.objectStore('meta').put({ key, value }))));

  /** Name of an area ("清水村"), or its code while unknown. @param {string} code */
  async function areaName(code) {
    if (!areaNames.size) for (const area of await all('area')) areaNames.set(area.id, area.fields.name);
    return areaNames.get(code) ?? areaNames.get(code.slice(0, 12)) ?? code;
  }

  /** @param {string} kind */
  const count = async (kind) => await packs.count(kind) + await db.data.run((idb) => idb.countFromIndex('record', 'by_kind', kind));

  return {
    get, ofHousehold, members, visits, issues, all, rows, byCode, clear, forget, meta, setMeta, areaName,
    count, each, box, packs, searchRows,
    /** Take in one page of a pull. @param {import('../types.js').Page} page */
    applyPage: async (page) => (await takingIn()).applyPage(page),
    startAfresh: async () => (await takingIn()).startAfresh(),
    /** Rows of before into packs. */
    packOld: async () => (await takingIn()).packOld(),
    /** Packs that lie plain are closed. */
    closeOld: async () => (await takingIn()).closeOld(),
    cursor: () => meta('cursor'),
    /** False until the very first pull has been taken in to its end. */
    complete: async () => Boolean(await meta('complete')),
    /** @param {() => void} listener */
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** @typedef {ReturnType<typeof createStore>} Store */

/** @param {string} field @returns {(a: RuhuRecord, b: RuhuRecord) => number} */
const byFieldDown = (field) => (a, b) => ((a.fields[field] ?? '') < (b.fields[field] ?? '') ? 1 : -1);

/** As the register has them. @param {RuhuRecord} a @param {RuhuRecord} b */
const byLine = (a, b) => (Number(a.fields.line) || 999) - (Number(b.fields.line) || 999);
