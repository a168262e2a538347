/**
 * A repeat on the phone: a list of its instances by name, one of them open at a time. Adding or
 * removing one touches only the list.
 */

import { countQuestion, pathWithin, summary } from './form-model.js';
import { problemOf } from './form-bind.js';
import { unconfirmed } from './form-carried.js';
import { button, element } from './widgets/dom.js';

/** @typedef {import('./form-bind.js').Screen} Screen */
/** @typedef {import('./form-bind.js').Binding} Binding */

/** @param {HTMLElement} repeat @param {string} path @param {Screen} screen @returns {Binding} */
export function bindRepeat(repeat, path, screen) {
  const { model, instance, t } = screen;
  const node = /** @type {import('./form-types.d.ts').DefinitionNode} */ (model.node(path));
  for (const old of repeat.querySelectorAll(':scope > .instance, :scope > .add')) old.remove();
  const list = element('ol', { class: 'members' });
  const counted = node.count ? countQuestion(model, node) : undefined;
  const addable = !node.count || counted;
  const add = button('', () => screen.addMember(path), { class: 'member-add' });
  add.hidden = !addable || screen.readonly;
  repeat.append(list, add);

  /** @param {number} index */
  function row(index) {
    const at = `${path}[${index}]`;
    const { name, facts } = summary(model, instance, at, screen.lang());
    const open = unconfirmed(screen.draft.carried, instance, (one) => one.startsWith(`${at}/`)).length;
    const wrong = problemsIn(screen, at).length;
    const made = button('', () => screen.openMember(at), { class: 'member-row', 'data-at': at });
    made.append(
      element('b', { class: 'member-name' }, name || t('第 {n} 个(未填)', { n: index })),
      element('span', { class: 'member-facts' }, facts.join(' · ')),
      element('span', { class: 'member-mark' },
        wrong ? t('{n} 题要补', { n: wrong }) : open ? t('{n} 项未确认', { n: open }) : `✓ ${t('已看')}`),
    );
    made.dataset.state = wrong ? 'wrong' : open ? 'open' : 'done';
    return element('li', {}, made);
  }

  return {
    path,
    element: repeat,
    refresh() {
      repeat.hidden = !instance.isRelevant(path);
      if (repeat.hidden) return;
      add.textContent = `＋ ${t('增加{what}', { what: instance.label(path) || t('一项') })}`;
      list.replaceChildren(...Array.from({ length: instance.count(path) }, (_, i) => row(i + 1)));
    },
  };
}

/** Questions of an instance that are missing or wrong now, those of inner repeats too. @param {Screen} screen @param {string} at */
export function problemsIn(screen, at) {
  const { model, instance } = screen;
  const inside = model.definition.nodes.filter((node) => pathWithin(node.path, at).startsWith(`${at}/`) && model.takesAnswer(node));
  return inside
    .flatMap((node) => model.instancesOf(instance, node.path))
    .filter((path) => path.startsWith(`${at}/`) && problemOf(screen, path) !== '');
}
