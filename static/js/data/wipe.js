/** Emptying a phone: keys given back where the server answers, then everything of ours goes. */

const OURS = /^ruhu-/;

/**
 * The marks outside the databases go first, so that an emptying cut short is not taken for a loss.
 * @param {{db: import('./shelves.js').Databases, session: import('./session.js').Session, api: import('./api.js').Api}} parts
 */
export async function wipe({ db, session, api }) {
  for (const { token } of session.installs) await api.post('/api/sign-out', {}, token);
  for (const name of Object.keys(localStorage)) if (OURS.test(name) && name !== 'ruhu-lang' && name !== 'ruhu-large') localStorage.removeItem(name);
  // Open connections let go by themselves when they are told of the deletion.
  const shelves = (await db.base.run(async (idb) => (await idb.get('meta', 'shelves'))?.value).catch(() => null)) ?? [];
  await Promise.all(['ruhu-outbox', 'ruhu-data', ...shelves.map((/** @type {string} */ id) => `ruhu-data-${id}`)].map((name) => new Promise((done, fail) => {
    const asked = indexedDB.deleteDatabase(name);
    asked.onsuccess = () => done(undefined);
    asked.onerror = () => fail(asked.error);
  })));
}
