/** A widget whose module is loaded when its question is met; until then the question says so. */

import { button, element } from './dom.js';

/** @typedef {import('./index.js').Host} Host */
/** @typedef {import('./index.js').Widget} Widget */

/**
 * @param {HTMLElement} question @param {Host} host
 * @param {() => Promise<(question: HTMLElement, host: Host) => Widget>} load
 * @param {{keep?: boolean}} [options] keep: the widget goes on with the controls the page came with
 * @returns {Widget}
 */
export function laterWidget(question, host, load, { keep = false } = {}) {
  /** @type {Widget | null} */
  let widget = null;
  /** @type {string | null} */
  let value = null;
  /** @type {import('./index.js').Choice[] | null} */
  let offered = null;
  let locked = false;
  let gone = false;
  const said = element('p', { class: 'later', role: 'status' });
  // What the page came with would take an answer that nobody listens to yet.
  if (!keep) for (const one of question.querySelectorAll('label input, label textarea')) one.remove();
  (question.querySelector('.carried, .error') ?? null)?.before(said);
  begin();

  function begin() {
    load().then((make) => {
      if (gone) return;
      said.remove();
      widget = make(question, host);
      if (offered) widget.offer?.(offered);
      if (value !== null) widget.show(value);
      widget.lock?.(locked);
    }, () => {
      said.replaceChildren(host.t('这一题的部件没有载入,请联网后再试。'), ' ', button(host.t('再试一次'), begin));
    });
  }

  return {
    show(next) {
      value = next;
      widget?.show(next);
    },
    lock(readonly) {
      locked = readonly;
      widget?.lock?.(readonly);
    },
    offer(choices) {
      offered = choices;
      widget?.offer?.(choices);
    },
    flush: (stay) => widget?.flush?.(stay) ?? Promise.resolve(),
    destroy() {
      gone = true;
      widget?.destroy?.();
    },
  };
}
