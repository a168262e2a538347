/** A place: found by the phone with its accuracy in sight, or typed. */

import { button, element } from './dom.js';
import { byHand } from './by-hand.js';
import { placed, removed } from './kept.js';
import { locate, whyNowhere } from './locate.js';
import { placeOf, placeText, wantedAccuracy } from './places.js';

/** @typedef {import('./index.js').Host} Host */
/** @typedef {import('./index.js').Widget} Widget */

/** @param {HTMLElement} question @param {Host} host @returns {Widget} */
export function geopointWidget(question, host) {
  const { t } = host;
  const { accept, warn } = wantedAccuracy(host.node);
  const place = element('output', { class: 'geo-place' });
  const said = element('div', { class: 'media-said', role: 'status' });
  const get = button('', () => (finding ? enough() : find()), { class: 'geo-get' });
  const hand = byHand(host, (typed) => {
    stop();
    open(false);
    host.set(placeText(typed));
  }, t('就用这个位置'));
  const type = button(t('手工填'), () => open(Boolean(hand.row.hidden)), { class: 'geo-type', 'aria-expanded': 'false' });
  const clear = button(t('清除位置'), () => removed(host, said, shown, t('位置已清除。')), { class: 'geo-clear' });
  placed(question, place, said, element('div', { class: 'buttons' }, get, type, clear), hand.row);
  // A place on a map needs tiles from a server; here it is typed, from the map somebody has.
  const mapped = (host.node.appearance ?? []).some((look) => look === 'placement-map' || look === 'maps');
  open(mapped);
  let shown = '';
  let locked = false;
  /** @type {ReturnType<typeof locate> | null} */
  let finding = null;
  let found = false;

  /** @param {boolean} wide */
  function open(wide) {
    hand.row.hidden = !wide;
    type.setAttribute('aria-expanded', String(wide));
  }

  function find() {
    found = false;
    said.textContent = t('正在定位…可以先填别的题。');
    finding = locate({
      accept,
      better: ({ acc }) => {
        found = true;
        said.textContent = t('误差 {m} 米,还在变准…', { m: Math.round(acc) });
        paint();
      },
      done: (best, error) => {
        finding = null;
        said.textContent = '';
        if (best) {
          host.set(placeText(best));
          if (best.acc > warn) said.textContent = t('误差较大,最好到开阔处重新定位。');
        } else {
          said.replaceChildren(element('span', { role: 'alert' }, t(whyNowhere(error))));
          open(true);
        }
        paint();
      },
    });
    paint();
  }

  function enough() {
    if (found) finding?.take();
    else {
      stop();
      said.textContent = '';
      paint();
    }
  }

  function stop() {
    finding?.stop();
    finding = null;
  }

  function paint() {
    get.textContent = t(finding ? (found ? '就用现在的' : '停止定位') : shown === '' ? '取当前位置' : '重新定位');
    clear.hidden = shown === '' || Boolean(finding) || locked;
    get.hidden = type.hidden = locked;
    if (locked) hand.row.hidden = true;
    const known = placeOf(shown);
    place.textContent = shown === '' ? '' : !known ? shown
      : known.acc > 0 ? t('已定位 {place},误差约 {m} 米', { place: `${known.lat}, ${known.lon}`, m: Math.round(known.acc) })
        : t('已定位 {place}', { place: `${known.lat}, ${known.lon}` });
  }

  return {
    show(value) {
      shown = value;
      paint();
    },
    lock(readonly) {
      locked = readonly;
      if (readonly) stop();
      paint();
    },
    async flush(stay) {
      // Who goes on without "good enough" wants what there is, not nothing.
      if (!stay && found) finding?.take();
      if (stay || !hand.waiting() || hand.row.hidden) return true;
      hand.read();
      return !hand.waiting();
    },
    destroy: stop,
  };
}
