/**
 * Drafts: what a person typed and has not finished. Every save is strictly durable. Photos and
 * signatures are rows of their own, written before the answer that names them.
 *
 * A phone may be handed on: a draft belongs to who began it, and only that person finds it again.
 */

/** @typedef {import('../screens/form-types.d.ts').Draft} Draft */
/** @typedef {import('../screens/form-types.d.ts').StoredBlob} StoredBlob */
/** @typedef {import('idb').IDBPDatabase} Database */
/** @typedef {ReturnType<typeof createDrafts>} Drafts */

/**
 * @param {{
 *   run: <T>(work: (db: Database) => Promise<T>) => Promise<T>,
 *   locks?: LockManager,
 *   user?: () => string,
 * }} use  run reopens a connection the browser closed and throws NotSaved when it can't; user is the id of who is signed in
 */
export function createDrafts({ run, locks = globalThis.navigator?.locks, user = () => '' }) {
  /** @param {Draft} draft */
  const isMine = (draft) => !draft.user_id || draft.user_id === user();

  /** @param {Draft} draft */
  function save(draft) {
    draft.user_id ||= user();
    return run(async (db) => {
      const tx = db.transaction('draft', 'readwrite', { durability: 'strict' });
      const put = tx.store.put(draft);
      // Without waiting for an idle moment: the page may be going away.
      tx.commit?.();
      await Promise.all([put, tx.done]);
    });
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
    await run(async (db) => {
      const tx = db.transaction('draft', 'readwrite', { durability: 'strict' });
      await Promise.all([tx.store.delete(draftId), tx.done]);
    });
    return async () => {
      if (draft) await save(draft);
    };
  }

  /** @param {StoredBlob & {draft_id: string}} blob */
  function putBlob(blob) {
    return run(async (db) => {
      const tx = db.transaction('photo', 'readwrite', { durability: 'strict' });
      await Promise.all([tx.store.put(blob), tx.done]);
    });
  }

  /** @param {string} sha256 @returns {Promise<(StoredBlob & {draft_id: string}) | undefined>} */
  const getBlob = (sha256) => run((db) => db.get('photo', sha256));

  /** Photos no draft names any more: of finished, deleted or retaken ones. */
  async function sweepBlobs() {
    const named = JSON.stringify((await list()).map((draft) => draft.answers));
    return run(async (db) => {
      const tx = db.transaction('photo', 'readwrite');
      for (const key of await tx.store.getAllKeys()) if (!named.includes(String(key))) void tx.store.delete(key);
      await tx.done;
    });
  }

  /**
   * The right to write a draft, which one tab holds at a time: a way to give it back, or null
   * when another tab has it. Without Web Locks every tab may write.
   * @param {string} draftId
   * @returns {Promise<(() => void) | null>}
   */
  function hold(draftId) {
    if (!locks) return Promise.resolve(() => {});
    return new Promise((resolve, reject) => {
      locks
        .request(`ruhu-draft:${draftId}`, { ifAvailable: true }, (lock) => {
          if (!lock) return resolve(null);
          return new Promise((release) => resolve(() => release(undefined)));
        })
        .catch(reject);
    });
  }

  return { save, get, list, mine, find, remove, putBlob, getBlob, sweepBlobs, hold };
}
