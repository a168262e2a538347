/**
 * The pictures, sounds and films of forms on this phone, kept by the SHA-256 of
 * their bytes: a version that changed a question does not bring its pictures again.
 */
import { sent, whole } from './db.js';
import { sha256Hex } from './sha256.js';

/**
 * @typedef {{[name: string]: {sha256: string, size: number, type: string}}} Files
 * @typedef {{sha256: string, type: string, bytes: ArrayBuffer}} Kept
 */

/** Bytes in a second on the slowest network that is still of use. */
const SLOWEST = 4096;

/**
 * @param {{db: {data: import('./db.js').Connection}, store: import('./store.js').Store, api: import('./api.js').Api}} parts
 */
export function createFormfiles({ db, store, api }) {
  /** @param {string} sha256 @returns {Promise<boolean>} */
  const has = async (sha256) => (await db.data.run((idb) => idb.getKey('form_file', sha256))) !== undefined;

  /**
   * Fetch the files of a form that are not here.
   * @param {{form_id: string, version: string, files?: Files}} form
   * @returns {Promise<boolean>} whether all are here now
   */
  async function bring({ form_id: formId, version, files = {} }) {
    let all = true;
    for (const [name, told] of Object.entries(files)) {
      if (await has(told.sha256)) continue;
      const bytes = await fetched(formId, version, name, told);
      if (bytes) await keep({ sha256: told.sha256, type: told.type, bytes });
      else all = false;
    }
    return all;
  }

  /**
   * @param {string} formId @param {string} version @param {string} name @param {Files[string]} told
   * @returns {Promise<ArrayBuffer | null>}
   */
  async function fetched(formId, version, name, { sha256, size }) {
    const path = `/forms/${[formId, version].map(encodeURIComponent).join('/')}/files/${encodeURIComponent(name)}`;
    const answer = await api.request('GET', path, { as: 'bytes', fixed: true, patience: (size / SLOWEST) * 1000 });
    // A captive portal answers anything with its own page.
    return answer.kind === 'ok' && await sha256Hex(answer.data) === sha256 ? answer.data : null;
  }

  /** @param {Kept} file */
  const keep = (file) => db.data.run((idb) => whole(idb, ['form_file'], async (tx) => sent(tx.objectStore('form_file').put(file))));

  /**
   * A file of a form as it is kept here; null when it is not.
   * @param {string} formId @param {string} version @param {string} name
   * @returns {Promise<Blob | null>}
   */
  async function attachment(formId, version, name) {
    const told = (await store.get('form', formId))?.fields.files?.[version]?.[name];
    /** @type {Kept | undefined} */
    const kept = told && await db.data.run((idb) => idb.get('form_file', told.sha256));
    return kept ? new Blob([kept.bytes], { type: kept.type }) : null;
  }

  /**
   * Drop the files that neither an offered version nor a draft needs.
   * @param {{files?: Files}[]} offered
   */
  async function tidy(offered) {
    const needed = new Set(offered.flatMap(({ files = {} }) => shasOf(files)));
    for (const draft of await db.data.run((idb) => idb.getAll('draft'))) {
      const record = await store.get('form', draft.form_id);
      for (const sha256 of shasOf(record?.fields.files?.[draft.version] ?? {})) needed.add(sha256);
    }
    const here = /** @type {string[]} */ (await db.data.run((idb) => idb.getAllKeys('form_file')));
    const over = here.filter((sha256) => !needed.has(sha256));
    if (!over.length) return;
    await db.data.run((idb) => whole(idb, ['form_file'], async (tx) => {
      for (const sha256 of over) sent(tx.objectStore('form_file').delete(sha256));
    }));
  }

  return { bring, attachment, tidy };
}

/** @param {Files} files */
const shasOf = (files) => Object.values(files).map((one) => one.sha256);
