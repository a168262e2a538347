/** Text and number fields. */

import { grouped, numberText } from './values.js';
import { element } from './dom.js';

/** @typedef {import('./index.js').Host} Host */
/** @typedef {import('./index.js').Widget} Widget */

/**
 * Reports while typing, however fast it goes on, and at once on leaving the field.
 * @param {HTMLInputElement | HTMLTextAreaElement} control @param {Host} host
 * @param {(text: string) => string} read
 */
export function watch(control, host, read) {
  // At once: sums move with the typing, and an answer must be on disk a tenth of a second later.
  control.addEventListener('input', () => host.typing(read(control.value)));
  control.addEventListener('change', () => host.set(read(control.value)));
}

/** @param {HTMLElement} question @param {Host} host @returns {Widget} */
export function textWidget(question, host) {
  const control = /** @type {HTMLInputElement} */ (question.querySelector('input, textarea'));
  watch(control, host, (text) => text.trim());
  const link = (host.node.appearance ?? []).includes('url') ? /** @type {HTMLAnchorElement} */ (element('a',
    { class: 'url', target: '_blank', rel: 'noopener noreferrer' }, host.t('打开链接'))) : null;
  if (link) control.closest('label')?.after(link);
  /** A long answer is seen whole. */
  const grow = () => {
    if (control.tagName !== 'TEXTAREA') return;
    control.style.height = 'auto';
    control.style.height = `${Math.min(control.scrollHeight + 4, 480)}px`;
  };
  control.addEventListener('input', grow);
  return {
    show(value) {
      if (control.value.trim() !== value) {
        control.value = value;
        grow();
      }
      if (link) {
        link.hidden = !/^https?:\/\//.test(value);
        link.href = link.hidden ? '' : value;
      }
    },
    lock: (readonly) => {
      control.readOnly = readonly;
    },
  };
}

/** A number with its size in words below it: 12,000(1.2 万). @param {HTMLElement} question @param {Host} host @returns {Widget} */
export function numberWidget(question, host) {
  const control = /** @type {HTMLInputElement} */ (question.querySelector('input'));
  control.inputMode = host.node.type === 'integer' ? 'numeric' : 'decimal';
  // type=number drops what it can't read; a person should see it and be told.
  if (control.type === 'number') control.type = 'text';
  control.autocomplete = 'off';
  const size = element('output', { class: 'number-size' });
  control.after(size);
  const tell = () => {
    size.textContent = grouped(numberText(control.value), host.t('万'));
  };
  control.addEventListener('input', tell);
  control.addEventListener('change', () => {
    control.value = numberText(control.value);
    tell();
  });
  watch(control, host, numberText);
  return {
    show(value) {
      if (numberText(control.value) !== value) control.value = value;
      tell();
    },
    lock: (readonly) => {
      control.readOnly = readonly;
    },
  };
}
