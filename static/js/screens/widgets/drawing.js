/**
 * Drawn with a finger: a signature, a sketch, marks over a photo. The picture is taken when the hand rests and
 * before the page changes. The strokes are stored beside it, so that a turned screen and a killed page show
 * them again and a person can go on or take back the last one.
 */

import Pad from 'signature_pad';
import { camera } from './camera.js';
import { button, element } from './dom.js';
import { opened, photoLimits, smallDrawing, smallJpeg, smallPhoto } from './images.js';
import { keeper, placed } from './kept.js';
import { scaled, stored } from './strokes.js';

/** @typedef {import('./index.js').Host} Host */
/** @typedef {import('./index.js').Widget} Widget */
/** @typedef {import('./strokes.js').Stroke} Stroke */

/** A name is written with pauses; a picture after each stroke would only heat the phone. */
const REST_MS = 500;
const PENS = ['#d00000', '#000000', '#0047c2', '#f2c200'];
const PEN_NAMES = ['红', '黑', '蓝', '黄'];
/** @typedef {{ratio: number, side: number, bytes: number, pens: string[], width: [number, number], again: string, empty: string, alt: string}} Kind */
/** @type {{[kind: string]: Kind}} */
const KINDS = {
  signature: { ratio: 0.52, side: 800, bytes: 30 * 1024, pens: ['#000000'], width: [1.2, 3.2], again: '重新签', empty: '请在框里签名', alt: '已签的名' },
  draw: { ratio: 1, side: 1200, bytes: 200 * 1024, pens: ['#000000', ...PENS.filter((one) => one !== '#000000')], width: [2, 4], again: '重新画', empty: '请在框里画', alt: '已画的图' },
  annotate: { ratio: 0.75, side: 0, bytes: 0, pens: PENS, width: [3, 6], again: '重新画', empty: '用手指在照片上画', alt: '已画的图' },
};

