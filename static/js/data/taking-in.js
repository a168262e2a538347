/** What a pull brings is taken in: records, search rows and the cursor together, or nothing. */
import { isPending } from '../core/overlay.js';
import { rowOf } from '../core/search-row.js';
import { sent, whole } from './db.js';
import { keyOf } from './outbox.js';
import { PACKED, familyName, familyOf, nameOf } from './packing.js';
import { STAMP, byName, ofKind, stamped } from './packs.js';
import { placeOf, repacked } from './repack.js';

/**
 * @typedef {import('../types.js').RuhuRecord} RuhuRecord
 * @typedef {import('../types.js').Page} Page
 * @typedef {import('./packs.js').Change} Change
 * @typedef {{cursor: any, round: number, stamp: number, changes: Change[], oldGone: [string, string][], rows: any[], gone: string[]}} State
 */

/** Kinds whose records reach a phone; ops on others are over once they are answered. */
export const PULLED_KINDS = new Set(['area', 'user', 'form', 'village', 'household', 'member', 'visit', 'issue', 'assignment', 'rules', 'exemption', 'pairing', 'event']);

/** Rows of before, or packs, that are gone through at once. */
const ROWS = 500;
const PACKS = 16;
const STORES = ['record', 'pack', 'place', 'block', 'meta', 'draft', 'photo'];

/**
 * @param {{db: {data: import('./db.js').Connection}, outbox: import('./outbox.js').Outbox, box: import('./record-box.js').RecordBox,
 *   packs: import('./packs.js').Packs, searchRows: ReturnType<typeof import('./search-rows.js').createSearchRows>,
 *   pulled: (asked: {kind: string, id: string}[]) => Promise<(RuhuRecord | null)[]>, taken: (records: RuhuRecord[]) => void,
 *   newId?: () => string}} parts  pulled: records as they came
 */
