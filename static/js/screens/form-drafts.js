/** This person's drafts on this phone: open one, delete one (asked once, and taken back with one tap). */

import { plain } from './form-model.js';
import { button, element, renew } from './widgets/dom.js';

/** @typedef {import('./form-types.d.ts').Context} Context */
/** @typedef {import('./form-types.d.ts').Draft} Draft */

/**
 * @param {HTMLElement} root @param {Context} ctx
 * @param {string} title above the list, if there is one
 * @returns {Promise<number>} how many there are
 */
export async function draftList(root, ctx, title) {
  const { t } = ctx;
  // While a line offers to take a deletion back, the list waits.
  if (root.querySelector('.draft-undo')) return root.querySelectorAll('.draft-open').length;
  const drafts = await ctx.drafts.mine();
  const forms = new Map(drafts.length ? (await ctx.store.all?.('form') ?? []).map((form) => [form.id, form.fields]) : []);
  renew(root, ...(drafts.length ? [element('h2', {}, title)] : []),
    element('ul', { class: 'drafts' }, ...drafts.map((draft) => element('li', { 'data-draft': draft.draft_id }, ...row(draft)))));
  return drafts.length;

  /** @param {Draft} draft @returns {HTMLElement[]} */
  function row(draft) {
    const open = button('', () => ctx.go(`#/form?draft_id=${draft.draft_id}`), { class: 'draft-open' });
    const when = draft.updated.slice(5, 16).replace('T', ' ');
    open.append(element('b', {}, draft.household_label || t('(不属于某一户)')),
      element('span', {}, `${plain(draft.title, ctx.lang, 'zh')} · ${t('草稿')} ${when}`));
    const remove = button(t('删除'), () => ask(remove, draft), { class: 'draft-delete' });
    return [open, remove, ...versionOf(draft)];
  }

  /** A newer version to move to, and what older ones asked. @param {Draft} draft @returns {HTMLElement[]} */
  function versionOf(draft) {
    const form = forms.get(draft.form_id);
    const newer = form?.state === 'published' && form.versions?.[draft.version] && form.version !== draft.version;
    const kept = draft.unplaced ?? [];
    return [
      ...(newer ? [button(t('表单有新版本 {version},换到新版本', { version: form.version }), () => ctx.go(`#/move?draft_id=${draft.draft_id}`), { class: 'draft-move' })] : []),
      ...(form?.state === 'retired' ? [element('small', { class: 'draft-note' }, t('这张表单已停用,这份仍可填完上报。'))] : []),
      ...(kept.length ? [element('details', { class: 'draft-note' }, element('summary', {}, t('旧版本的答案,新版本里没有位置:{n} 个', { n: kept.length })),
        element('dl', { class: 'unplaced' }, ...kept.flatMap((one) => [element('dt', {}, one.label), element('dd', {}, one.words)])))] : []),
    ];
  }

  /** The button itself asks; a second tap within a few seconds means it. @param {HTMLButtonElement} remove @param {Draft} draft */
  function ask(remove, draft) {
    if (remove.dataset.sure) {
      void gone(/** @type {HTMLElement} */ (remove.parentElement), draft);
      return;
    }
    remove.dataset.sure = 'yes';
    remove.textContent = t('确定删除?');
    setTimeout(() => {
      delete remove.dataset.sure;
      remove.textContent = t('删除');
    }, 4000);
  }

  /** @param {HTMLElement} line @param {Draft} draft */
  async function gone(line, draft) {
    const undo = await ctx.drafts.remove(draft.draft_id);
    line.replaceChildren(element('span', { role: 'status' }, t('草稿已删除')), button(t('撤销'), async () => {
      await undo();
      line.replaceChildren(...row(draft));
    }, { class: 'draft-undo' }));
  }
}
