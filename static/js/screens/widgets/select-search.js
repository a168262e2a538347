/** A drop-down; with a long list, a field that finds in it and shows at most twenty. */

import { button, element } from './dom.js';

/** @typedef {import('./index.js').Host} Host */
/** @typedef {import('./index.js').Widget} Widget */
/** @typedef {import('../form-types.d.ts').Choice} Choice */

/** A list longer than a phone shows at once is searched, not scrolled. */
const LONG = 25;
const SHOWN = 20;

/** @param {HTMLElement} question @param {Host} host @returns {Widget} */
export function selectWidget(question, host) {
  const select = /** @type {HTMLSelectElement} */ (question.querySelector('select'));
  const finder = finderOf(select, host);
  let shown = '';
  select.addEventListener('change', () => {
    host.set(select.multiple ? [...select.selectedOptions].map((one) => one.value).join(' ') : select.value);
  });

  /** @param {string} value */
  function show(value) {
    shown = value;
    if (select.multiple) {
      const chosen = new Set(value.split(' '));
      for (const option of select.options) option.selected = chosen.has(option.value);
    } else {
      select.value = value;
      if (select.value !== value) select.value = '';
    }
    finder?.show(value);
  }

  return {
    show,
    lock(readonly) {
      select.disabled = readonly;
      finder?.lock(readonly);
    },
    offer(choices) {
      const same =
        [...select.options].filter((one) => one.value !== '').length === choices.length &&
        choices.every((one) => [...select.options].some((option) => option.value === one.name && option.text === one.label));
      if (!same) {
        const empty = [...select.options].find((one) => one.value === '');
        select.replaceChildren(...(empty ? [empty] : []), ...choices.map((one) => new Option(one.label, one.name)));
        show(shown);
      }
      finder?.offer(choices);
    },
  };
}

/** @param {HTMLSelectElement} select @param {Host} host */
function finderOf(select, host) {
  const wanted = (host.node.appearance ?? []).some((word) => word === 'search' || word === 'autocomplete');
  if (select.multiple || (!wanted && select.options.length <= LONG)) return null;
  select.hidden = true;
  const field = /** @type {HTMLInputElement} */ (
    element('input', { type: 'search', class: 'find', autocomplete: 'off', placeholder: host.t('输入几个字查找') })
  );
  const chosen = element('p', { class: 'found-now' });
  const found = element('div', { class: 'found', role: 'listbox' });
  select.after(chosen, field, found);

  function list() {
    const text = field.value.trim().toLowerCase();
    const hits = text === '' ? [] : host.choices().filter((one) => `${one.label} ${one.name}`.toLowerCase().includes(text));
    found.replaceChildren(
      ...hits.slice(0, SHOWN).map((one) =>
        button(one.label, () => {
          field.value = '';
          found.replaceChildren();
          host.set(one.name);
        }, { class: 'found-row', role: 'option' }),
      ),
    );
    if (text !== '' && hits.length === 0) found.append(element('p', {}, host.t('没有找到')));
    if (hits.length > SHOWN) found.append(element('p', {}, host.t('还有 {n} 个,请再输入几个字', { n: hits.length - SHOWN })));
  }
  field.addEventListener('input', list);

  return {
    /** @param {string} value */
    show(value) {
      chosen.textContent = host.choices().find((one) => one.name === value)?.label ?? value;
      chosen.hidden = value === '';
    },
    /** @param {boolean} readonly */
    lock(readonly) {
      field.disabled = readonly;
    },
    /** @param {Choice[]} _choices */
    offer(_choices) {
      if (field.value !== '') list();
    },
  };
}
