/** A place, if the cadre wants to give one: a button, its accuracy, and a way to take it back. */

import { button, element } from './dom.js';

/** @typedef {import('./index.js').Host} Host */
/** @typedef {import('./index.js').Widget} Widget */

/** Under a roof a better fix rarely comes later than this. */
const WAIT_MS = 30_000;

/** @param {HTMLElement} question @param {Host} host @returns {Widget} */
export function geopointWidget(question, host) {
  for (const old of question.querySelectorAll('button, input, output')) /** @type {HTMLElement} */ (old).hidden = true;
  const place = element('output', { class: 'geo-place', 'aria-live': 'polite' });
  const get = button(host.t('取当前位置'), locate, { class: 'geo-get' });
  const clear = button(host.t('清除位置'), () => host.set(''), { class: 'geo-clear' });
  const box = element('div', { class: 'geo' }, place, element('div', { class: 'buttons' }, get, clear));
  (question.querySelector('.carried') ?? question.querySelector('.error') ?? question.lastElementChild)?.before(box);

  function locate() {
    if (!navigator.geolocation) {
      place.textContent = host.t('这部手机不能定位,可以不填。');
      return;
    }
    get.disabled = true;
    place.textContent = host.t('正在定位…可以先填别的题。');
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        get.disabled = false;
        const part = (/** @type {number | null} */ n, /** @type {number} */ digits) => (n ?? 0).toFixed(digits);
        host.set([part(coords.latitude, 6), part(coords.longitude, 6), part(coords.altitude, 1), part(coords.accuracy, 1)].join(' '));
      },
      (error) => {
        get.disabled = false;
        place.textContent = host.t(error.code === 1 ? '没有得到定位许可,可以不填。' : '没有定到位,可以到门外再试,也可以不填。');
      },
      { enableHighAccuracy: true, timeout: WAIT_MS, maximumAge: 60_000 },
    );
  }

  return {
    show(value) {
      const [latitude, longitude, , accuracy] = value.split(' ');
      clear.hidden = value === '';
      get.textContent = host.t(value === '' ? '取当前位置' : '重新定位');
      if (value !== '') {
        place.textContent = accuracy && Number(accuracy) > 0
          ? host.t('已定位 {place},误差约 {m} 米', { place: `${latitude}, ${longitude}`, m: Math.round(Number(accuracy)) })
          : host.t('已定位 {place}', { place: `${latitude}, ${longitude}` });
      } else if (!get.disabled && place.textContent?.startsWith(host.t('已定位 {place}', { place: '' }).trim())) {
        place.textContent = '';
      }
    },
    lock(readonly) {
      get.disabled = readonly;
      clear.disabled = readonly;
    },
  };
}
