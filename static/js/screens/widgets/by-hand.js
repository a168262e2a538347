/** A place typed from a paper or another app, checked before it counts. */

import { button, element } from './dom.js';
import { placeOf } from './places.js';

/** @typedef {import('./index.js').Host} Host */

/** @param {Host} host @param {(place: import('./places.js').Place) => void} given @param {string} words on the button */
export function byHand(host, given, words) {
  const { t } = host;
  const field = /** @type {HTMLInputElement} */ (element('input', {
    type: 'text', autocomplete: 'off', class: 'geo-typed', placeholder: t('纬度 经度,如 30.1234 108.5678'), 'aria-label': t('纬度和经度'),
  }));
  const wrong = element('p', { class: 'geo-wrong', role: 'alert', hidden: true });
  const use = button(words, read, { class: 'geo-use' });
  const row = element('div', { class: 'geo-hand' }, field, use, wrong);

  function read() {
    const place = placeOf(field.value);
    wrong.hidden = place !== null;
    if (!place) {
      wrong.textContent = t('看不懂这个位置。请写 纬度 经度,纬度在 -90 到 90,经度在 -180 到 180。');
      field.focus();
      return;
    }
    field.value = '';
    given(place);
  }
  // In a form the key would otherwise press the first button on the page.
  field.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter') return;
    event.preventDefault();
    read();
  });
  // What is typed here is half an answer; only the button makes it whole.
  for (const kind of ['input', 'change']) field.addEventListener(kind, (event) => event.stopPropagation());
  return { row, field, /** typed, and not yet used */ waiting: () => field.value.trim() !== '', read };
}
