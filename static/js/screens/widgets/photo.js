/** A photo from the camera or the album: scaled down here, shown, retaken, removed and taken back. */

import { camera } from './camera.js';
import { button, element } from './dom.js';
import { photoLimits, smallPhoto } from './images.js';
import { keeper, placed, removed, sizeText } from './kept.js';

/** @typedef {import('./index.js').Host} Host */
/** @typedef {import('./index.js').Widget} Widget */

/** @param {HTMLElement} question @param {Host} host @returns {Widget} */
export function photoWidget(question, host) {
  const { t } = host;
  const picture = /** @type {HTMLImageElement} */ (element('img', { class: 'photo-shown', alt: t('已拍的照片'), hidden: true }));
  const facts = element('small', { class: 'media-facts' });
  const said = element('div', { class: 'media-said', role: 'status' });
  const kept = keeper(host, said);
  const { input, shoot, pick } = camera(host, (file) => void take(file));
  const remove = button(t('删除照片'), () => removed(host, said, shown, t('照片已删除。')), { class: 'photo-remove' });
  placed(question, picture, facts, said, element('div', { class: 'buttons' }, shoot, ...(pick ? [pick] : []), remove), input);
  let shown = '';
  /** @type {Promise<boolean> | null} */
  let working = null;

  /** @param {File} file */
  function take(file) {
    said.textContent = t('正在处理照片…');
    working = smallPhoto(file, photoLimits(host.node.parameters)).then((small) => kept.keep(small, 'jpg'), () => {
      said.replaceChildren(element('span', { role: 'alert' }, t('这张照片读不出来,没有保存。请重拍一张。')));
      return true;
    }).finally(() => {
      working = null;
    });
    return working;
  }

  function forget() {
    if (picture.src) URL.revokeObjectURL(picture.src);
    picture.removeAttribute('src');
    facts.textContent = '';
  }

  return {
    show(value) {
      if (value !== shown) {
        shown = value;
        forget();
        if (value !== '') {
          void host.files.open(value).then((found) => {
            if (shown !== value) return;
            if (!found) {
              picture.hidden = true;
              said.textContent = t('照片不在这部手机上。');
              return;
            }
            picture.src = URL.createObjectURL(found.blob);
            facts.textContent = sizeText(found.blob.size);
          });
        }
      }
      picture.hidden = value === '';
      remove.hidden = value === '';
      shoot.textContent = t(value === '' ? '拍照' : '重拍');
    },
    lock(readonly) {
      for (const one of [shoot, pick, remove]) if (one) one.disabled = readonly;
    },
    flush: async () => {
      await working;
      return kept.settled();
    },
    destroy: forget,
  };
}
