/**
 * Drafts: what a person typed and has not finished. Every save is strictly durable. Photos and
 * signatures are rows of their own, written before the answer that names them.
 *
 * A phone may be handed on: a draft belongs to who began it, and only that person finds it again.
 */

import { sent, whole } from './db.js';
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

/** Long after any tab that could still name or take back a file. */
const SWEEP_AFTER_MS = 24 * 3600 * 1000;

/**
 * @param {{
 *   run: <T>(work: (db: Database) => Promise<T>) => Promise<T>,
 *   locks?: LockManager,
 *   user?: () => string,
 * }} use  run reopens a connection the browser closed and throws NotSaved when it can't; user is the id of who is signed in
 */
export function createDrafts({ run, locks, user = () => '' }) {
  const { hold, takeOver } = createHolds({ locks });
  /** @param {Draft} draft */
  const isMine = (draft) => !draft.user_id || draft.user_id === user();

  /** @param {Draft} draft */
  function save(draft) {
    draft.user_id ||= user();
    return run((db) => whole(db, ['draft'], async (tx) => {
      sent(tx.objectStore('draft').put(draft));
      // Without waiting for an idle moment: the page may be going away.
      tx.commit?.();
    }));
  }

  /** @param {string} draftId @returns {Promise<Draft | undefined>} */
  const anyones = (draftId) => run((db) => db.get('draft', draftId));

  /** One of this person's drafts. @param {string} draftId */
  async function get(draftId) {
    const draft = await anyones(draftId);
    return draft && isMine(draft) ? draft : undefined;
  }

  /** Everyone's drafts on this phone, the latest first; what is shown comes from mine(). @returns {Promise<Draft[]>} */
  async function list() {
    const drafts = await run((db) => db.getAll('draft'));
    return drafts.sort((/** @type {Draft} */ a, /** @type {Draft} */ b) => b.updated.localeCompare(a.updated));
  }

  /** How many drafts of anybody are on this phone. @returns {Promise<number>} */
  const count = () => run((db) => db.count('draft'));

  /** This person's drafts, the latest first. */
  const mine = async () => (await list()).filter(isMine);

  /** This person's latest draft of this form for this household, to go on with. @param {string} formId @param {string} householdId */
  async function find(formId, householdId) {
    return (await mine()).find((draft) => draft.form_id === formId && draft.household_id === householdId);
  }

  /**
   * Deletes a draft and gives a way back. Its photos stay until the app starts the next time.
   * @param {string} draftId
   */
  async function remove(draftId) {
    const draft = await anyones(draftId);
    await run((db) => whole(db, ['draft'], async (tx) => sent(tx.objectStore('draft').delete(draftId))));
    return async () => {
      if (draft) await save(draft);
    };
  }

  /** @param {Row} blob */
  const putBlob = (blob) => run((db) => whole(db, ['photo'], async (tx) => sent(tx.objectStore('photo').put(blob))));

  /** @param {string} sha256 @returns {Promise<Row | undefined>} */
  const getBlob = (sha256) => run((db) => db.get('photo', sha256));

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
      read: () => run((db) => db.getAll('photo', all())),
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
    let named = JSON.stringify(drafts.map((draft) => draft.answers));
    const young = new Date(now.getTime() - SWEEP_AFTER_MS).toISOString();
    return run((db) => whole(db, ['photo'], async (tx) => {
      const photos = tx.objectStore('photo');
      const keys = /** @type {string[]} */ (await photos.getAllKeys());
      /** @type {string[]} */
      const loose = [];
      // Rows hold whole films: one at a time, and those in use only if there is something to delete.
      for (const key of keys) {
        if (named.includes(key)) continue;
        const { kept = '', draft_id } = /** @type {Row} */ (await photos.get(key));
        const piece = key.includes('|') && living.has(draft_id);
        if (!piece && (kept < young || draft_id === done)) loose.push(key);
      }
      if (loose.length) for (const key of keys) if (named.includes(key)) named += (await photos.get(key)).origin?.base ?? '';
      for (const key of loose) if (!named.includes(key)) sent(photos.delete(key));
    }));
  }

  return { save, get, list, count, mine, find, remove, putBlob, getBlob, recording, sweepBlobs, hold, takeOver };
}
