/** A date: eight digits typed with one thumb, or the phone's calendar. */

import { button, element } from './dom.js';
import { watch } from './fields.js';
import { dateText } from './values.js';

/** @typedef {import('./index.js').Host} Host */
/** @typedef {import('./index.js').Widget} Widget */

/** @param {HTMLElement} question @param {Host} host @returns {Widget} */
export function dateWidget(question, host) {
  const native = /** @type {HTMLInputElement} */ (question.querySelector('input'));
  const appearance = host.node.appearance ?? [];
  const yearOnly = appearance.includes('year');
  const typed = /** @type {HTMLInputElement} */ (
    element('input', {
      type: 'text', inputmode: 'numeric', autocomplete: 'off', class: 'date-typed',
      placeholder: host.t(yearOnly ? '年份,如 1952' : '如 19520312'),
    })
  );
  const label = question.querySelector('.label');
  if (label) {
    label.id ||= `label-${host.node.path.replaceAll('/', '-')}`;
    typed.setAttribute('aria-labelledby', label.id);
  }
  // A calendar is a poor way to 1952: typing comes first, the calendar is a button beside it.
  const calendar = button(host.t('日历'), () => {
    try {
      native.showPicker();
    } catch {
      native.classList.remove('date-native');
      native.focus();
    }
  }, { class: 'date-calendar' });
  native.classList.add('date-native');
  native.tabIndex = -1;
  native.setAttribute('aria-hidden', 'true');
  const row = element('div', { class: 'date-row' });
  native.before(row);
  row.append(typed, calendar, native);

  /** What can't be read as a date is kept as typed, so that nothing disappears; the form then says so. @param {string} text */
  const read = (text) => dateText(text) || text.trim();
  const watching = watch(typed, { ...host, typing: (value) => dateText(value) && host.typing(value) }, read);
  native.addEventListener('change', () => host.set(native.value));
  let shown = '';

  return {
    show(value) {
      const changed = value !== shown;
      shown = value;
      if (watching.busy()) return;
      if (changed || document.activeElement !== typed) {
        if (read(typed.value) !== value || document.activeElement !== typed) typed.value = yearOnly ? value.slice(0, 4) : value;
        native.value = dateText(value);
      }
    },
    lock(readonly) {
      typed.readOnly = readonly;
      native.disabled = readonly;
      calendar.disabled = readonly;
    },
    flush: watching.flush,
    destroy: watching.destroy,
  };
}
