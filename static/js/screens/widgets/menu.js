/** A drop-down of the phone's own. */

import { bare } from './texts.js';

/** @typedef {import('./index.js').Host} Host */
/** @typedef {import('./index.js').Widget} Widget */

/** @param {HTMLElement} question @param {Host} host @returns {Widget} */
export function menuWidget(question, host) {
  const select = /** @type {HTMLSelectElement} */ (question.querySelector('select'));
  const quick = (host.node.appearance ?? []).includes('quick');
  let shown = '';
  select.addEventListener('change', () => {
    host.set(select.value);
    if (quick && select.value !== '') host.advance?.();
  });

  /** @param {string} value */
  function show(value) {
    shown = value;
    select.value = value;
    if (select.value !== value) select.value = '';
  }

  return {
    show,
    lock(readonly) {
      select.disabled = readonly;
    },
    offer(choices) {
      const options = [...select.options].filter((one) => one.value !== '');
      if (options.length === choices.length && choices.every((one, i) => options[i]?.value === one.name && options[i]?.text === bare(one.label))) return;
      const empty = [...select.options].find((one) => one.value === '');
      select.replaceChildren(...(empty ? [empty] : []), ...choices.map((one) => new Option(bare(one.label) || one.name, one.name)));
      show(shown);
    },
  };
}
