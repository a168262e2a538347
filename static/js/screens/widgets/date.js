/**
 * Dates and times. A date is typed as year, month, day with one thumb (eight digits in a row fill all three), for a
 * calendar is a poor way to 1941; the phone's calendar is a button beside them.
 */

import { button, element } from './dom.js';
import { bare } from './texts.js';
import { dateParts, dateText, momentText } from './values.js';

/** @typedef {import('./index.js').Host} Host */
/** @typedef {import('./index.js').Widget} Widget */

const WORDS = /** @type {const} */ ([['年', '如 1952', 4], ['月', '月', 2], ['日', '日', 2]]);

/**
 * The three fields; value: text as stored or as far as typed.
 * @param {HTMLElement} question @param {Host} host
 * @param {{native: HTMLInputElement | null, count: number, label: string, done: (text: string, typing: boolean) => void}} use
 * done: told while a whole date stands there, and on leaving the fields
 */
function partsOf(question, host, { native, count, label, done }) {
  const { t } = host;
  const fields = WORDS.slice(0, count).map(([word, example, length]) => /** @type {HTMLInputElement} */ (element('input', {
    type: 'text', inputmode: 'numeric', autocomplete: 'off', class: `date-part date-${length === 4 ? 'year' : 'short'}`,
    placeholder: t(example), 'aria-label': `${label} ${t(word)}`.trim(), 'data-length': String(length),
  })));
  const row = element('div', { class: 'date-row', role: 'group', 'aria-label': label });
  fields.forEach((field, i) => row.append(field, element('span', { class: 'date-word', 'aria-hidden': 'true' }, t(/** @type {any} */ (WORDS[i])[0]))));
  const calendar = button(t('日历'), () => {
    try {
      native?.showPicker();
    } catch {
      native?.classList.remove('date-native');
      native?.focus();
    }
  }, { class: 'date-calendar' });
  if (native && count === 3 && !(host.node.appearance ?? []).includes('no-calendar')) row.append(calendar);
  const said = element('p', { class: 'date-said', role: 'status' });
  let told = '';
  let dirty = false;

  const typed = () => {
    const given = fields.map((field) => field.value.trim());
    while (given.length && given[given.length - 1] === '') given.pop();
    return given.join('-');
  };
  /** @returns {string} the stored text, '' when the fields do not make one */
  const whole = () => (fields.every((field) => field.value.trim() !== '') ? dateText(typed()) : '');

  /** Eight digits in a row, or a whole date pasted into one field, go where they belong. @param {HTMLInputElement} field */
  function spread(field) {
    const at = fields.indexOf(field);
    const found = dateParts(field.value);
    if (found && at === 0) {
      fields.forEach((one, i) => {
        one.value = found[i] ?? '';
      });
      return last();
    }
    const digits = field.value.replace(/\D/g, '');
    const length = Number(field.dataset.length);
    if (digits.length > length && at + 1 < fields.length && /^\d+$/.test(field.value)) {
      field.value = digits.slice(0, length);
      const next = /** @type {HTMLInputElement} */ (fields[at + 1]);
      next.value = digits.slice(length);
      next.focus();
      spread(next);
    } else if (digits.length === length || (length === 2 && Number(digits) > (at === 1 ? 1 : 3))) {
      const next = fields[at + 1];
      if (next && next.value === '') next.focus();
    }
  }
  const last = () => fields[fields.length - 1]?.focus();

  function tell() {
    const problem = typed() === '' || document.activeElement instanceof HTMLInputElement && fields.includes(document.activeElement) && fields.some((one) => one.value === '')
      ? '' : whole() ? '' : fields.some((one) => one.value.trim() === '') ? t('年月日还没有填全。') : t('没有这一天,请核对。');
    if (problem !== told) said.textContent = told = problem;
    for (const field of fields) field.toggleAttribute('data-bad', problem !== '');
  }

  row.addEventListener('input', (event) => {
    dirty = true;
    spread(/** @type {HTMLInputElement} */ (event.target));
    tell();
    const text = whole();
    if (text) done(text, true);
    else if (typed() === '') done('', true);
  });
  row.addEventListener('keydown', (event) => {
    const at = fields.indexOf(/** @type {HTMLInputElement} */ (event.target));
    if (event.key === 'Backspace' && at > 0 && fields[at]?.value === '') {
      event.preventDefault();
      fields[at - 1]?.focus();
    } else if (at >= 0 && ['-', '.', '/'].includes(event.key) && fields[at]?.value !== '') {
      event.preventDefault();
      fields[at + 1]?.focus();
    }
  });
  row.addEventListener('change', (event) => event.stopPropagation());
  row.addEventListener('focusout', (event) => {
    if (row.contains(/** @type {Node | null} */ (event.relatedTarget))) return;
    tell();
    // Passing through is no answer: a value from the register stays unconfirmed.
    if (!dirty) return;
    dirty = false;
    // What is no date yet is kept as it was typed, so that nothing disappears; the form then says so.
    done(whole() || typed(), false);
  });

  return {
    row, said,
    text: () => whole() || typed(),
    busy: () => row.contains(document.activeElement),
    /** @param {string} value */
    show(value) {
      const given = dateParts(value) ?? value.split('-');
      fields.forEach((field, i) => {
        field.value = i === 0 ? given[0] ?? '' : (given[i] ?? '').replace(/^0(?=\d)/, '');
      });
      tell();
    },
    /** @param {boolean} readonly */
    lock(readonly) {
      for (const field of fields) field.readOnly = readonly;
      calendar.disabled = readonly;
    },
  };
}

