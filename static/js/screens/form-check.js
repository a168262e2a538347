/** What stands between a form and its end: missing and wrong answers, and what nobody confirmed. */

import { unconfirmed } from './form-carried.js';
import { inWords, last, lastIndex } from './form-model.js';
import { problemOf } from './form-bind.js';
import { button, element } from './widgets/dom.js';

/** @typedef {import('./form-bind.js').Screen} Screen */
/** @typedef {{path: string, message: string}} Problem */

/** @param {Screen} screen @param {(path: string) => boolean} [among] @returns {Problem[]} in the form's order */
export function problems(screen, among = () => true) {
  const { model, instance } = screen;
  return model.definition.nodes
    .filter((node) => model.takesAnswer(node))
    .flatMap((node) => model.instancesOf(instance, node.path))
    .filter(among)
    .map((path) => ({ path, message: problemOf(screen, path) }))
    .filter(({ message }) => message !== '');
}

/** @param {Screen} screen @param {string} path what the question is about, with whose it is */
function called(screen, path) {
  const { model, instance } = screen;
  const repeat = last(model.repeatsAbove(path));
  const within = /^(.*\[\d+\])\//.exec(path)?.[1];
  const label = instance.label(path) || path;
  if (!repeat || !within) return label;
  const entity = model.definition.entities?.find((one) => one.scope === repeat)?.label;
  const name = Array.isArray(entity) && entity[0] === 'ref' ? instance.value(`${within}/${last(String(entity[1]).split('/'))}`) : '';
  const whose = name || `${instance.label(within)} ${lastIndex(within)}`;
  return `${whose}:${label}`;
}

/**
 * The list before the end; a tap on a row goes to its question.
 * @param {Screen} screen @param {{problems: Problem[], unconfirmed: string[]}} found
 * @param {{jump: (path: string) => void, finish: () => void}} acts
 */
export function checkPage(screen, found, acts) {
  const { t } = screen;
  /** @param {string} path @param {string} note */
  const row = (path, note) => {
    const made = button('', () => acts.jump(path), { class: 'check-row' });
    made.append(element('b', {}, called(screen, path)), element('span', {}, note));
    return element('li', {}, made);
  };
  const page = element('section', { class: 'page check' });
  const title = element('h2', { tabindex: '-1' },
    found.problems.length ? t('还有 {n} 题要补', { n: found.problems.length }) : t('还有 {n} 项没有确认', { n: found.unconfirmed.length }));
  page.append(title);
  if (found.problems.length) page.append(element('ol', { class: 'check-problems' }, ...found.problems.map((one) => row(one.path, one.message))));
  if (found.unconfirmed.length) {
    if (found.problems.length) page.append(element('h3', {}, t('还有 {n} 项没有确认', { n: found.unconfirmed.length })));
    page.append(element('ol', { class: 'check-open' }, ...found.unconfirmed.map((path) =>
      row(path, t('上次:{value}', { value: inWords(screen.model, path, screen.draft.carried[path]?.value ?? '', screen.lang()) })))));
  }
  if (!found.problems.length) {
    page.append(element('p', {}, t('没有问到的,可以就这样完成;登记的数据不会因此改变。')),
      button(t('就这样完成'), acts.finish, { class: 'check-finish' }));
  }
  return page;
}

/** @param {Screen} screen */
export const openPoints = (screen) => ({
  problems: problems(screen),
  unconfirmed: unconfirmed(screen.draft.carried, screen.instance),
});
