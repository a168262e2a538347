/**
 * The records on this phone, as a person sees them: what was pulled, with this
 * phone's own unconfirmed ops drawn over it.
 *
 * Pulled records are kept as they came; the overlay is worked out when reading,
 * so it is always that of the newest pull and the ops still open.
 */
import { isPending, overlay } from '../core/overlay.js';
import { rowOf } from '../core/search.js';
import { aboutOf } from './bodies.js';
import { sent, whole } from './db.js';
import { keyOf } from './outbox.js';
import { createRecordBox } from './record-box.js';
import { createSearchRows } from './search-rows.js';

/** @typedef {import('../types.js').RuhuRecord} RuhuRecord */

/** Kinds whose records reach a phone; ops on others are over once they are answered. */
export const PULLED_KINDS = new Set(['area', 'user', 'form', 'village', 'household', 'member', 'visit', 'issue', 'assignment', 'rules', 'exemption', 'pairing', 'event']);

const LOOKED_AT = ['record', 'meta'];

/** Records read at once where all are looked at. */
const EACH = 500;

/**
 * @param {{db: {data: import('./db.js').Connection}, outbox: import('./outbox.js').Outbox, cipher?: import('./cipher.js').Cipher}} parts
 */
export function createStore({ db, outbox, cipher }) {
  const box = createRecordBox(cipher);
  const searchRows = createSearchRows({ db, box });
  /** @type {Promise<Map<string, import('./outbox.js').Row[]>> | null} */
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

  /** Open ops by "kind id". */
  function pending() {
    pendingCache ??= outbox.overlaid().then((rows) => {
      /** @type {Map<string, import('./outbox.js').Row[]>} */
      const byRecord = new Map();
      for (const row of rows) {
        if (!row.op) continue;
        const key = `${row.op.entity} ${row.op.id}`;
        byRecord.set(key, [...(byRecord.get(key) ?? []), row]);
      }
      return byRecord;
    });
    pendingCache.catch(() => { pendingCache = null; });
    return pendingCache;
  }

  /**
   * @param {RuhuRecord | null} record
   * @param {import('./outbox.js').Row[]} rows
   * @returns {RuhuRecord | null} null when nothing is there, or it was deleted
   */
  function visible(record, rows) {
    const open = rows.filter((row) => isPending(/** @type {any} */ (row), record));
    const seen = open.length ? overlay(record, open.map((row) => /** @type {any} */ (row.op))) : record;
    return seen?.deleted ? null : seen;
  }

  /** The visible record, or null. @param {string} kind @param {string} id */
  async function get(kind, id) {
    const record = await box.open(await db.data.run((idb) => idb.get('record', [kind, id])));
    return visible(record, (await pending()).get(`${kind} ${id}`) ?? []);
  }

  /**
   * Visible records of a kind that belong to a household, made here or pulled.
   * @param {string} kind
   * @param {string} householdId
   * @returns {Promise<RuhuRecord[]>}
   */
  async function ofHousehold(kind, householdId) {
    const pulled = await box.openAll(await db.data.run((idb) => idb.getAllFromIndex('record', 'by_household', [kind, householdId])));
    const open = await pending();
    const seen = pulled.map((record) => visible(record, open.get(`${kind} ${record.id}`) ?? []));
    const known = new Set(pulled.map((record) => record.id));
    for (const [key, rows] of open) {
      const op = /** @type {any} */ (rows[0].op);
      if (!key.startsWith(`${kind} `) || known.has(op.id)) continue;
      // Also a pulled record that an open op moves into this household.
      if (!rows.some((row) => row.op?.fields.household_id?.new === householdId)) continue;
      seen.push(await get(kind, op.id));
    }
    return /** @type {RuhuRecord[]} */ (seen.filter((record) => record?.fields.household_id === householdId));
  }

  /** All members, those who left included (`state`), in the order of the register. @param {string} id */
  const members = async (id) => (await ofHousehold('member', id))
    .sort((a, b) => (Number(a.fields.line) || 999) - (Number(b.fields.line) || 999));
  /** Newest first. @param {string} id */
  const visits = async (id) => (await ofHousehold('visit', id)).sort(byFieldDown('date'));
  /** @param {string} id */
  const issues = async (id) => (await ofHousehold('issue', id)).sort(byFieldDown('deadline'));

  /** Visible records of a small kind (area, user, form, issue, assignment), those made here too. @param {string} kind @returns {Promise<RuhuRecord[]>} */
  async function all(kind) {
    const pulled = await box.openAll(await db.data.run((idb) => idb.getAllFromIndex('record', 'by_kind', kind)), true);
    const open = await pending();
    const known = new Set(pulled.map((record) => `${kind} ${record.id}`));
    const made = [...open].filter(([key]) => key.startsWith(`${kind} `) && !known.has(key)).map(([, rows]) => visible(null, rows));
    return /** @type {RuhuRecord[]} */ ([...pulled
      .map((record) => visible(record, open.get(`${kind} ${record.id}`) ?? [])), ...made].filter(Boolean));
  }

  /** Search rows of every household, kept in memory; those with open ops are made anew. */
  function rows() {
    rowCache ??= (async () => {
      const byId = new Map(await searchRows.read());
      for (const id of await touchedHouseholds()) {
        const household = await get('household', id);
        if (household && !household.fields.merged_into) byId.set(id, rowOf(household, await members(id)));
        else byId.delete(id);
      }
      return [...byId.values()];
    })();
    rowCache.catch(() => { rowCache = null; });
    return rowCache;
  }

  /** Households that open ops say something about. */
  async function touchedHouseholds() {
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
    const record = await db.data.run((idb) => idb.getFromIndex('record', 'by_code', code));
    return record ? get('household', record.id) : null;
  }

  /**
   * Take in one page of a pull: records, search rows and the cursor together, or nothing.
   * @param {import('../types.js').Page} page
   * @returns {Promise<number>} how many records the end of a fresh download took away
   */
  async function applyPage(page) {
    const erased = page.records.filter((record) => record.deleted && record.fields?.erased);
    // First, so that a phone that dies in between still forgets what it sent of them.
    await outbox.noteErased(erased.map((record) => `${record.kind} ${record.id}`));
    const leftovers = await written(page, erased);
    await settleCaughtUp();
    const dropped = leftovers ? await dropLeftovers() : 0;
    pendingCache = null;
    rowCache = null;
    for (const record of page.records) {
      if (record.kind === 'area') areaNames.set(record.id, record.fields.name);
    }
    listeners.forEach((listener) => listener());
    return dropped;
  }

  /**
   * What a page makes of the phone's store. Closing takes longer than a transaction lasts, so it is done before, for
   * the state as read; if another page came in between, once more.
   * @param {import('../types.js').Page} page @param {RuhuRecord[]} erased @returns {Promise<boolean>} whether records of before may be left over
   */
  async function written(page, erased) {
    for (;;) {
      const before = await stateFor(page);
      const kept = await Promise.all(page.records.map((record) => (record.deleted ? null : box.close(before.round ? { ...record, round: before.round } : record))));
      const block = before.rows.length || before.gone.length ? await searchRows.closed(before.rows, before.gone) : null;
      const leftovers = await db.data.run((idb) => whole(idb, ['record', 'block', 'meta', 'draft', 'photo'], async (tx) => {
        const meta = tx.objectStore('meta');
        const [cursor, round] = await Promise.all([meta.get('cursor'), meta.get('round')]);
        if (cursor?.value !== before.cursor || (round?.value ?? 0) !== before.round) return null;
        for (const { kind, id } of erased) if (kind === 'household') await dropDrafts(tx, id);
        const records = tx.objectStore('record');
        page.records.forEach((record, i) => sent(kept[i] ? records.put(kept[i]) : records.delete([record.kind, record.id])));
        if (block) sent(tx.objectStore('block').add(block));
        sent(meta.put({ key: 'cursor', value: page.cursor }));
        if (page.scope_version) sent(meta.put({ key: 'scope_version', value: page.scope_version }));
        if (!page.more) sent(meta.put({ key: 'complete', value: true }));
        return !page.more && Boolean((await meta.get('leftovers'))?.value);
      }));
      if (leftovers !== null) return leftovers;
    }
  }

  /** What a page is laid over, and the search rows that follow. @param {import('../types.js').Page} page */
  async function stateFor(page) {
    const { cursor, round, here } = await db.data.run(async (idb) => {
      const tx = idb.transaction(LOOKED_AT);
      const records = tx.objectStore('record');
      const meta = tx.objectStore('meta');
      // Everything is asked for at once and nothing waited for in between: a turn of the event loop a record is what
      // a first download would spend its time on.
      const left = page.records.filter((record) => record.deleted && record.kind === 'member').map((record) => records.get([record.kind, record.id]));
      const [cursor, round, ...before] = await Promise.all([meta.get('cursor'), meta.get('round'), ...left]);
      const touched = new Set(page.records.map((record) => (record.kind === 'household' ? record.id : record.kind === 'member' ? record.fields.household_id : null)));
      for (const member of before) touched.add(member?.fields.household_id);
      const ids = [...touched].filter(Boolean);
      const here = await Promise.all(ids.map(async (id) => /** @type {const} */ ([id, await Promise.all([
        records.get(['household', id]), records.index('by_household').getAll(['member', id])])])));
      return { cursor: cursor?.value, round: round?.value ?? 0, here };
    });
    const coming = new Map(page.records.map((record) => [`${record.kind} ${record.id}`, record]));
    /** @type {any[]} */
    const rows = [];
    /** @type {string[]} */
    const gone = [];
    /** @type {Map<string, RuhuRecord[]>} */
    const arriving = new Map();
    for (const record of coming.values()) {
      if (record.kind !== 'member' || record.deleted || !record.fields.household_id) continue;
      arriving.set(record.fields.household_id, [...arriving.get(record.fields.household_id) ?? [], record]);
    }
    await Promise.all(here.map(async ([id, [keptHousehold, keptMembers]]) => {
      const household = coming.get(`household ${id}`) ?? await box.open(keptHousehold);
      const staying = await box.openAll(keptMembers.filter((/** @type {any} */ one) => !coming.has(`member ${one.id}`)));
      if (household && !household.deleted && !household.fields.merged_into) rows.push(rowOf(household, [...staying, ...arriving.get(id) ?? []]));
      else gone.push(id);
    }));
    return { cursor, round, rows, gone };
  }

  /**
   * Begin to download everything anew, because the cursor is of no use any more. What is here stays on the
   * screen until the new is complete; then what did not come again goes.
   */
  const startAfresh = () => db.data.run((idb) => whole(idb, ['meta'], async (tx) => {
    const meta = tx.objectStore('meta');
    const round = (await meta.get('round'))?.value ?? 0;
    sent(meta.put({ key: 'round', value: round + 1 }));
    sent(meta.put({ key: 'leftovers', value: true }));
    sent(meta.delete('cursor'));
  }));

  /**
   * Drop the records that the last fresh download did not bring. One that an op speaks of which the centre has
   * not confirmed stays until it has.
   */
  async function dropLeftovers() {
    const open = await outbox.openRecords(['unconfirmed']);
    const blockId = crypto.randomUUID();
    const dropped = await db.data.run((idb) => whole(idb, ['record', 'block', 'meta'], async (tx) => {
      const round = (await tx.objectStore('meta').get('round'))?.value ?? 0;
      /** @type {string[]} */
      const gone = [];
      let dropped = 0;
      let kept = 0;
      for (let cursor = await tx.objectStore('record').openCursor(); cursor; cursor = await cursor.continue()) {
        const record = cursor.value;
        if ((record.round ?? 0) === round) continue;
        if (open.has(`${record.kind} ${record.id}`)) {
          kept += 1;
          continue;
        }
        dropped += 1;
        sent(cursor.delete());
        if (record.kind === 'household') gone.push(record.id);
      }
      if (gone.length) sent(tx.objectStore('block').add({ id: blockId, gone }));
      if (!kept) sent(tx.objectStore('meta').delete('leftovers'));
      return dropped;
    }));
    // The centre has these, and their record is not for this phone any more: nothing will ever catch up with them.
    const safe = (await outbox.overlaidRows()).filter((row) => aboutOf(row) && !row.unconfirmed);
    const here = await db.data.run((idb) => Promise.all(safe.map((row) => idb.getKey('record', [aboutOf(row)?.entity, aboutOf(row)?.id]))));
    await outbox.settle(safe.filter((_row, i) => !here[i]).map(keyOf));
    return dropped;
  }

  /** Every pulled record as it came, some at a time, so that memory does not grow with their number. @param {(record: RuhuRecord) => void} look */
  async function each(look) {
    for (let after = /** @type {any} */ (null); ;) {
      const some = await db.data.run((idb) => idb.getAll('record', after && IDBKeyRange.lowerBound(after, true), EACH));
      (await box.openAll(some)).forEach(look);
      if (some.length < EACH) return;
      const last = some[some.length - 1];
      after = [last.kind, last.id];
    }
  }

  /** Take the marks off ops that the pulled records now contain. */
  async function settleCaughtUp() {
    const done = [];
    for (const row of await outbox.overlaidRows()) {
      const about = aboutOf(row);
      if (!about || !row.result) continue;
      const record = PULLED_KINDS.has(about.entity) ? await db.data.run((idb) => idb.get('record', [about.entity, about.id])) : null;
      const over = !PULLED_KINDS.has(about.entity) || !isPending(/** @type {any} */ (row), record ?? null);
      if (over) done.push(keyOf(row));
    }
    await outbox.settle(done);
  }

  /** Forget everything pulled (another user, or a stale cursor); drafts and the outbox are elsewhere. */
  async function clear() {
    await db.data.run((idb) => whole(idb, ['record', 'row', 'block', 'meta'], async (tx) => {
      for (const name of ['record', 'row', 'block']) sent(tx.objectStore(name).clear());
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
  const count = (kind) => db.data.run((idb) => idb.countFromIndex('record', 'by_kind', kind));

  return {
    get, ofHousehold, members, visits, issues, all, rows, byCode, applyPage, startAfresh, clear, forget, meta, setMeta, areaName,
    count, each, box, searchRows,
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

/**
 * What was typed about a household and not finished, with its pictures.
 * @param {import('./db.js').Writing} tx
 * @param {string} household
 */
async function dropDrafts(tx, household) {
  const ids = new Set(await tx.objectStore('draft').index('household_id').getAllKeys(household));
  for (const id of ids) sent(tx.objectStore('draft').delete(id));
  for (let cursor = ids.size ? await tx.objectStore('photo').openCursor() : null; cursor; cursor = await cursor.continue()) {
    if (ids.has(cursor.value.draft_id)) sent(cursor.delete());
  }
}

/** @param {string} field @returns {(a: RuhuRecord, b: RuhuRecord) => number} */
const byFieldDown = (field) => (a, b) => ((a.fields[field] ?? '') < (b.fields[field] ?? '') ? 1 : -1);
