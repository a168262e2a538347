/**
 * Form pages on this phone, one per published version, in IndexedDB and not in
 * the worker's cache: a new worker must never take a form away (enketo #986).
 */
import { sent, whole } from './db.js';
import { createFormfiles } from './formfiles.js';

/**
 * @typedef {{form_id: string, version: string, title: any, hash: string, about?: string,
 *   files?: import('./formfiles.js').Files}} FormInfo
 * @typedef {{form_id: string, version: string, html: string}} Page
 */

/**
 * @param {{db: {data: import('./db.js').Connection}, store: import('./store.js').Store, api: import('./api.js').Api}} parts
 */
export function createFormstore({ db, store, api }) {
  const files = createFormfiles({ db, store, api });

  /**
   * The newest published version of each form, by the records; before the first pull by the public index.
   * @returns {Promise<FormInfo[]>}
   */
  async function list() {
    const [records, index] = await Promise.all([store.all('form'), store.meta('form_index')]);
    if (records.length) return newest(records.filter((record) => !isRetired(record)).map((record) => infoOf(record)));
    return newest(index ?? []);
  }

  /** @param {string} formId @param {string} version */
  const cached = (formId, version) => db.data.run((idb) => idb.get('form', [formId, version]));

  /** Every version of a form that is here. @param {string} formId @returns {Promise<Page[]>} */
  const versions = (formId) => db.data.run((idb) => idb.getAll('form', IDBKeyRange.bound([formId], [formId, []])));

  /**
   * The page of a form: that version, or the newest one that is here. Fetched and kept when it is not.
   * @param {string} formId
   * @param {string} [version]
   * @param {string} [url] where the page is, when the shell knows
   * @returns {Promise<Page | null>}
   */
  async function open(formId, version, url) {
    const told = version ?? versionIn(url);
    // Which one is the newest is found out while they are read.
    const [all, forms] = told ? [null, []] : await Promise.all([versions(formId), list()]);
    const wanted = told ?? forms.find((form) => form.form_id === formId)?.version;
    // A shell that names the page came by the network: its browser fetches the page already, while our database opens.
    const coming = wanted && url ? fetchPage(formId, wanted, url) : null;
    coming?.catch(() => {});
    const here = wanted && (all ? all.find((one) => one.version === wanted) : await cached(formId, wanted));
    if (here) return here;
    const page = wanted ? await (coming ?? fetchPage(formId, wanted, url)) : null;
    if (page) {
      // The person need not wait for the disk; if it fails the page is fetched again next time.
      void keep(page).catch(() => {});
      return page;
    }
    if (version) return null;
    const older = all ?? await versions(formId);
    return older[older.length - 1] ?? null;
  }

  /**
   * @param {string} formId
   * @param {string} version
   * @param {string} [url]
   * @returns {Promise<Page | null>}
   */
  async function fetchPage(formId, version, url = `/forms/${formId}/${version}.html`) {
    const answer = await api.request('GET', url, { as: 'text', fixed: true });
    // A captive portal's page carries no definition.
    if (answer.kind !== 'ok' || !answer.data.includes('id="definition"')) return null;
    return { form_id: formId, version, html: answer.data };
  }

  /** @param {Page} page */
  const keep = (page) => db.data.run((idb) => whole(idb, ['form'], async (tx) => sent(tx.objectStore('form').put(page))));

  /**
   * Bring every published form here with its pictures, sounds and films, so that it opens with no network.
   * @returns {Promise<{here: number, wanted: number}>}
   */
  async function prefetch() {
    if (!(await store.all('form')).length) {
      const answer = await api.get('/forms/index.json');
      if (answer.kind === 'ok') await store.setMeta('form_index', answer.data);
    }
    const forms = await list();
    const withPage = [];
    for (const form of forms) {
      if (!await cached(form.form_id, form.version)) {
        const page = await fetchPage(form.form_id, form.version);
        if (!page) continue;
        await keep(page);
      }
      withPage.push(form);
    }
    // Every form's questions first: without a picture a form can still be filled.
    let here = 0;
    for (const form of withPage) if (await files.bring(form)) here += 1;
    if (here === forms.length) await files.tidy(forms);
    return { here, wanted: forms.length };
  }

  /** Whether the office took the form off the phones. @param {string} formId */
  async function retired(formId) {
    const record = await store.get('form', formId);
    return record ? isRetired(record) : false;
  }

  return { list, open, prefetch, retired, attachment: files.attachment };
}

/** @param {{fields: {[name: string]: any}}} record */
const isRetired = ({ fields }) => fields.state === 'retired';

/** @typedef {ReturnType<typeof createFormstore>} Formstore */

/** @param {import('../types.js').RuhuRecord} record @returns {FormInfo} */
function infoOf({ id, fields }) {
  const version = String(fields.version);
  return {
    form_id: fields.form_id ?? id, version, title: fields.title, hash: fields.hash, about: fields.about, files: fields.files?.[version],
  };
}

/** @param {FormInfo[]} forms @returns {FormInfo[]} one per form_id, the highest version */
function newest(forms) {
  /** @type {Map<string, FormInfo>} */
  const best = new Map();
  for (const form of forms) {
    const other = best.get(form.form_id);
    if (!other || versionOrder(form.version, other.version) > 0) best.set(form.form_id, form);
  }
  return [...best.values()];
}

/** Numbers inside versions count as numbers: 10 is after 9. @param {string} a @param {string} b */
const versionOrder = (a, b) => a.localeCompare(b, 'en', { numeric: true });

/** @param {string} [url] */
const versionIn = (url) => url?.match(/^\/forms\/[^/]+\/([^/?]+)\.html/)?.[1];
