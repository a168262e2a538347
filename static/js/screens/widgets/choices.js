/** Radio rows and check rows, those of ratings and tables too. */

import { element } from './dom.js';
import { bare, paintText } from './texts.js';

/** @typedef {import('./index.js').Host} Host */
/** @typedef {import('./index.js').Widget} Widget */
/** @typedef {import('./index.js').Choice} Choice */

/** @param {HTMLElement} question @param {Host} host @returns {Widget} */
export function choicesWidget(question, host) {
  const { node } = host;
  const many = node.type.startsWith('select_multiple');
  const listed = node.type.startsWith('select_') || node.type === 'range';
  const quick = (node.appearance ?? []).some((look) => look === 'quick' || look === 'quickcompact');
  const list = /** @type {HTMLElement} */ (question.querySelector('.rows') ?? question);
  const summary = question.querySelector('.folded-list > summary');
  const unchosen = summary?.textContent ?? '';
  const details = /** @type {HTMLDetailsElement | null} */ (question.querySelector('.folded-list'));
  const inputs = () => /** @type {HTMLInputElement[]} */ ([...list.querySelectorAll('input')]);
  let current = '';

  list.addEventListener('change', (event) => {
    const input = /** @type {HTMLInputElement} */ (event.target);
    if (!listed) return host.set(input.checked ? 'OK' : '');
    if (!many) {
      host.set(input.value);
      if (details) details.open = false;
      if (quick) host.advance?.();
      return;
    }
    const shown = inputs().filter((one) => one.checked).map((one) => one.value);
    host.set(shown.join(' '));
  });
  // A second tap on the chosen row takes the answer back, where it may be empty.
  list.addEventListener('click', (event) => {
    const input = /** @type {HTMLInputElement} */ (event.target);
    if (input.type === 'radio' && input.value === current && !node.required && event.detail > 0) {
      input.checked = false;
      host.set('');
    }
  });

  return {
    show(value) {
      current = value;
      const chosen = new Set(many ? value.split(' ') : [value]);
      for (const input of inputs()) input.checked = listed ? chosen.has(input.value) : value === 'OK';
      if (node.type === 'range') for (const input of inputs()) input.parentElement?.classList.toggle('upto', value !== '' && Number(input.value) <= Number(value));
      if (summary) summary.textContent = inputs().filter((one) => one.checked).map((one) => one.parentElement?.textContent ?? '').join('、') || unchosen;
    },
    lock(readonly) {
      for (const input of inputs()) input.disabled = readonly;
    },
    offer(choices) {
      const rows = new Map(inputs().map((input) => [input.value, /** @type {HTMLElement} */ (input.closest('label'))]));
      const wanted = choices.map((choice) => {
        const row = rows.get(choice.name) ?? newRow(host, choice, many);
        const words = row.querySelector(':scope > span');
        if (words) paintText(words, [choice.label], words.textContent !== bare(choice.label));
        return row;
      });
      const now = [...list.querySelectorAll(':scope > label')];
      if (wanted.length && wanted.length === now.length && wanted.every((row, i) => row === now[i])) return;
      for (const row of now) if (!wanted.includes(/** @type {HTMLElement} */ (row))) row.remove();
      // Rows that stay are not moved, so that the one under the finger keeps the focus.
      wanted.forEach((row, i) => {
        if (list.querySelectorAll(':scope > label')[i] !== row) list.insertBefore(row, list.querySelectorAll(':scope > label')[i] ?? null);
      });
      list.querySelector('.none')?.remove();
      if (!choices.length) list.append(element('p', { class: 'none hint' }, host.t('现在没有可选的;请先回答前面的题。')));
      host.decorate?.(list);
    },
  };
}

/** @param {Host} host @param {Choice} choice @param {boolean} many @returns {HTMLElement} */
export function newRow(host, choice, many) {
  const { name, label } = choice;
  const image = host.fileOf?.(choice.media?.image) ?? '';
  return element('label', { class: 'choice' },
    element('input', { type: many ? 'checkbox' : 'radio', name: host.path ?? host.node.path, value: name }),
    ...(image ? [element('img', { 'data-file': image, alt: label ? '' : name })] : []),
    element('span', {}, image && !label ? '' : bare(label) || name));
}
