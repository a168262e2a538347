/** This person's drafts on this phone: open one, delete one (asked once, and taken back with one tap). */

import { plain } from './form-model.js';
import { button, element } from './widgets/dom.js';

/** @typedef {import('./form-types.d.ts').Context} Context */
/** @typedef {import('./form-types.d.ts').Draft} Draft */

/**
 * @param {HTMLElement} root @param {Context} ctx
 * @param {(draft: Draft) => boolean} [which]
 * @returns {Promise<number>} how many there are
 */
export async function draftList(root, ctx, which = () => true) {
  const { t } = ctx;
  const drafts = (await ctx.drafts.mine()).filter(which);
  root.replaceChildren(element('ul', { class: 'drafts' }, ...drafts.map((draft) => element('li', {}, ...row(draft)))));
  return drafts.length;

  /** @param {Draft} draft @returns {HTMLElement[]} */
  function row(draft) {
    const open = button('', () => ctx.go(`#/form?draft_id=${draft.draft_id}`), { class: 'draft-open' });
    const when = draft.updated.slice(5, 16).replace('T', ' ');
    open.append(element('b', {}, draft.household_label || t('(不属于某一户)')),
      element('span', {}, `${plain(draft.title, ctx.lang, 'zh')} · ${t('草稿')} ${when}`));
    const remove = button(t('删除'), () => ask(remove, draft), { class: 'draft-delete' });
    return [open, remove];
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