/** @param {HTMLElement} question @param {Host} host @returns {Widget} */
export function drawingWidget(question, host) {
  const { t } = host;
  const looks = host.node.appearance ?? [];
  const kind = ['annotate', 'draw'].find((one) => one === host.node.type || looks.includes(one)) ?? 'signature';
  const { ratio, pens, width, ...as } = /** @type {Kind} */ (KINDS[kind]);
  const canvas = /** @type {HTMLCanvasElement} */ (element('canvas', { class: 'signature-pad', 'aria-label': t(as.empty) }));
  const below = /** @type {HTMLImageElement} */ (element('img', { class: 'pad-below', alt: '', hidden: true }));
  const paper = element('div', { class: `pad pad-${kind}` }, below, canvas);
  const picture = /** @type {HTMLImageElement} */ (element('img', { class: 'signature-shown', alt: t(as.alt), hidden: true }));
  const hint = element('p', { class: 'signature-said' }, t(as.empty));
  const said = element('div', { class: 'media-said', role: 'status' });
  const kept = keeper(host, said, (name) => {
    shown = name;
  });
  const undo = button(t('撤销一笔'), takeBack, { class: 'pad-undo' });
  const clear = button(t('清除'), wipe, { class: 'signature-clear' });
  const again = button(t(as.again), wipe, { class: 'signature-again' });
  const colours = pens.length > 1 ? palette() : null;
  const photo = kind === 'annotate' ? camera(host, (file) => void take(file)) : null;
  const box = placed(question, hint, picture, paper, said, ...(colours ? [colours] : []),
    element('div', { class: 'buttons' }, undo, clear, again),
    ...(photo ? [element('div', { class: 'buttons' }, photo.shoot, ...(photo.pick ? [photo.pick] : []), photo.input)] : []));

  const pad = new Pad(canvas, { penColor: pens[0], minWidth: width[0], maxWidth: width[1] });
  /** the answer on the paper or in the picture */
  let shown = '';
  /** the photo below the strokes @type {string} */
  let base = '';
  /** an answer whose strokes this phone has not */
  let foreign = false;
  let locked = false;
  let drawing = false;
  let pending = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let resting;
  /** @type {Promise<unknown> | null} */
  let capturing = null;

  paper.style.aspectRatio = `1 / ${ratio}`;
  pad.addEventListener('beginStroke', () => {
    drawing = pending = true;
    clearTimeout(resting);
  });
  pad.addEventListener('endStroke', () => {
    drawing = false;
    changed();
  });
  const sizes = new ResizeObserver(fit);
  sizes.observe(canvas);

  function palette() {
    const row = element('div', { class: 'pad-pens', role: 'radiogroup', 'aria-label': t('笔的颜色') });
    pens.forEach((colour, i) => {
      const pen = button('', () => {
        pad.penColor = colour;
        for (const one of row.children) one.setAttribute('aria-checked', String(one === pen));
      }, { role: 'radio', 'aria-checked': String(i === 0), 'aria-label': t(PEN_NAMES[PENS.indexOf(colour)] ?? '黑') });
      pen.style.setProperty('--pen', colour);
      row.append(pen);
    });
    return row;
  }

  /** strokes on a paper of width 1 that no screen has shown yet @type {Stroke[]} */
  let waiting = [];
  /** the paper's width on the screen that shows the strokes; 0: none does */
  let wide = 0;

  /** The canvas in the screen's own pixels; the strokes already drawn are drawn again, as large as the paper is now. */
  function fit() {
    if (canvas.offsetWidth === 0 || drawing) return;
    const dots = Math.max(1, Math.min(2, window.devicePixelRatio || 1));
    const [across, down] = [Math.round(canvas.offsetWidth * dots), Math.round(canvas.offsetHeight * dots)];
    if (wide && canvas.width === across && canvas.height === down) return;
    const strokes = strokesNow();
    wide = canvas.offsetWidth;
    waiting = [];
    canvas.width = across;
    canvas.height = down;
    canvas.getContext('2d')?.scale(dots, dots);
    pad.fromData(scaled(strokes, wide));
  }

  /** @returns {Stroke[]} on a paper of width 1 */
  const strokesNow = () => (wide ? stored(pad.toData(), wide) : waiting);

  /** @param {Stroke[]} strokes on a paper of width 1 */
  function lay(strokes) {
    waiting = strokes;
    wide = 0;
    fit();
  }

  function changed() {
    pending = true;
    paint();
    clearTimeout(resting);
    resting = setTimeout(() => void capture(), REST_MS);
  }

  /** @returns {Promise<unknown>} */
  function capture() {
    clearTimeout(resting);
    capturing ??= (async () => {
      while (pending) {
        pending = false;
        const strokes = strokesNow();
        if (strokes.length === 0) {
          shown = base;
          host.set(base);
        } else {
          const extension = kind === 'annotate' ? 'jpg' : 'png';
          await kept.keep(await pictureOf(strokes), extension, { origin: { strokes, base } });
        }
      }
    })().finally(() => {
      capturing = null;
    });
    return capturing;
  }

  /** @param {Stroke[]} strokes */
  async function pictureOf(strokes) {
    const sheet = document.createElement('canvas');
    const found = base === '' ? null : await host.files.open(base);
    const ground = found ? await opened(found.blob) : null;
    sheet.width = ground?.width ?? as.side;
    sheet.height = ground?.height ?? Math.round(as.side * ratio);
    const pen = /** @type {CanvasRenderingContext2D} */ (sheet.getContext('2d'));
    const ink = document.createElement('canvas');
    ink.width = sheet.width;
    ink.height = sheet.height;
    const inked = new Pad(ink);
    inked.fromData(scaled(strokes, ink.width));
    inked.off();
    pen.fillStyle = '#fff';
    pen.fillRect(0, 0, sheet.width, sheet.height);
    if (ground) pen.drawImage(ground.source, 0, 0);
    ground?.close();
    pen.drawImage(ink, 0, 0);
    if (kind === 'annotate') return smallJpeg(sheet, photoLimits(host.node.parameters).bytes);
    return smallDrawing(sheet, { side: as.side, bytes: as.bytes });
  }

  function takeBack() {
    pad.fromData(pad.toData().slice(0, -1));
    changed();
  }

  /** All strokes, or the old picture, taken away; one tap brings them back. */
  function wipe() {
    const [strokes, before, wasBase, wasForeign] = [strokesNow(), shown, base, foreign];
    lay([]);
    foreign = false;
    pending = false;
    clearTimeout(resting);
    if (wasForeign) base = '';
    shown = base;
    host.set(base);
    paint();
    said.replaceChildren(t('已清除。'), ' ', button(t('撤销'), () => {
      said.replaceChildren();
      base = wasBase;
      foreign = wasForeign;
      shown = before;
      lay(strokes);
      host.set(before);
      paint();
      if (strokes.length && !before) changed();
    }, { class: 'kept-undo' }));
  }

  /** @param {File} file a photo to draw on */
  function take(file) {
    said.textContent = t('正在处理照片…');
    capturing = smallPhoto(file, photoLimits(host.node.parameters)).then((small) => {
      lay([]);
      pending = false;
      return kept.keep(small, 'jpg');
    }, () => {
      said.replaceChildren(element('span', { role: 'alert' }, t('这张照片读不出来,没有保存。请重拍一张。')));
    }).finally(() => {
      capturing = null;
      if (shown) void load(shown);
    });
  }

  /** @param {HTMLImageElement} image @param {Blob | null} blob */
  function showIn(image, blob) {
    if (image.src) URL.revokeObjectURL(image.src);
    image.removeAttribute('src');
    if (blob) image.src = URL.createObjectURL(blob);
  }

  /** @param {string} value an answer from before */
  async function load(value) {
    shown = value;
    foreign = false;
    base = '';
    lay([]);
    showIn(below, null);
    showIn(picture, null);
    paint();
    const found = value === '' ? null : await host.files.open(value);
    if (shown !== value || value === '') return;
    if (!found) {
      foreign = true;
      said.textContent = t('照片不在这部手机上。');
    } else if (kind === 'annotate' && !found.origin?.strokes) {
      base = value;
      await ground(found.blob);
    } else if (found.origin?.strokes) {
      base = found.origin.base ?? '';
      const photoBelow = base === '' ? null : await host.files.open(base);
      if (shown !== value) return;
      if (photoBelow) await ground(photoBelow.blob);
      lay(/** @type {Stroke[]} */ (found.origin.strokes));
    } else {
      foreign = true;
      showIn(picture, found.blob);
    }
    paint();
  }

  /** The paper takes the shape of the photo on it. @param {Blob} blob */
  async function ground(blob) {
    showIn(below, blob);
    await below.decode().catch(() => {});
    if (below.naturalWidth) paper.style.aspectRatio = `${below.naturalWidth} / ${below.naturalHeight}`;
  }

  function paint() {
    const any = wide ? !pad.isEmpty() : waiting.length > 0;
    const bare = kind === 'annotate' && base === '';
    picture.hidden = !foreign || !picture.src;
    paper.hidden = foreign || bare;
    below.hidden = !below.src;
    hint.hidden = any || foreign || bare;
    undo.hidden = clear.hidden = !any || locked;
    again.hidden = !foreign || locked;
    if (colours) colours.hidden = paper.hidden || locked;
    if (photo) {
      photo.shoot.textContent = t(base === '' ? '拍照' : '重拍');
      for (const one of [photo.shoot, photo.pick]) if (one) one.hidden = locked || any;
    }
    box.classList.toggle('locked', locked);
    if (!paper.hidden) fit();
  }

  paint();
  return {
    show(value) {
      if (pending || drawing || capturing || kept.busy()) return;
      if (value !== shown) void load(value);
    },
    lock(readonly) {
      if (locked === readonly) return;
      locked = readonly;
      if (readonly) pad.off();
      else pad.on();
      paint();
    },
    async flush() {
      if (pending || capturing) await capture();
      return kept.settled();
    },
    destroy() {
      clearTimeout(resting);
      sizes.disconnect();
      pad.off();
      showIn(below, null);
      showIn(picture, null);
    },
  };
}
