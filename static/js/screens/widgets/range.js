/** A number between two ends: a slider with a large thumb beside the typed value. No answer until one of them is touched. */

import { button, element } from './dom.js';
import { watch } from './fields.js';
import { numberText, onStep } from './values.js';

/** @typedef {import('./index.js').Host} Host */
/** @typedef {import('./index.js').Widget} Widget */

/** More ticks than this run into each other on a phone. */
const MOST_TICKS = 20;

/** @param {HTMLElement} question @param {Host} host @returns {Widget} */
export function rangeWidget(question, host) {
  const { t, node } = host;
  const looks = node.appearance ?? [];
  const holder = /** @type {HTMLElement} */ (question.querySelector('.range'));
  const typed = /** @type {HTMLInputElement} */ (holder.querySelector('input'));
  const { start = '1', end = '10', step = '1', tickInterval = step, placeholder = '' } = /** @type {{[name: string]: string}} */ (holder.dataset);
  const [low, high, by] = [Math.min(Number(start), Number(end)), Math.max(Number(start), Number(end)), Math.abs(Number(step)) || 1];
  const turned = Number(end) < Number(start);
  const slider = /** @type {HTMLInputElement} */ (element('input', {
    type: 'range', min: `${low}`, max: `${high}`, step: `${by}`, 'aria-label': question.querySelector('.label')?.textContent?.trim() ?? '',
  }));
  const track = element('div', { class: `slider${turned ? ' turned' : ''}` }, slider);
  const ticks = Math.round((high - low) / (Math.abs(Number(tickInterval)) || by));
  if (!looks.includes('no-ticks') && ticks <= MOST_TICKS) {
    track.append(element('div', { class: 'ticks', 'aria-hidden': 'true' }, ...Array.from({ length: ticks + 1 }, () => element('i'))));
  }
  const clear = button(t('清除'), () => host.set(''), { class: 'range-clear' });
  const row = element('div', { class: 'range-row' }, element('span', { class: 'range-end', 'aria-hidden': 'true' }, turned ? `${high}` : `${low}`),
    track, element('span', { class: 'range-end', 'aria-hidden': 'true' }, turned ? `${low}` : `${high}`));
  const given = element('div', { class: 'range-given' }, clear);
  holder.after(row, given);
  given.prepend(typed);
  typed.classList.add('range-typed');
  typed.setAttribute('aria-label', question.querySelector('.label')?.textContent?.trim() ?? '');
  typed.placeholder = t('未答');

  const put = (/** @type {boolean} */ typing) => {
    const value = onStep(slider.value, start, step);
    typed.value = value;
    track.classList.remove('untouched');
    if (typing) host.typing(value);
    else host.set(value);
  };
  slider.addEventListener('input', () => put(true));
  slider.addEventListener('change', () => put(false));
  // A tap right where the thumb already rests moves nothing, yet means that value.
  slider.addEventListener('pointerup', () => track.classList.contains('untouched') && put(false));
  slider.addEventListener('keydown', (event) => {
    if ((event.key === 'Enter' || event.key === ' ') && track.classList.contains('untouched')) {
      event.preventDefault();
      put(false);
    }
  });
  watch(typed, host, numberText);

  return {
    show(value) {
      if (numberText(typed.value) !== value) typed.value = value;
      track.classList.toggle('untouched', value === '');
      const middle = onStep(placeholder || String((low + high) / 2), start, step);
      if (slider.value !== value) slider.value = value === '' || !Number.isFinite(Number(value)) ? middle : value;
      slider.setAttribute('aria-valuetext', value === '' ? t('未答') : value);
      clear.hidden = value === '' || slider.disabled;
    },
    lock(readonly) {
      slider.disabled = readonly;
      typed.readOnly = readonly;
      if (readonly) clear.hidden = true;
    },
  };
}

/** A whole number with a button down and a button up. @param {HTMLElement} question @param {Host} host @returns {Widget} */
export function counterWidget(question, host) {
  const { t } = host;
  const typed = /** @type {HTMLInputElement} */ (question.querySelector('input'));
  watch(typed, host, numberText);
  /** @param {number} by */
  const nudge = (by) => host.set(String((Number(numberText(typed.value)) || 0) + by));
  const down = button('−', () => nudge(-1), { 'aria-label': t('减一') });
  const up = button('＋', () => nudge(1), { 'aria-label': t('加一') });
  const row = element('div', { class: 'counter' });
  typed.closest('label')?.after(row);
  typed.setAttribute('aria-label', question.querySelector('.label')?.textContent?.trim() ?? '');
  row.append(down, typed, up);
  return {
    show(value) {
      if (numberText(typed.value) !== value) typed.value = value;
      if (!typed.readOnly) down.disabled = value === '' || Number(value) <= 0;
    },
    lock(readonly) {
      typed.readOnly = readonly;
      down.disabled = up.disabled = readonly;
    },
  };
}
