/**
 * A signature drawn with a finger. The picture is taken when the hand rests and before the page
 * changes; while strokes are not yet an answer nothing draws over them.
 */

import { button, element } from './dom.js';
import { smallDrawing } from './images.js';

/** @typedef {import('./index.js').Host} Host */
/** @typedef {import('./index.js').Widget} Widget */
/** @typedef {import('signature_pad').default} SignaturePad */

const BYTES = 30 * 1024;
const SIDE = 800;
/** A name is written with pauses; a picture after each stroke would only heat the phone. */
const REST_MS = 500;

/** @param {HTMLElement} question @param {Host} host @returns {Widget} */
export function signatureWidget(question, host) {
  const canvas = /** @type {HTMLCanvasElement} */ (question.querySelector('canvas') ?? element('canvas'));
  for (const old of question.querySelectorAll('button, input')) /** @type {HTMLElement} */ (old).hidden = true;
  canvas.classList.add('signature-pad');
  const picture = /** @type {HTMLImageElement} */ (element('img', { class: 'signature-shown', alt: host.t('已签的名') }));
  const said = element('p', { class: 'signature-said', role: 'status' }, host.t('请在框里签名'));
  const clear = button(host.t('清除'), wipe, { class: 'signature-clear' });
  const again = button(host.t('重新签'), wipe, { class: 'signature-again' });
  const box = element('div', { class: 'signature' });
  if (question.contains(canvas)) canvas.before(box);
  else (question.querySelector('.error') ?? question.lastElementChild)?.before(box);
  box.append(said, picture, canvas, element('div', { class: 'buttons' }, clear, again));

  /** @type {SignaturePad | null} */
  let pad = null;
  let shown = '';
  let locked = false;
  let drawing = false;
  let pending = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let resting;
  /** @type {Promise<void> | null} */
  let capturing = null;

  async function ready() {
    if (pad || locked) return;
    const { default: Pad } = await import('signature_pad');
    if (pad) return;
    pad = new Pad(canvas, { penColor: '#000', minWidth: 1.2, maxWidth: 3.2 });
    pad.addEventListener('beginStroke', () => {
      drawing = true;
      pending = true;
      clearTimeout(resting);
    });
    pad.addEventListener('endStroke', () => {
      drawing = false;
      paint();
      resting = setTimeout(() => void capture(), REST_MS);
    });
    fit();
  }

  /** The canvas in the screen's own pixels; the strokes already drawn are drawn again. */
  function fit() {
    if (!pad || canvas.offsetWidth === 0 || drawing) return;
    const ratio = Math.max(1, Math.min(2, window.devicePixelRatio || 1));
    if (canvas.width === Math.round(canvas.offsetWidth * ratio)) return;
    const strokes = pad.toData();
    canvas.width = Math.round(canvas.offsetWidth * ratio);
    canvas.height = Math.round(canvas.offsetHeight * ratio);
    canvas.getContext('2d')?.scale(ratio, ratio);
    pad.fromData(strokes);
  }
  const sizes = new ResizeObserver(fit);
  sizes.observe(canvas);

  function capture() {
    clearTimeout(resting);
    capturing ??= (async () => {
      while (pending && pad && !pad.isEmpty()) {
        pending = false;
        const blob = await smallDrawing(canvas, { side: SIDE, bytes: BYTES });
        shown = await host.keep(blob, 'png');
        host.set(shown);
      }
    })().finally(() => {
      capturing = null;
    });
    return capturing;
  }

  function wipe() {
    clearTimeout(resting);
    pending = false;
    pad?.clear();
    shown = '';
    host.set('');
    paint();
  }

  /** A kept signature from before is a picture; one drawn just now stays on its canvas. */
  function paint() {
    const drawnHere = pad !== null && !pad.isEmpty();
    const old = shown !== '' && !drawnHere;
    picture.hidden = !old;
    canvas.hidden = old || locked;
    clear.hidden = !drawnHere;
    again.hidden = !old || locked;
    said.hidden = old || drawnHere;
    if (!canvas.hidden) void ready();
  }

  return {
    show(value) {
      if (pending || drawing || capturing) return;
      if (value !== shown) {
        shown = value;
        pad?.clear();
        if (picture.src) URL.revokeObjectURL(picture.src);
        picture.removeAttribute('src');
        if (value !== '') {
          void host.open(value).then((blob) => {
            if (blob && shown === value) picture.src = URL.createObjectURL(blob);
          });
        }
      }
      paint();
    },
    lock(readonly) {
      locked = readonly;
      if (readonly) pad?.off();
      clear.disabled = readonly;
      paint();
    },
    flush: async () => {
      if (pending || capturing) await capture();
    },
    destroy() {
      clearTimeout(resting);
      sizes.disconnect();
      pad?.off();
      if (picture.src) URL.revokeObjectURL(picture.src);
    },
  };
}
