/** Putting choices in order: tap them one after another; tap again to take one out. */

import { button, element } from './dom.js';

/** @typedef {import('./index.js').Host} Host */
/** @typedef {import('./index.js').Widget} Widget */

/** @param {HTMLElement} question @param {Host} host @returns {Widget} */
export function rankWidget(question, host) {
  for (const old of question.querySelectorAll('input, select, .choice, ol')) /** @type {HTMLElement} */ (old).hidden = true;
  const box = element('div', { class: 'rank' });
  (question.querySelector('.carried') ?? question.querySelector('.error') ?? question.lastElementChild)?.before(box);
  /** @type {string[]} */
  let ranked = [];
  let locked = false;

  function paint() {
    box.replaceChildren(
      ...host.choices().map((choice) => {
        const place = ranked.indexOf(choice.name);
        const row = button(place < 0 ? choice.label : `${place + 1}. ${choice.label}`, () => {
          ranked = place < 0 ? [...ranked, choice.name] : ranked.filter((one) => one !== choice.name);
          host.set(ranked.join(' '));
          paint();
        }, { class: 'choice', 'aria-pressed': String(place >= 0) });
        row.disabled = locked;
        return row;
      }),
    );
  }

  return {
    show(value) {
      ranked = value === '' ? [] : value.split(' ');
      paint();
    },
    lock(readonly) {
      locked = readonly;
      paint();
    },
    offer: paint,
  };
}
