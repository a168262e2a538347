/**
 * What a person does with the instances of a repeat: open one, go on to the next, add one, remove one
 * and take that back. How they look is in form-repeat.js.
 */

import { afterRemoval, afterReturn } from './form-carried.js';
import { blankInstance, countQuestion, lastIndex, pathWithin } from './form-model.js';
import { addButton } from './form-repeat.js';
import { button, element } from './widgets/dom.js';

/** @typedef {import('./form-bind.js').Screen} Screen */
/** @typedef {import('./form-view.js').View} View */

/** @param {string} at /data/member[2] → /data/member */
export const repeatOf = (at) => at.replace(/\[\d+\]$/, '');

/**
 * @param {Screen} screen @param {View} view
 * @param {{settle: () => Promise<boolean>, keep: () => void, at: (path: string) => void, event: (name: string, path: string) => void, note: (...lines: Node[]) => void}} use
 *   settle: everything on disk; keep: it will be shortly; at: where the person is; event: for the log of filling
 */
export function createMembers(screen, view, { settle, keep, at, event, note }) {
  const { model, instance, draft, t } = screen;

  /** @param {string} path */
  async function open(path) {
    if (await settle()) show(path);
  }

  /** @param {string} path */
  function show(path) {
    at(path);
    note();
    view.openCard(path);
  }

  /** Back to the list, or to the card around this one. */
  async function close() {
    const closing = view.card;
    if (!closing || !(await settle())) return;
    if (view.outer) view.showCards(`${view.outer}/`);
    else view.turnTo(view.page);
    const row = /** @type {HTMLElement | null} */ (document.querySelector(`[data-at="${closing.at}"]`));
    row?.scrollIntoView({ block: 'center' });
    row?.focus({ preventScroll: true });
  }

  async function next() {
    const path = view.card?.at ?? '';
    const index = lastIndex(path) + 1;
    if (index > instance.count(repeatOf(path))) return close();
    await open(`${repeatOf(path)}[${index}]`);
  }

  /** Where a counted repeat takes its number from, if adding one to it adds an instance. @param {string} repeat */
  function counter(repeat) {
    const node = model.node(repeat);
    const counted = node?.count ? countQuestion(model, node) : undefined;
    return counted ? pathWithin(counted.path, repeat) : '';
  }

  /** @param {string} path @param {number} more */
  const count = (path, more) => screen.answer(path, String(Number(instance.value(path) || 0) + more));

  /** The new instance is shown at once; what was typed before it is on disk already. @param {string} repeat */
  async function add(repeat) {
    if (screen.readonly || !(await settle())) return;
    const counted = counter(repeat);
    view.hold(() => {
      if (counted) count(counted, 1);
      else if (!blankInstance(model, instance, `${repeat}[${instance.count(repeat)}]`)) {
        instance.addRepeat(repeat);
        keep();
      }
    });
    event('add repeat', `${repeat}[${instance.count(repeat)}]`);
    show(`${repeat}[${instance.count(repeat)}]`);
  }

  /** Of a counted repeat only the last can go, and only while its number can go down. @param {string} path */
  function removable(path) {
    if (screen.readonly || instance.isReadonly(path)) return false;
    if (!model.node(repeatOf(path))?.count) return true;
    const counted = counter(repeatOf(path));
    return counted !== '' && Number(instance.value(counted)) > 0 && lastIndex(path) === instance.count(repeatOf(path));
  }

  /** @param {string} path */
  async function remove(path) {
    if (!(await settle())) return;
    const repeat = repeatOf(path);
    const index = lastIndex(path);
    const counted = model.node(repeat)?.count ? counter(repeat) : '';
    const carried = Object.fromEntries(Object.entries(draft.carried).filter(([one]) => one.startsWith(`${path}/`)));
    if (counted) count(counted, -1);
    else if (!instance.removeRepeat(repeat, index)) return;
    event('delete repeat', path);
    draft.carried = afterRemoval(draft.carried, repeat, index);
    keep();
    if (view.outer) view.showCards(`${view.outer}/`);
    else view.turnTo(view.page);
    note(element('span', { role: 'status' }, t('已删除。'), button(t('撤销'), () => {
      if (counted) count(counted, 1);
      else if (!instance.restoreRepeat()) return;
      draft.carried = afterReturn(draft.carried, repeat, index, carried);
      keep();
      note();
      view.repaintAll();
    })));
  }

  /** What stands below a card's questions. @param {import('./form-view.js').Card} card */
  function dress({ at: path, root }) {
    const repeat = repeatOf(path);
    for (const old of root.querySelectorAll(':scope > button')) old.remove();
    if (lastIndex(path) === instance.count(repeat)) root.append(addButton(screen, repeat));
    if (removable(path)) root.append(button(t('删除这一项'), () => void remove(path), { class: 'member-remove' }));
  }

  return { open, close, next, add, dress };
}