/** @param {HTMLElement} question @param {Host} host @returns {Widget} */
export function dateWidget(question, host) {
  const native = /** @type {HTMLInputElement} */ (question.querySelector('input'));
  const looks = host.node.appearance ?? [];
  const count = looks.includes('year') ? 1 : looks.includes('month-year') ? 2 : 3;
  let shown = '';
  const parts = partsOf(question, host, {
    native, count, label: labelOf(question),
    done(text, typing) {
      if (typing && text === shown) return;
      shown = text;
      if (typing) host.typing(text);
      else host.set(text);
    },
  });
  hide(native);
  native.after(parts.row, parts.said);
  parts.row.append(native);
  native.addEventListener('change', () => {
    host.set(native.value);
  });

  return {
    show(value) {
      native.value = dateText(value);
      if (value === shown && (value !== '' || parts.busy())) return;
      shown = value;
      if (!parts.busy() || parts.text() !== value) parts.show(value);
    },
    lock: parts.lock,
    async flush() {
      if (parts.busy() && parts.text() !== shown) host.set(shown = parts.text());
    },
  };
}

/** @param {HTMLInputElement} native */
function hide(native) {
  native.classList.add('date-native');
  native.tabIndex = -1;
  native.setAttribute('aria-hidden', 'true');
}

/** @param {HTMLElement} question */
const labelOf = (question) => bare(question.querySelector('.label .words')?.textContent ?? question.querySelector('.label')?.textContent ?? '');

/** A time of day: the phone's own picker; stored with seconds and zone, as ODK does. @param {HTMLElement} question @param {Host} host @returns {Widget} */
export function timeWidget(question, host) {
  const native = /** @type {HTMLInputElement} */ (question.querySelector('input'));
  native.setAttribute('aria-label', labelOf(question));
  native.addEventListener('change', () => host.set(momentText('', native.value)));
  return {
    show(value) {
      if (native.value !== value.slice(0, 5)) native.value = value.slice(0, 5);
    },
    lock: (readonly) => {
      native.readOnly = readonly;
    },
  };
}

/** A day and a time. @param {HTMLElement} question @param {Host} host @returns {Widget} */
export function dateTimeWidget(question, host) {
  const native = /** @type {HTMLInputElement} */ (question.querySelector('input'));
  const picker = /** @type {HTMLInputElement} */ (element('input', { type: 'date' }));
  hide(picker);
  native.type = 'time';
  native.classList.add('date-time');
  native.setAttribute('aria-label', `${labelOf(question)} ${host.t('时间')}`);
  let shown = '';
  /** @param {string} day @param {boolean} typing */
  const put = (day, typing) => {
    const text = !day && !native.value ? '' : dateText(day) === day && day && native.value ? momentText(day, native.value) : `${day}T${native.value}`;
    if (typing && text === shown) return;
    shown = text;
    if (typing) host.typing(text);
    else host.set(text);
  };
  const parts = partsOf(question, host, { native: picker, count: 3, label: labelOf(question), done: put });
  native.before(parts.row, parts.said);
  parts.row.append(picker);
  picker.addEventListener('change', () => {
    parts.show(picker.value);
    put(picker.value, false);
  });
  native.addEventListener('change', () => put(parts.text(), false));
  return {
    show(value) {
      if (value === shown && value !== '') return;
      shown = value;
      const [day = '', time = ''] = value.split('T');
      native.value = time.slice(0, 5);
      picker.value = dateText(day);
      if (!parts.busy() || parts.text() !== day) parts.show(day);
    },
    lock(readonly) {
      parts.lock(readonly);
      native.readOnly = readonly;
    },
    async flush() {
      if (parts.busy()) put(parts.text(), false);
    },
  };
}
