/** A code: read with the camera (QR, EAN and the other usual ones), or typed. */

import { button, element } from './dom.js';
import { watch } from './fields.js';
import { placed } from './kept.js';
import { readCodes } from './reader.js';

/** @typedef {import('./index.js').Host} Host */
/** @typedef {import('./index.js').Widget} Widget */

const FORMATS = ['QRCode', 'EAN13', 'EAN8', 'UPCA', 'UPCE', 'Code128', 'Code39', 'ITF', 'DataMatrix', 'PDF417', 'Aztec'];

/** @param {HTMLElement} question @param {Host} host @returns {Widget} */
export function barcodeWidget(question, host) {
  const { t } = host;
  const looks = host.node.appearance ?? [];
  const field = /** @type {HTMLInputElement} */ (element('input', { type: 'text', autocomplete: 'off', class: 'barcode-typed', placeholder: t('或输入码上的字'), 'aria-label': t('码上的字') }));
  const video = /** @type {HTMLVideoElement} */ (element('video', { playsinline: true, muted: true, class: 'camera', hidden: true, 'aria-label': t('摄像头画面') }));
  const said = element('div', { class: 'media-said', role: 'status' });
  const scan = button(t('扫码'), () => (reading ? close() : void film()), { class: 'barcode-scan' });
  const torch = button(t('手电筒'), light, { hidden: true, 'aria-pressed': 'false' });
  const box = placed(question, video, said, element('div', { class: 'buttons' }, scan, torch), field);
  if (looks.includes('hidden-answer') || looks.includes('hide-input')) field.type = 'password';
  watch(field, host, (text) => text.trim());
  /** @type {ReturnType<typeof readCodes> | null} */
  let reading = null;
  let lit = false;

  async function film() {
    await host.beforeCamera();
    said.textContent = t('对准码,稍等一下…');
    video.hidden = false;
    reading = readCodes(video, {
      formats: FORMATS,
      front: looks.includes('front'),
      torch: (switchable) => {
        torch.hidden = !switchable;
      },
      found: (text) => {
        close();
        said.textContent = t('✓ 已读到');
        navigator.vibrate?.(60);
        field.value = text;
        host.set(text);
        return true;
      },
    });
    scan.textContent = t('停止扫码');
    const state = await reading.opened;
    if (state === 'filming') return;
    close();
    said.textContent = t(state === 'insecure' ? '这个网址不能用摄像头(需要 https)。请在下面输入。' : '没有打开摄像头。请允许使用摄像头,或在下面输入。');
  }

  function close() {
    reading?.stop();
    reading = null;
    lit = false;
    video.hidden = torch.hidden = true;
    said.textContent = '';
    scan.textContent = t('扫码');
  }

  function light() {
    lit = !lit;
    torch.setAttribute('aria-pressed', String(lit));
    void reading?.light(lit);
  }

  return {
    show(value) {
      if (field.value.trim() !== value) field.value = value;
    },
    lock(readonly) {
      field.readOnly = readonly;
      scan.disabled = readonly;
      box.classList.toggle('locked', readonly);
    },
    async flush(stay) {
      if (!stay) close();
    },
    destroy: close,
  };
}
