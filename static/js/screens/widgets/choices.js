/** Radio rows and check rows. */

import { element } from './dom.js';

/** @typedef {import('./index.js').Host} Host */
/** @typedef {import('./index.js').Widget} Widget */

/** @param {HTMLElement} question @param {Host} host @returns {Widget} */
export function choicesWidget(question, host) {
  const many = host.node.type.startsWith('select_multiple');
  const list = /** @type {HTMLElement} */ (question.querySelector('.choice')?.parentElement ?? question);
  /** @returns {HTMLInputElement[]} */
  const inputs = () => [...question.querySelectorAll('input')].filter((one) => one.type === 'radio' || one.type === 'checkbox');
  let current = '';

  question.addEventListener('change', (event) => {
    const input = /** @type {HTMLInputElement} */ (event.target);
    if (input.type !== 'radio' && input.type !== 'checkbox') return;
    if (host.node.type === 'acknowledge' || host.node.type === 'trigger') return host.set(input.checked ? 'OK' : '');
    host.set(many ? inputs().filter((one) => one.checked).map((one) => one.value).join(' ') : input.value);
  });
  // A second tap on the chosen row takes the answer back, where it may be empty.
  question.addEventListener('click', (event) => {
    const input = /** @type {HTMLInputElement} */ (event.target);
    if (input.type === 'radio' && input.value === current && !host.node.required && event.detail > 0) {
      input.checked = false;
      host.set('');
    }
  });

  return {
    show(value) {
      current = value;
      const chosen = new Set(many ? value.split(' ') : [value]);
      for (const input of inputs()) input.checked = host.node.list ? chosen.has(input.value) : value === 'OK';
    },
    lock(readonly) {
      for (const input of inputs()) input.disabled = readonly;
    },
    offer(choices) {
      const rows = new Map(inputs().map((input) => [input.value, input.closest('label')]));
      for (const row of rows.values()) if (row) row.hidden = true;
      for (const { name, label } of choices) {
        const row = rows.get(name) ?? newRow(list, host, name);
        row.hidden = false;
        const words = row.querySelector('.choice-label') ?? row.querySelector('span');
        if (words) {
          if (words.textContent !== label) words.textContent = label;
        } else {
          const text = [...row.childNodes].find((one) => one.nodeType === 3 && one.textContent?.trim());
          if (text && text.textContent?.trim() !== label) text.textContent = label;
        }
      }
    },
  };
}

/** @param {HTMLElement} list @param {Host} host @param {string} value @returns {HTMLLabelElement} */
function newRow(list, host, value) {
  const type = host.node.type.startsWith('select_multiple') ? 'checkbox' : 'radio';
  const row = /** @type {HTMLLabelElement} */ (
    element('label', { class: 'choice' }, element('input', { type, name: host.node.path, value }), element('span', { class: 'choice-label' }))
  );
  list.append(row);
  return row;
}