export function createTakingIn({ db, outbox, box, packs, searchRows, pulled, taken, newId = () => crypto.randomUUID() }) {
  /** @param {Page} page @returns {Promise<number>} how many records the end of a fresh download took away */
  async function applyPage(page) {
    const erased = page.records.filter((record) => record.deleted && record.fields?.erased);
    // First, so that a phone that dies in between still forgets what it sent of them.
    await outbox.noteErased(erased.map(nameOf));
    const leftovers = await written(page, erased);
    await settleCaughtUp();
    const dropped = leftovers ? await dropLeftovers() : 0;
    taken(page.records);
    return dropped;
  }

  /**
   * What a page makes of the phone's store. Closing takes longer than a transaction lasts, so it is done before, for
   * the state as read; if something else was written in between, once more.
   * @param {Page} page @param {RuhuRecord[]} erased @returns {Promise<boolean>} whether records of before may be left over
   */
  async function written(page, erased) {
    const single = page.records.filter((record) => !PACKED.has(record.kind));
    for (;;) {
      const before = await stateFor(page);
      const kept = await Promise.all(single.map((record) => (record.deleted ? null : box.close(inRound(record, before.round)))));
      const block = before.rows.length || before.gone.length ? await searchRows.closed(before.rows, before.gone) : null;
      const leftovers = await db.data.run((idb) => whole(idb, STORES, async (tx) => {
        const meta = tx.objectStore('meta');
        const [cursor, round, stamp] = await Promise.all([meta.get('cursor'), meta.get('round'), meta.get(STAMP)]);
        if (cursor?.value !== before.cursor || (round?.value ?? 0) !== before.round || (stamp?.value ?? 0) !== before.stamp) return null;
        for (const { kind, id } of erased) if (kind === 'household') await dropDrafts(tx, id);
        const records = tx.objectStore('record');
        single.forEach((record, i) => sent(kept[i] ? records.put(kept[i]) : records.delete([record.kind, record.id])));
        for (const key of before.oldGone) sent(records.delete(key));
        putPacks(tx, before.changes);
        if (before.changes.length || before.oldGone.length) await stamped(tx);
        if (block) sent(tx.objectStore('block').add(block));
        sent(meta.put({ key: 'cursor', value: page.cursor }));
        if (page.scope_version) sent(meta.put({ key: 'scope_version', value: page.scope_version }));
        if (!page.more) sent(meta.put({ key: 'complete', value: true }));
        return !page.more && Boolean((await meta.get('leftovers'))?.value);
      }));
      if (leftovers === null) continue;
      if (before.changes.length || before.oldGone.length) packs.noted(before.stamp, before.changes);
      return leftovers;
    }
  }

  /** What a page is laid over, and the packs and search rows that follow. @param {Page} page @returns {Promise<State>} */
  async function stateFor(page) {
    const { cursor, round } = await db.data.run(async (idb) => {
      const meta = idb.transaction('meta').objectStore('meta');
      const [cursor, round] = await Promise.all([meta.get('cursor'), meta.get('round')]);
      return { cursor: cursor?.value, round: round?.value ?? 0 };
    });
    const coming = new Map(page.records.filter((record) => PACKED.has(record.kind)).map((record) => [nameOf(record), record]));
    /** @type {Set<string>} */
    const touched = new Set();
    for (const record of coming.values()) {
      if (!record.id) throw new Error(`a ${record.kind} without an id`);
      if (record.kind !== 'visit') touched.add(familyOf(record));
    }
    touched.delete('');
    const names = [...coming.keys(), ...[...coming.values()].map(familyOf).filter(Boolean).map(familyName)];
    let looked = await packs.look(names, { spare: true });
    // A member may have left one household for another: both rows change.
    const left = [...byName(looked)].filter(([name, { kind }]) => kind === 'member' && coming.has(name)).map(([, before]) => familyOf(before)).filter((id) => id && !touched.has(id));
    if (left.length) {
      for (const id of left) touched.add(id);
      looked = await packs.look([...names, ...left.map(familyName)], { spare: true });
    }
    const changed = repacked(looked.packs, [...coming.values()].map((record) => inRound(record, round)), newId);
    const oldGone = looked.old.filter((record) => coming.has(nameOf(record))).map(({ kind, id }) => /** @type {[string, string]} */ ([kind, id]));
    return { cursor, round, stamp: looked.stamp, changes: await closed(changed, looked.stamp), oldGone, ...rowsFor(touched, looked, changed, coming) };
  }

  /**
   * @param {Set<string>} households @param {import('./packs.js').Looked} before @param {Map<string, RuhuRecord[]>} changed
   * @param {Map<string, RuhuRecord>} coming
   */
  function rowsFor(households, { stamp, packs: was, old }, changed, coming) {
    const now = byName({ stamp, packs: new Map([...was, ...changed]), old: old.filter((record) => !coming.has(nameOf(record))) });
    /** @type {Map<string, RuhuRecord[]>} */
    const people = new Map([...households].map((id) => [id, []]));
    for (const record of now.values()) if (record.kind === 'member') people.get(record.fields.household_id)?.push(record);
    /** @type {any[]} */
    const rows = [];
    /** @type {string[]} */
    const gone = [];
    for (const [id, members] of people) {
      const household = now.get(nameOf({ kind: 'household', id }));
      if (household && !household.fields.merged_into) rows.push(rowOf(household, members));
      else gone.push(id);
    }
    return { rows, gone };
  }

  /** @param {Map<string, RuhuRecord[]>} changed @param {number} stamp @returns {Promise<Change[]>} */
  const closed = (changed, stamp) => Promise.all([...changed].map(async ([id, records]) => (records.length
    ? { id, records, pack: await box.closePack(id, records), place: { id, at: stamp + 1, ...placeOf(records) } }
    : { id, records, pack: null, place: null })));

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
    const round = await db.data.run(async (idb) => (await idb.get('meta', 'round'))?.value ?? 0);
    const inPacks = await dropFromPacks(round, open);
    const blockId = newId();
    const single = await db.data.run((idb) => whole(idb, ['record', 'block', 'meta'], async (tx) => {
      /** @type {string[]} */
      const gone = [];
      let [dropped, kept] = [0, inPacks.kept];
      for (let cursor = await tx.objectStore('record').openCursor(); cursor; cursor = await cursor.continue()) {
        const record = cursor.value;
        if ((record.round ?? 0) === round) continue;
        if (open.has(nameOf(record))) {
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
    const here = await pulled(safe.map((row) => ({ kind: row.about?.entity ?? '', id: row.about?.id ?? '' })));
    await outbox.settle(safe.filter((_row, i) => !here[i]).map(keyOf));
    return inPacks.dropped + single;
  }

  /** @param {number} round @param {Set<string>} open @returns {Promise<{dropped: number, kept: number}>} */
  async function dropFromPacks(round, open) {
    let [dropped, kept] = [0, 0];
    await throughPacks((records) => records.filter((record) => {
      if ((/** @type {any} */ (record).round ?? 0) === round) return true;
      if (!open.has(nameOf(record))) return false;
      kept += 1;
      return true;
    }), (gone) => { dropped += gone.length; });
    return { dropped, kept };
  }

  /**
   * Some packs at a time, each batch written whole: what keep leaves out goes, with its search row.
   * @param {(records: RuhuRecord[]) => RuhuRecord[]} keep @param {(gone: RuhuRecord[]) => void} [told]
   * @param {(pack: import('./packs.js').Pack) => boolean} [also] packs that are written anew in any case
   */
  async function throughPacks(keep, told = () => {}, also = () => false) {
    const ids = [...(await packs.fresh()).places.keys()];
    for (let at = 0; at < ids.length;) {
      const { stamp } = await packs.fresh();
      const some = (await db.data.run((idb) => {
        const store = idb.transaction('pack').objectStore('pack');
        return Promise.all(ids.slice(at, at + PACKS).map((id) => store.get(id)));
      })).filter(Boolean);
      /** @type {Map<string, RuhuRecord[]>} */
      const changed = new Map();
      /** @type {RuhuRecord[]} */
      const gone = [];
      for (const pack of some) {
        const records = await box.openPack(pack);
        if (!records) continue;
        const kept = new Set(keep(records));
        if (kept.size === records.length && !also(pack)) continue;
        changed.set(pack.id, [...kept]);
        gone.push(...records.filter((record) => !kept.has(record)));
      }
      if (changed.size && !await replaced(await closed(changed, stamp), stamp, gone)) continue;
      told(gone);
      at += PACKS;
    }
  }

  /**
   * @param {Change[]} changes @param {number} stamp @param {RuhuRecord[]} gone @param {[string, string][]} [old] rows of before that go
   * @returns {Promise<boolean>} false: something else was written since, and nothing was done
   */
  async function replaced(changes, stamp, gone, old = []) {
    const households = gone.filter(({ kind }) => kind === 'household').map(({ id }) => id);
    const block = households.length ? await searchRows.closed([], households) : null;
    const done = await db.data.run((idb) => whole(idb, ['record', 'pack', 'place', 'block', 'meta'], async (tx) => {
      if (((await tx.objectStore('meta').get(STAMP))?.value ?? 0) !== stamp) return false;
      putPacks(tx, changes);
      for (const key of old) sent(tx.objectStore('record').delete(key));
      if (block) sent(tx.objectStore('block').add(block));
      await stamped(tx);
      return true;
    }));
    if (done) packs.noted(stamp, changes);
    return done;
  }

  /** Rows of before, one a record, into packs; as they are and as often as it takes. */
  async function packOld() {
    if (!(await packs.fresh()).old) return;
    for (const kind of PACKED) {
      for (let after = /** @type {string} */ (''); ;) {
        const range = after ? IDBKeyRange.bound([kind, after], [kind, []], true) : ofKind(kind);
        const kept = await db.data.run((idb) => idb.getAll('record', range, ROWS));
        const records = (await box.openAll(kept));
        const names = records.map(familyOf).filter(Boolean).map(familyName);
        const looked = await packs.look([...records.map(nameOf), ...names], { spare: true });
        const old = new Map(looked.old.map((record) => [nameOf(record), record]));
        // Only what still lies there, as it lies there.
        const moving = records.flatMap((record) => old.get(nameOf(record)) ?? []);
        const packed = byName({ ...looked, old: [] });
        const changes = await closed(repacked(looked.packs, moving.filter((record) => !packed.has(nameOf(record))), newId), looked.stamp);
        if (moving.length && !await replaced(changes, looked.stamp, [], moving.map((record) => [record.kind, record.id]))) continue;
        if (kept.length < ROWS) break;
        after = kept[kept.length - 1].id;
      }
    }
    packs.forget();
  }

  /** Packs that lie plain are closed. */
  const closeOld = () => (box.on ? throughPacks((records) => records, undefined, (pack) => !pack.box) : Promise.resolve());

  /** Take the marks off ops that the pulled records now contain. */
  async function settleCaughtUp() {
    const answered = (await outbox.overlaidLines()).filter((line) => line.about && line.result);
    if (!answered.length) return;
    const here = await pulled(answered.map((line) => ({ kind: line.about?.entity ?? '', id: line.about?.id ?? '' })));
    const over = answered.filter((line, i) => !PULLED_KINDS.has(line.about?.entity ?? '') || !isPending(/** @type {any} */ (line), here[i]));
    await outbox.settle(over.map(keyOf));
  }

  return { applyPage, startAfresh, packOld, closeOld };
}

/** @param {RuhuRecord} record @param {number} round of fresh downloads */
const inRound = (record, round) => (round ? { ...record, round } : record);

/** @param {import('./db.js').Writing} tx @param {Change[]} changes */
function putPacks(tx, changes) {
  const [packs, places] = [tx.objectStore('pack'), tx.objectStore('place')];
  for (const { id, pack, place } of changes) {
    sent(pack ? packs.put(pack) : packs.delete(id));
    sent(place ? places.put(place) : places.delete(id));
  }
}

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

