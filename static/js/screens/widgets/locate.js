/** Asking the phone where it is: fixes come in better and better, until one is good enough or the time is over. */

import { placeFrom } from './places.js';

/** @typedef {import('./places.js').Place} Place */

/** Under a roof a better fix rarely comes later than this. */
const WAIT_MS = 60_000;

/** Why there is no place, in words. @param {number} code of the browser's error; 0: it cannot locate at all */
export const whyNowhere = (code) => (code === 0 ? '这部手机不能定位,可以手工填经纬度。'
  : code === 1 ? '没有得到定位许可。请在浏览器设置里允许定位,也可以手工填。'
    : '没有定到位。请到门外开阔处再试,也可以手工填。');

/**
 * @param {{accept: number, better: (place: Place) => void, done: (place: Place | null, error: number) => void, wait_ms?: number}} use
 * better: a closer fix than before. done: once, with the best there was.
 * @returns {{take: () => void, stop: () => void}} take: the best there is now is good enough
 */
export function locate({ accept, better, done, wait_ms = WAIT_MS }) {
  if (!navigator.geolocation) {
    done(null, 0);
    return { take: () => {}, stop: () => {} };
  }
  /** @type {Place | null} */
  let best = null;
  let over = false;
  let error = 3;
  const watching = navigator.geolocation.watchPosition(({ coords }) => {
    if (over) return;
    const place = placeFrom(coords);
    if (best && place.acc >= best.acc) return;
    best = place;
    better(place);
    if (place.acc <= accept) end();
  }, (failure) => {
    error = failure.code;
    if (failure.code === 1) end();
  }, { enableHighAccuracy: true, maximumAge: 0 });
  const timer = setTimeout(end, wait_ms);

  function stop() {
    over = true;
    clearTimeout(timer);
    navigator.geolocation.clearWatch(watching);
  }

  function end() {
    if (over) return;
    stop();
    done(best, best ? 0 : error);
  }

  return { take: end, stop };
}
