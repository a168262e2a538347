/** A photo from the camera or the album: scaled down here, shown, removable. */

import { button, element } from './dom.js';
import { smallPhoto } from './images.js';

/** @typedef {import('./index.js').Host} Host */
/** @typedef {import('./index.js').Widget} Widget */

const BYTES = 300 * 1024;
const SIDE = 1600;

/** @param {HTMLElement} question @param {Host} host @returns {Widget} */
export function photoWidget(question, host) {
  const input = /** @type {HTMLInputElement} */ (
    question.querySelector('input[type=file]') ?? element('input', { type: 'file', accept: 'image/*', name: host.node.path })
  );
  input.hidden = true;
  const picture = /** @type {HTMLImageElement} */ (element('img', { class: 'photo-shown', alt: host.t('已拍的照片') }));
  const said = element('p', { class: 'photo-said', role: 'status' });
  const shoot = button(host.t('拍照'), () => ask(true), { class: 'photo-shoot' });
  const pick = button(host.t('从相册选'), () => ask(false), { class: 'photo-pick' });
  const remove = button(host.t('删除照片'), () => host.set(''), { class: 'photo-remove' });
  const box = element('div', { class: 'photo' }, picture, said, element('div', { class: 'buttons' }, shoot, pick, remove));
  if (input.isConnected || question.contains(input)) input.before(box);
  else question.append(box);
  box.append(input);
  let shown = '';

  /** The camera may kill this page: everything is on disk before it opens. @param {boolean} camera */
  async function ask(camera) {
    await host.beforeCamera();
    input.toggleAttribute('capture', camera);
    if (camera) input.setAttribute('capture', 'environment');
    input.value = '';
    input.click();
  }

  input.addEventListener('change', async (event) => {
    event.stopPropagation();
    const file = input.files?.[0];
    if (!file) return;
    said.textContent = host.t('正在处理照片…');
    try {
      const side = Math.min(SIDE, Number(host.node.parameters?.['max-pixels']) || SIDE);
      host.set(await host.keep(await smallPhoto(file, { side, bytes: BYTES }), 'jpg'));
      said.textContent = '';
    } catch {
      said.textContent = host.t('这张照片读不出来,没有保存。请重拍一张。');
    }
  });

  function forget() {
    if (picture.src) URL.revokeObjectURL(picture.src);
    picture.removeAttribute('src');
  }

  return {
    show(value) {
      if (value !== shown) {
        shown = value;
        forget();
        if (value !== '') {
          void host.open(value).then((blob) => {
            if (blob && shown === value) picture.src = URL.createObjectURL(blob);
            if (!blob) said.textContent = host.t('照片不在这部手机上。');
          });
        }
      }
      picture.hidden = value === '';
      remove.hidden = value === '';
      shoot.textContent = host.t(value === '' ? '拍照' : '重拍');
    },
    lock(readonly) {
      for (const one of [shoot, pick, remove]) one.disabled = readonly;
    },
    destroy: forget,
  };
}
