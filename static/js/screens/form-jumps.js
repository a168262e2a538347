/** The list of a form's pages, with what is still to do on each. Made when a person unfolds it. */

import { problems } from './form-check.js';
import { unconfirmed } from './form-carried.js';

/** @typedef {import('./form-bind.js').Screen} Screen */
/** @typedef {import('./form-view.js').View} View */
/** @typedef {import('./form-frame.js').JumpRow} JumpRow */

/**
 * A form on one page is listed by its groups.
 * @param {Screen} screen @param {View} view @param {(go: () => void) => void} leaving what must be done before going
 * @returns {JumpRow[]}
 */
export function jumpRows(screen, view, leaving) {
  const { model, instance, draft, t } = screen;
  const shown = view.shownPages();
  const alone = shown.length === 1 ? groupsOf(screen) : [];
  /** The row a path counts for. @param {string} path */
  const rowOf = (path) => (alone.length
    ? alone.find((group) => path.startsWith(`${group}/`) || path.startsWith(`${group}[`)) : view.pageOf(path)?.path) ?? '';
  /** @param {Iterable<string>} paths */
  const counted = (paths) => {
    /** @type {Map<string, number>} */
    const counts = new Map();
    for (const path of paths) counts.set(rowOf(path), (counts.get(rowOf(path)) ?? 0) + 1);
    return counts;
  };
  const open = counted(unconfirmed(draft.carried, instance));
  const missing = counted(problems(screen).map((one) => one.path));

  /** @param {number} i @param {string} path @param {string} name @param {boolean} here @param {boolean} seen @param {() => void} go @returns {JumpRow} */
  const row = (i, path, name, here, seen, go) => {
    const wrong = seen ? missing.get(path) ?? 0 : 0;
    const asked = open.get(path) ?? 0;
    return {
      title: `${i + 1}. ${name}`,
      note: wrong ? t('{n} 题要补', { n: wrong }) : asked ? t('{n} 项未确认', { n: asked }) : seen ? '' : t('未看'),
      state: here ? 'here' : wrong ? 'wrong' : asked || !seen ? 'open' : 'done',
      go: () => leaving(go),
    };
  };
  if (alone.length) {
    return alone.map((path, i) => row(i, path, instance.label(path), false, true, () => view.turnTo(view.page, path)));
  }
  return shown.map((one, i) => row(i, one.path, view.nameOf(one), one === view.page, one.seen, () => view.turnTo(one)));
}

/** The named groups at the top of the form, as far as they ask something now. @param {Screen} screen */
function groupsOf({ model, instance }) {
  const { root, nodes } = model.definition;
  return nodes
    .filter((node) => node.parent === root && node.kind !== 'question' && node.label && instance.isRelevant(node.path))
    .map((node) => node.path);
}
