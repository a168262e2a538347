/**
 * The form screen in the office's preview frame. It gets the app's context with every store
 * kept in memory: no database is opened, no worker registered, nothing can be sent.
 */
import { uuid7 } from './data/ids.js';
import { language, t, useLanguage } from './i18n.js';
import { show } from './screens/form.js';

/** @typedef {import('./screens/form-types.d.ts').RegisterRecord} RegisterRecord */

const { form = '', lang = 'zh', formLang = '', page = '', household = '', records = '' } = document.body.dataset;
const root = /** @type {HTMLElement} */ (document.getElementById('app'));

/** @param {string} url @returns {Promise<Response>} */
async function fetched(url) {
  const response = await fetch(url, { credentials: 'same-origin' });
  if (!response.ok) throw new Error(`${response.status}`);
  return response;
}

async function start() {
  await useLanguage(lang);
  /** @type {{[kind: string]: RegisterRecord[]}} */
  const known = records ? await (await fetched(records)).json() : {};
  const html = await (await fetched(page)).text();
  const of = (/** @type {string} */ kind) => (known[kind] ?? []).filter((one) => one);
  /** @type {Map<string, any>} */
  const files = new Map();
  /** @type {any} */
  const ctx = {
    t, now: () => new Date(), ids: () => uuid7(),
    // The form's wished language, which the app itself need not speak.
    get lang() {
      return formLang || language();
    },
    go: () => {},
    back: () => location.reload(),
    header: () => {},
    session: { user: { id: 'preview', name: t('试填'), username: 'preview', area: '' }, install_id: 'preview', installs: [] },
    store: {
      get: async (/** @type {string} */ kind, /** @type {string} */ id) => of(kind).find((one) => one.id === id) ?? null,
      all: async (/** @type {string} */ kind) => of(kind),
      rows: async () => of('household'),
      members: async () => of('member'),
      visits: async () => of('visit'),
      issues: async () => of('issue'),
      meta: async () => null,
      subscribe: () => () => {},
    },
    formstore: {
      open: async () => ({ form_id: form, html }),
      list: async () => [],
      offered: async () => true,
      attachment: async (/** @type {string} */ _form, /** @type {string} */ _version, /** @type {string} */ name) => {
        const response = await fetched(new URL(`media/${encodeURIComponent(name)}`, new URL(page, location.href)).href).catch(() => null);
        return response ? response.blob() : null;
      },
      file: async (/** @type {string} */ _form, /** @type {string} */ _version, /** @type {string} */ name) => {
        const holder = new DOMParser().parseFromString(html, 'text/html').querySelector('#definition');
        return JSON.parse(holder?.textContent ?? '{}').tables?.[name] ?? null;
      },
    },
    drafts: {
      get: async () => undefined, find: async () => undefined, list: async () => [], mine: async () => [], save: async () => {}, remove: async () => async () => {},
      hold: async () => () => {},
      putBlob: async (/** @type {any} */ blob) => void files.set(blob.sha256, blob),
      getBlob: async (/** @type {string} */ sha256) => files.get(sha256),
    },
    outbox: { finish: async () => Promise.reject(new Error('a preview sends nothing')), subscribe: () => () => {} },
    log: { add: async () => {} },
  };
  await show(root, ctx, { form_id: form, household_id: household, trial: true });
}

void start().catch((error) => {
  root.textContent = `${t('预览打不开,请刷新再试。')} (${error?.message ?? error})`;
});
