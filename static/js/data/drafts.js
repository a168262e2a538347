/**
 * Drafts: what a person typed and has not finished. Every save is strictly durable. Photos and
 * signatures are rows of their own, written before the answer that names them.
 *
 * A phone may be handed on: a draft belongs to who began it, and only that person finds it again.
 */

import { putAlone, sent, whole } from './db.js';
import { createDraftBox, hashIn, namedIn } from './draft-box.js';
import { createHolds } from './draft-holds.js';

/** @typedef {import('../screens/form-types.d.ts').Draft} Draft */
/** @typedef {import('../screens/form-types.d.ts').StoredBlob} StoredBlob */
/** @typedef {import('idb').IDBPDatabase} Database */
/** @typedef {ReturnType<typeof createDrafts>} Drafts */
/**
 * A file of a draft. name: what it was called where it came from. origin: what it was made from (the strokes of
 * a drawing, the photo below them), so that a person can go on. kept: when, as ISO time.
 * @typedef {StoredBlob & {draft_id: string, name?: string, origin?: {strokes?: unknown, base?: string}, kept?: string}} Row
 */

/** @typedef {Draft | import('./draft-box.js').ClosedDraft} Stub */

/** Long after any tab that could still name or take back a file. */
const SWEEP_AFTER_MS = 24 * 3600 * 1000;

/**
 * @param {{
 *   run: <T>(work: (db: Database) => Promise<T>) => Promise<T>,
 *   locks?: LockManager,
 *   user?: () => string,
 *   cipher?: import('./cipher.js').Cipher,
 *   everywhere?: <T>(work: (db: Database) => Promise<T>) => Promise<T[]>,
 * }} use  everywhere: run on every person's store of the phone
 *    run reopens a connection the browser closed and throws NotSaved when it can't; user is the id of who is signed in
 */
export function createDrafts({ run, locks, cipher, user = () => '', everywhere = async (work) => [await run(work)] }) {
  const box = createDraftBox(cipher);
  const { hold, takeOver } = createHolds({ locks });
  /** @param {{user_id?: string}} draft */
  const isMine = (draft) => !draft.user_id || draft.user_id === user();

  /** @param {Draft} draft */
  async function save(draft) {
    draft.user_id ||= user();
    const kept = await box.close(draft);
    return run((db) => putAlone(db, 'draft', kept));
  }

  /** As it lies here. @param {string} draftId @returns {Promise<Stub | undefined>} */
  const anyones = (draftId) => run((db) => db.get('draft', draftId));

  /** One of this person's drafts. @param {string} draftId */
  async function get(draftId) {
    const draft = await anyones(draftId);
    return draft && isMine(draft) ? box.open(draft) : undefined;
  }

  /** Everyone's drafts on this phone as they lie here, the latest first; what is shown comes from mine(). @returns {Promise<Stub[]>} */
  async function list() {
    const drafts = await run((db) => db.getAll('draft'));
    return drafts.sort((/** @type {Stub} */ a, /** @type {Stub} */ b) => b.updated.localeCompare(a.updated));
  }

  /** How many drafts of anybody are on this phone. @returns {Promise<number>} */
  const count = async () => (await everywhere((db) => db.count('draft'))).reduce((sum, one) => sum + one, 0);

  /** This person's drafts, the latest first. @returns {Promise<Draft[]>} */
  async function mine() {
    const drafts = await Promise.all((await list()).filter(isMine).map((draft) => box.open(draft)));
    return drafts.flatMap((draft) => draft ?? []);
  }

  /** This person's latest draft of this form for this household, to go on with. @param {string} formId @param {string} householdId */
  async function find(formId, householdId) {
    const found = (await list()).filter((draft) => isMine(draft) && draft.form_id === formId && draft.household_id === householdId);
    for (const draft of found) {
      const open = await box.open(draft);
      if (open) return open;
    }
    return undefined;
  }

  /**
   * Deletes a draft and gives a way back. Its photos stay until the app starts the next time.
   * @param {string} draftId
   */
  async function remove(draftId) {
    const draft = await anyones(draftId);
    await run((db) => whole(db, ['draft'], async (tx) => sent(tx.objectStore('draft').delete(draftId))));
    return async () => {
      if (draft) await run((db) => whole(db, ['draft'], async (tx) => sent(tx.objectStore('draft').put(draft))));
    };
  }

  /** @param {Row} blob */
  async function putBlob(blob) {
    const kept = await box.closeFile(blob);
    await run((db) => whole(db, ['photo'], async (tx) => sent(tx.objectStore('photo').put(kept))));
  }

  /** @param {string} sha256 @returns {Promise<Row | undefined>} */
  const getBlob = async (sha256) => box.openFile(await run((db) => db.get('photo', sha256)));

  /**
   * A recording under way, piece by piece: what was said before the phone died is not lost with it.
   * @param {string} draftId @param {string} path
   */
  function recording(draftId, path) {
    const first = `${draftId}|${path}|`;
    const all = () => IDBKeyRange.bound(first, `${first}\uffff`);
    return {
      /** @param {number} n @param {{type: string, bytes: ArrayBuffer}} piece @param {string} kept */
      add: (n, { type, bytes }, kept) =>
        putBlob({ sha256: `${first}${String(n).padStart(6, '0')}`, size: bytes.byteLength, type, bytes, draft_id: draftId, kept }),
      /** @returns {Promise<Row[]>} in order */
      read: async () => (await Promise.all((await run((db) => db.getAll('photo', all()))).map(box.openFile))).flatMap((row) => row ?? []),
      drop: () => run((db) => whole(db, ['photo'], async (tx) => sent(tx.objectStore('photo').delete(all())))),
    };
  }

  /**
   * Files no draft names any more: of finished or deleted ones, and of answers given anew. Young ones stay:
   * another tab may be about to name them, and a person may take a removal back.
   * @param {Date} now @param {string} [done] a draft just finished, whose files the outbox has: they may go at once
   */
  async function sweepBlobs(now, done = '') {
    const drafts = await list();
    const living = new Set(drafts.map((draft) => draft.draft_id));
    const named = new Set(drafts.flatMap(namedIn));
    const young = new Date(now.getTime() - SWEEP_AFTER_MS).toISOString();
    return run((db) => whole(db, ['photo'], async (tx) => {
      const photos = tx.objectStore('photo');
      const keys = /** @type {string[]} */ (await photos.getAllKeys());
      /** @type {string[]} */
      const loose = [];
      // Rows hold whole films: one at a time, and those in use only if there is something to delete.
      for (const key of keys) {
        if (named.has(key)) continue;
        const { kept = '', draft_id } = /** @type {Row} */ (await photos.get(key));
        const piece = key.includes('|') && living.has(draft_id);
        if (!piece && (kept < young || draft_id === done)) loose.push(key);
      }
      if (loose.length) for (const key of keys) if (named.has(key)) named.add(baseOf(await photos.get(key)));
      for (const key of loose) if (!named.has(key)) sent(photos.delete(key));
    }));
  }

  return { save, get, list, count, mine, find, remove, putBlob, getBlob, recording, sweepBlobs, hold, takeOver };
}

/** @param {Row & {base?: string}} row */
const baseOf = ({ base, origin }) => base ?? hashIn(origin?.base ?? '');
