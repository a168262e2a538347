/** Putting choices in order: dragged by the handle, or moved by buttons. Nothing is answered before somebody moves or confirms. */

import { button, element } from './dom.js';
import { bare } from './texts.js';

/** @typedef {import('./index.js').Host} Host */
/** @typedef {import('./index.js').Widget} Widget */

/** @param {HTMLElement} question @param {Host} host @returns {Widget} */
export function rankWidget(question, host) {
  const { t } = host;
  const box = /** @type {HTMLElement} */ (question.querySelector('.ranking') ?? question);
  box.querySelector('ol')?.remove();
  const list = element('ol', { class: 'rank' });
  const said = element('p', { class: 'count', role: 'status' });
  const accept = button(t('就按这个顺序'), () => answer(order), { class: 'rank-accept' });
  const clear = button(t('清除排序'), () => host.set(''), { class: 'rank-clear' });
  box.append(list, said, element('div', { class: 'buttons' }, accept, clear));
  /** @type {string[]} every choice, in the order shown */
  let order = [];
  let value = '';
  let locked = false;

  /** @param {string[]} next */
  const answer = (next) => {
    order = next;
    host.set(next.join(' '));
    paint();
  };

  /** @param {number} from @param {number} to */
  const moved = (from, to) => {
    const next = [...order];
    next.splice(to, 0, ...next.splice(from, 1));
    return next;
  };

  /** @param {number} from @param {number} step @param {string} side */
  function nudge(from, step, side) {
    const name = order[from] ?? '';
    answer(moved(from, from + step));
    const row = list.children[from + step];
    const wish = /** @type {HTMLButtonElement | null | undefined} */ (row?.querySelector(`.rank-${side}`));
    (wish?.disabled ? /** @type {HTMLElement | null} */ (row?.querySelector('button:not(:disabled)')) : wish)?.focus();
    said.textContent = t('{what} 现在第 {n}', { what: labelOf(name), n: from + step + 1 });
  }

  /** @param {string} name */
  const labelOf = (name) => bare(host.choices().find((one) => one.name === name)?.label ?? '') || name;

  function paint() {
    const offered = host.choices().map((one) => one.name);
    const given = value === '' ? [] : value.split(' ').filter((one) => offered.includes(one));
    order = [...given, ...offered.filter((one) => !given.includes(one))];
    const ranked = given.length;
    list.classList.toggle('unanswered', ranked === 0);
    list.replaceChildren(...order.map((name, i) => {
      const label = labelOf(name);
      const grip = element('span', { class: 'rank-grip', 'aria-hidden': 'true' }, '≡');
      const up = button('↑', () => nudge(i, -1, 'up'), { class: 'rank-up', 'aria-label': t('{what} 上移', { what: label }) });
      const down = button('↓', () => nudge(i, 1, 'down'), { class: 'rank-down', 'aria-label': t('{what} 下移', { what: label }) });
      up.disabled = locked || i === 0;
      down.disabled = locked || i === order.length - 1;
      const row = element('li', {}, grip, element('span', { class: 'rank-place' }, ranked > i ? `${i + 1}` : '–'),
        element('span', { class: 'rank-label' }, label), up, down);
      if (!locked) grip.addEventListener('pointerdown', (event) => drag(/** @type {PointerEvent} */ (event), row, i));
      return row;
    }));
    if (ranked === 0) said.textContent = t('还没有排序。拖动左边的横线,或点箭头。');
    else if (said.textContent === t('还没有排序。拖动左边的横线,或点箭头。')) said.textContent = '';
    accept.hidden = locked || ranked === order.length;
    clear.hidden = locked || ranked === 0;
  }

  /** The row follows the finger; the others make room. @param {PointerEvent} event @param {HTMLElement} row @param {number} from */
  function drag(event, row, from) {
    event.preventDefault();
    const grip = /** @type {HTMLElement} */ (event.currentTarget);
    grip.setPointerCapture(event.pointerId);
    const rows = /** @type {HTMLElement[]} */ ([...list.children]);
    const middles = rows.map((one) => one.getBoundingClientRect()).map((place) => place.top + place.height / 2);
    const height = row.getBoundingClientRect().height;
    let to = from;
    row.classList.add('dragged');
    /** @param {PointerEvent} now */
    const follow = (now) => {
      const y = now.clientY - event.clientY;
      row.style.transform = `translateY(${y}px)`;
      const centre = (middles[from] ?? 0) + y;
      to = middles.filter((middle, i) => i !== from && middle < centre).length;
      rows.forEach((one, i) => {
        if (i !== from) one.style.transform = i > from && i <= to ? `translateY(${-height}px)` : i < from && i >= to ? `translateY(${height}px)` : '';
      });
    };
    /** @param {PointerEvent} end */
    const done = (end) => {
      grip.removeEventListener('pointermove', follow);
      for (const one of rows) one.style.transform = '';
      row.classList.remove('dragged');
      if (end.type === 'pointerup' && (to !== from || value !== '')) answer(moved(from, to));
    };
    grip.addEventListener('pointermove', follow);
    grip.addEventListener('pointerup', done, { once: true });
    grip.addEventListener('pointercancel', done, { once: true });
  }

  return {
    show(next) {
      value = next;
      paint();
    },
    lock(readonly) {
      if (locked === readonly) return;
      locked = readonly;
      paint();
    },
    offer: paint,
  };
}
