/**
 * The records on this phone, as a person sees them: what was pulled, with this
 * phone's own unconfirmed ops drawn over it.
 *
 * Pulled records are kept as they came; the overlay is worked out when reading,
 * so it is always that of the newest pull and the ops still open.
 */
import { isPending, overlay } from '../core/overlay.js';
import { rowOf } from '../core/search.js';
import { sent, whole } from './db.js';
import { keyOf } from './outbox.js';
import { createRecordBox } from './record-box.js';
import { createSearchRows } from './search-rows.js';

/** @typedef {import('../types.js').RuhuRecord} RuhuRecord */
/** @typedef {import('./outbox-lines.js').Line} Line */

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
    const [kept, open] = await Promise.all([db.data.run((idb) => {
      const records = idb.transaction('record').objectStore('record');
      return Promise.all(ids.map((id) => records.get([kind, id])));
    }), pending()]);
    const records = await box.openSome(kept);
    return visible(ids.map((id, i) => [records[i], open.get(`${kind} ${id}`) ?? []]));
  }

  /**
   * Visible records of a kind that belong to a household, made here or pulled.
   * @param {string} kind
   * @param {string} householdId
   */
  const ofHousehold = async (kind, householdId) => (await ofHouseholds(kind, [householdId]))[0];

  /** Those of several households, each in its place. @param {string} kind @param {string[]} households @returns {Promise<RuhuRecord[][]>} */
  async function ofHouseholds(kind, households) {
    const kept = (await db.data.run((idb) => {
      const byHousehold = idb.transaction('record').objectStore('record').index('by_household');
      return Promise.all(households.map((id) => byHousehold.getAll([kind, id])));
    })).flat();
    const pulled = await box.openAll(kept);
    const open = await pending();
    const [known, wanted] = [new Set(pulled.map((record) => record.id)), new Set(households)];
    // Made here, or pulled and moved into one of them by an open op.
    const here = [...open].filter(([key, lines]) => key.startsWith(`${kind} `) && !known.has(lines[0].about?.id ?? '')
      && lines.some(({ household, about }) => wanted.has(household ?? '') || wanted.has(about?.household_id ?? '')));
    const seen = [
      ...await visible(pulled.map((record) => [record, open.get(`${kind} ${record.id}`) ?? []])),
      ...await some(kind, here.map(([, lines]) => lines[0].about?.id ?? ''))];
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
    const pulled = await box.openAll(await db.data.run((idb) => idb.getAllFromIndex('record', 'by_kind', kind)), true);
    const open = await pending();
    const known = new Set(pulled.map((record) => `${kind} ${record.id}`));
    const made = [...open].filter(([key]) => key.startsWith(`${kind} `) && !known.has(key));
    return /** @type {RuhuRecord[]} */ ((await visible([
      ...pulled.map((record) => /** @type {[RuhuRecord, Line[]]} */ ([record, open.get(`${kind} ${record.id}`) ?? []])),
      ...made.map(([, lines]) => /** @type {[null, Line[]]} */ ([null, lines]))])).filter(Boolean));
  }

  /** Search rows of every household, kept in memory; those with open ops are made anew. */
  function rows() {
    rowCache ??= (async () => {
      const byId = new Map(await searchRows.read());
      const touched = [...await touchedHouseholds()];
      const [households, members] = await Promise.all([some('household', touched), ofHouseholds('member', touched)]);
      touched.forEach((id, i) => {
        const household = households[i];
        if (household && !household.fields.merged_into) byId.set(id, rowOf(household, members[i].sort(byLine)));
        else byId.delete(id);
      });
      return [...byId.values()];
    })();
    rowCache.catch(() => { rowCache = null; });
    return rowCache;
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
    const safe = (await outbox.overlaidLines()).filter((row) => row.about && !row.unconfirmed);
    const here = await db.data.run((idb) => Promise.all(safe.map((row) => idb.getKey('record', [row.about?.entity, row.about?.id]))));
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
    const answered = (await outbox.overlaidLines()).filter((line) => line.about && line.result);
    if (!answered.length) return;
    const here = await db.data.run((idb) => {
      const records = idb.transaction('record').objectStore('record');
      return Promise.all(answered.map(({ about }) => records.get([about?.entity, about?.id])));
    });
    const over = answered.filter((line, i) => !PULLED_KINDS.has(line.about?.entity ?? '') || !isPending(/** @type {any} */ (line), here[i] ?? null));
    await outbox.settle(over.map(keyOf));
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

/** As the register has them. @param {RuhuRecord} a @param {RuhuRecord} b */
const byLine = (a, b) => (Number(a.fields.line) || 999) - (Number(b.fields.line) || 999);
