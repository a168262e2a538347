/**
 * A line walked or an area walked round: points by location, one at a time or while walking, or typed; listed,
 * sketched without any map, measured. Every point is an answer at once, so a killed page loses none.
 */

import { button, element } from './dom.js';
import { byHand } from './by-hand.js';
import { placed } from './kept.js';
import { locate, whyNowhere } from './locate.js';
import { areaText, lengthText, measured, placeFrom, placesOf, placesText, sketched, wantedAccuracy } from './places.js';

/** @typedef {import('./index.js').Host} Host */
/** @typedef {import('./index.js').Widget} Widget */
/** @typedef {import('./places.js').Place} Place */

const [WIDTH, HEIGHT, MARGIN] = [320, 200, 16];
/** While walking a point is worth keeping when it is this far from the last, and not fuzzier than the walk allows. */
const STEP_M = 5;
const FUZZY_M = 30;
const LISTED = 6;

/** @param {HTMLElement} question @param {Host} host @returns {Widget} */
export function geotraceWidget(question, host) {
  const { t } = host;
  const shape = host.node.type === 'geoshape';
  const { accept } = wantedAccuracy(host.node);
  const chinese = t('万') === '万';
  const sketch = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  sketch.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
  sketch.setAttribute('class', 'geo-sketch');
  sketch.setAttribute('role', 'img');
  const facts = element('output', { class: 'geo-place' });
  const said = element('div', { class: 'media-said', role: 'status' });
  const list = element('ol', { class: 'geo-points' });
  const mark = button(t('记下这里'), markHere, { class: 'geo-mark' });
  const walk = button('', walkOrStop, { class: 'geo-walk' });
  const hand = byHand(host, (typed) => add(typed), t('加这个点'));
  const type = button(t('手工加点'), () => {
    hand.row.hidden = !hand.row.hidden;
    type.setAttribute('aria-expanded', String(!hand.row.hidden));
  }, { class: 'geo-type', 'aria-expanded': 'false' });
  const clear = button(t('全部清除'), () => change([], t('全部清除了。')), { class: 'geo-clear' });
  hand.row.hidden = !(host.node.appearance ?? []).includes('placement-map');
  placed(question, /** @type {any} */ (sketch), facts, said, element('div', { class: 'buttons' }, mark, walk),
    element('div', { class: 'buttons' }, type, clear), hand.row, list);
  let shown = '';
  /** @type {Place[]} */
  let places = [];
  let locked = false;
  let all = false;
  /** @type {ReturnType<typeof locate> | null} */
  let finding = null;
  /** @type {number | null} */
  let walking = null;
  /** @type {any} */
  let awake = null;

  /** @param {Place[]} next @param {string} [words] said, with a way back */
  function change(next, words = '') {
    const before = shown;
    host.set(placesText(next, shape));
    said.replaceChildren(...(words ? [words, ' ', button(t('撤销'), () => {
      said.replaceChildren();
      host.set(before);
    }, { class: 'kept-undo' })] : []));
  }

  /** @param {Place} place */
  const add = (place) => change([...places, place]);

  function markHere() {
    if (finding) return finding.take();
    said.textContent = t('正在定位…请站着别动。');
    finding = locate({
      accept,
      better: ({ acc }) => {
        said.textContent = t('误差 {m} 米,还在变准…', { m: Math.round(acc) });
        mark.textContent = t('就用现在的');
      },
      done: (best, error) => {
        finding = null;
        mark.textContent = t('记下这里');
        if (best) add(best);
        else said.replaceChildren(element('span', { role: 'alert' }, t(whyNowhere(error))));
      },
    });
  }

  function walkOrStop() {
    if (walking !== null) return stopWalking();
    if (!navigator.geolocation) {
      said.textContent = t(whyNowhere(0));
      return;
    }
    said.textContent = t('请沿着走,走几步记一个点。屏幕不要关。');
    walking = navigator.geolocation.watchPosition(({ coords }) => {
      const place = placeFrom(coords);
      const last = places[places.length - 1];
      if (place.acc > FUZZY_M) said.textContent = t('误差 {m} 米,等它变准再记…', { m: Math.round(place.acc) });
      else if (!last || measured([last, place], false).metres >= Math.max(STEP_M, place.acc / 2)) {
        host.set(placesText([...places, place], shape));
        said.textContent = t('正在记录:{n} 个点,误差 {m} 米', { n: places.length, m: Math.round(place.acc) });
      }
    }, (failure) => {
      said.replaceChildren(element('span', { role: 'alert' }, t(whyNowhere(failure.code))));
      if (failure.code === 1) stopWalking();
    }, { enableHighAccuracy: true, maximumAge: 0 });
    void /** @type {any} */ (navigator).wakeLock?.request('screen').then((/** @type {any} */ lock) => {
      awake = lock;
      if (walking === null) void lock.release();
    }, () => {});
    paint();
  }

  function stopWalking() {
    if (walking !== null) navigator.geolocation.clearWatch(walking);
    walking = null;
    void awake?.release?.();
    awake = null;
    said.textContent = '';
    paint();
  }

  function draw() {
    const { dots, scale } = sketched(places, WIDTH, HEIGHT, MARGIN);
    sketch.toggleAttribute('hidden', places.length < 2);
    if (places.length < 2) return;
    const line = dots.map((dot) => dot.join(',')).join(' ');
    // A bar that tells how far things are, as maps have.
    const round = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000].filter((one) => one * scale < WIDTH / 3).pop() ?? 1;
    sketch.replaceChildren(
      shapeOf(shape && places.length > 2 ? 'polygon' : 'polyline', { points: line, class: 'geo-line' }),
      ...dots.map(([x, y], i) => shapeOf('circle', { cx: x, cy: y, r: i === 0 ? 5 : 3.5, class: i === 0 ? 'geo-first' : 'geo-dot' })),
      shapeOf('path', { d: `M8 ${HEIGHT - 8} v-4 m0 4 h${(round * scale).toFixed(1)} v-4`, class: 'geo-bar' }),
      shapeOf('text', { x: 12, y: HEIGHT - 12, class: 'geo-bar-text' }, lengthText(round, chinese)));
    sketch.setAttribute('aria-label', t('{n} 个点的草图,上北下南', { n: places.length }));
  }

  function paint() {
    const { metres, square, crossed } = measured(places, shape);
    const lines = [t('{n} 个点', { n: places.length })];
    if (places.length > 1) lines.push(t(shape ? '周长 {length}' : '长 {length}', { length: lengthText(metres, chinese) }));
    if (shape && places.length > 2) lines.push(t('面积 {area}', { area: areaText(square, chinese) }));
    facts.textContent = places.length ? lines.join(' · ') : '';
    if (crossed) facts.append(element('span', { class: 'geo-wrong' }, ` ${t('边线交叉了,面积不准。请删掉走错的点。')}`));
    walk.textContent = t(walking !== null ? '停止记录' : '边走边记');
    walk.classList.toggle('on', walking !== null);
    clear.hidden = places.length === 0 || locked || walking !== null;
    mark.hidden = locked || walking !== null;
    walk.hidden = type.hidden = locked;
    draw();
    // A walk of a thousand points is not a thousand rows: the last few, and the rest when asked.
    const from = all ? 0 : Math.max(0, places.length - LISTED);
    const rows = places.slice(from).map(({ lat, lon, acc }, i) => {
      const n = from + i;
      const row = element('li', { value: String(n + 1) }, element('span', {}, `${lat.toFixed(5)}, ${lon.toFixed(5)}${acc > 0 ? ` ±${Math.round(acc)}` : ''}`));
      if (!locked && walking === null) row.append(button('✕', () => change(places.filter((_, at) => at !== n), t('第 {n} 点已删除。', { n: n + 1 })), { class: 'geo-drop', 'aria-label': t('删除第 {n} 点', { n: n + 1 }) }));
      return row;
    });
    list.replaceChildren(...(from > 0 ? [element('li', { class: 'geo-more' }, button(t('显示前面 {n} 个点', { n: from }), () => {
      all = true;
      paint();
    }))] : []), ...rows);
  }

  return {
    show(value) {
      if (value === shown && facts.textContent) return;
      shown = value;
      places = placesOf(value);
      paint();
    },
    lock(readonly) {
      if (locked === readonly) return;
      locked = readonly;
      if (readonly) hand.row.hidden = true;
      paint();
    },
    async flush(stay) {
      if (stay) return true;
      finding?.stop();
      finding = null;
      mark.textContent = t('记下这里');
      if (walking !== null) stopWalking();
      if (!hand.waiting() || hand.row.hidden) return true;
      hand.read();
      return !hand.waiting();
    },
    destroy() {
      finding?.stop();
      if (walking !== null) stopWalking();
    },
  };
}

/** @param {string} name @param {{[name: string]: string | number}} attributes @param {string} [text] */
function shapeOf(name, attributes, text = '') {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.textContent = text;
  return made;
}
