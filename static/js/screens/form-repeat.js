/**
 * A repeat on the phone: a list of its instances by name, one of them open at a time. Adding or
 * removing one touches only the list, and a row is written anew only when it says something else.
 */

import { countQuestion, summary } from './form-model.js';
import { problemOf } from './form-bind.js';
import { unconfirmed } from './form-carried.js';
import { button, element } from './widgets/dom.js';

/** @typedef {import('./form-bind.js').Screen} Screen */
/** @typedef {import('./form-bind.js').Binding} Binding */

/** @param {HTMLElement} repeat @param {string} path @param {Screen} screen @returns {Binding} */
export function bindRepeat(repeat, path, screen) {
  const { instance, t } = screen;
  for (const old of repeat.querySelectorAll(':scope > .instance, :scope > .add')) old.remove();
  const title = element('p', { class: 'members-title' });
  const list = element('ol', { class: 'members' });
  const add = addButton(screen, path);
  repeat.append(title, list, add);
  /** @type {{row: HTMLElement, says: string}[]} */
  let rows = [];

  /** @param {number} index */
  function row(index) {
    const at = `${path}[${index}]`;
    const made = button('', () => screen.openMember(at), { class: 'member-row', 'data-at': at });
    list.append(element('li', {}, made));
    return { row: made, says: '' };
  }

  return {
    path,
    element: repeat,
    refresh() {
      repeat.hidden = !instance.isRelevant(path);
      if (repeat.hidden) return;
      const count = instance.count(path);
      const label = instance.label(path) || t('一项');
      title.textContent = count ? t('{what}:共 {n} 个', { what: label, n: count }) : t('还没有{what}。', { what: label });
      add.textContent = `＋ ${t('增加{what}', { what: label })}`;
      for (const { row: old } of rows.splice(count)) old.parentElement?.remove();
      while (rows.length < count) rows.push(row(rows.length + 1));
      rows.forEach((one, i) => {
        const words = rowWords(screen, `${path}[${i + 1}]`, i + 1);
        const says = JSON.stringify(words);
        if (one.says === says) return;
        one.says = says;
        one.row.dataset.state = words.state;
        one.row.replaceChildren(element('b', { class: 'member-name' }, words.name), element('span', { class: 'member-mark' }, words.mark),
          element('span', { class: 'member-facts' }, words.facts));
      });
    },
  };
}

/** The way to one more instance; hidden where nobody may add one. @param {Screen} screen @param {string} path */
export function addButton(screen, path) {
  const { model, instance, t } = screen;
  const node = model.node(path);
  const add = button(`＋ ${t('增加{what}', { what: instance.label(path) || t('一项') })}`, () => screen.addMember(path), { class: 'member-add' });
  add.hidden = screen.readonly || Boolean(node?.count && !countQuestion(model, node));
  return add;
}

/** What a row says of an instance. @param {Screen} screen @param {string} at @param {number} n */
function rowWords(screen, at, n) {
  const { model, instance, t } = screen;
  const { name, facts } = summary(model, instance, at, screen.lang());
  const open = unconfirmed(screen.draft.carried, instance, (one) => one.startsWith(`${at}/`)).length;
  const wrong = problemsIn(screen, at).length;
  return {
    name: name || t('第 {n} 个(未填)', { n }),
    facts: facts.join(' · '),
    mark: wrong ? t('{n} 题要补', { n: wrong }) : open ? t('{n} 项未确认', { n: open }) : `✓ ${t('已看')}`,
    state: wrong ? 'wrong' : open ? 'open' : 'done',
  };
}

/** Questions of an instance that are missing or wrong now, those of inner repeats too. @param {Screen} screen @param {string} at */
export function problemsIn(screen, at) {
  const { model, instance } = screen;
  return model.askedIn(at).flatMap((node) => model.instancesOf(instance, node.path, at)).filter((path) => problemOf(screen, path) !== '');
}
