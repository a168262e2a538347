/**
 * A draft to the newest version of its form: shows which answers go along and which have no place
 * there, does it when asked, and takes it back with one tap.
 */

import { migrate } from '../core/migrate.js';
import { plain } from './form-model.js';
import { button, element } from './widgets/dom.js';

/** @typedef {import('./form-types.d.ts').Draft} Draft */
/** @typedef {import('./form-types.d.ts').Definition} Definition */
/** @typedef {NonNullable<Draft['unplaced']>[number]} Unplaced */

/** @param {HTMLElement} root @param {any} ctx @param {{draft_id?: string}} params */
export async function show(root, ctx, params) {
  const { t } = ctx;
  ctx.header({ title: t('换到新版本'), back: '#/today' });
  /** @type {Draft | undefined} */
  const draft = await ctx.drafts.get(params.draft_id ?? '');
  const record = draft && await ctx.store.get('form', draft.form_id);
  if (!draft || !record || record.fields.state !== 'published' || record.fields.version === draft.version) {
    root.replaceChildren(element('p', { class: 'empty', role: 'alert' }, t('这份草稿不用换版本。')), button(t('返回'), () => ctx.go('#/today')));
    return;
  }
  const [from, to] = await Promise.all([pageOf(ctx, draft.form_id, draft.version), pageOf(ctx, draft.form_id, record.fields.version)]);
  if (!from || !to) {
    root.replaceChildren(element('p', { class: 'empty', role: 'alert' }, t('这份表单还没有下载到手机。请联网后打开一次“同步”页,再回来填。')),
      button(t('返回'), () => ctx.go('#/today')));
    return;
  }
  const moved = migrate(/** @type {any} */ (from.definition), /** @type {any} */ (to.definition), /** @type {any} */ (draft),
    record.fields.renames ?? {}, between(record.fields, draft.version));
  const lang = ctx.lang;
  const words = (/** @type {any} */ text, /** @type {string} */ otherwise) =>
    (text ? plain(text, lang, from.definition.default_language) : '') || otherwise;
  /** @type {Unplaced[]} */
  const unplaced = moved.unplaced.map((one) => ({
    path: one.path, name: one.name, value: one.value, version: one.version, label: words(one.label, one.name),
    words: typeof one.words === 'string' ? one.words : words(one.words, one.value),
  }));
  const kept = [...(draft.unplaced ?? []), ...unplaced];

  const go = button(t('换到新版本'), () => void switchOver(), { class: 'main', 'data-name': 'move' });
  const card = element('section', { class: 'card', 'data-name': 'moving' },
    element('p', {}, element('b', {}, draft.household_label || t('(不属于某一户)')), ` ${plain(draft.title, lang, 'zh')}`),
    element('p', {}, t('版本 {from} → {to}', { from: draft.version, to: record.fields.version })),
    element('h2', {}, t('跟着走的答案:{n} 个', { n: moved.placed.length })),
    element('h2', {}, t('在新版本里没有位置的答案:{n} 个', { n: unplaced.length })),
    unplaced.length ? element('p', {}, t('它们留在草稿里给您看,完成时一起上报,不会丢。')) : element('p', {}, t('所有答案都跟着走。')),
    unplacedList(unplaced),
    go, button(t('先不换'), () => ctx.go('#/today'), { class: 'main second' }));
  root.replaceChildren(card);

  async function switchOver() {
    const release = await ctx.drafts.hold(/** @type {Draft} */ (draft).draft_id);
    if (!release) {
      go.after(element('p', { class: 'error', role: 'alert' }, t('这份表单正在另一个窗口里填写。请先关掉那个窗口。')));
      return;
    }
    try {
      await ctx.drafts.save({
        ...draft, version: record.fields.version, hash: to?.hash, title: record.fields.title, answers: moved.answers, carried: moved.carried,
        position: { page: '', path: '' }, ...(kept.length ? { unplaced: kept } : {}),
      });
    } finally {
      release();
    }
    root.replaceChildren(element('section', { class: 'card' },
      element('p', { role: 'status' }, t('已换到版本 {to}。', { to: record.fields.version })),
      button(t('接着填'), () => ctx.go(`#/form?draft_id=${/** @type {Draft} */ (draft).draft_id}`), { class: 'main', 'data-name': 'fill' }),
      button(t('撤销'), async () => {
        await ctx.drafts.save(draft);
        ctx.go('#/today');
      }, { class: 'main second', 'data-name': 'undo' })));
  }
}

/** What an older version asked and this one does not, to read. @param {Unplaced[]} unplaced */
export function unplacedList(unplaced) {
  return element('dl', { class: 'unplaced' }, ...unplaced.flatMap((one) => [element('dt', {}, one.label), element('dd', {}, one.words)]));
}

/** @param {any} ctx @param {string} formId @param {string} version @returns {Promise<{definition: Definition, hash: string} | null>} */
async function pageOf(ctx, formId, version) {
  const page = await ctx.formstore.open(formId, version).catch(() => null);
  if (!page) return null;
  const holder = new DOMParser().parseFromString(page.html, 'text/html');
  const form = /** @type {HTMLElement | null} */ (holder.querySelector('form.form'));
  return { definition: JSON.parse(holder.querySelector('#definition')?.textContent ?? ''), hash: form?.dataset.hash ?? '' };
}

/**
 * The versions published after the draft's, oldest first: over them its questions may have been renamed.
 * @param {{versions?: {[version: string]: string}, dates?: {[version: string]: string}}} fields @param {string} version
 */
function between({ versions = {}, dates = {} }, version) {
  const order = Object.keys(versions).sort((a, b) => (dates[a] ?? '').localeCompare(dates[b] ?? '')
    || a.localeCompare(b, 'en', { numeric: true }));
  return order.slice(order.indexOf(version) + 1);
}
