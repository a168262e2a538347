/** Asking for a picture: the camera or the album, by the phone's own chooser. */

import { button, element } from './dom.js';

/** @typedef {import('./index.js').Host} Host */

/** Names for the camera on the screen's side. */
export const FRONT = new Set(['new-front', 'front', 'selfie']);

/**
 * @param {Host} host @param {(file: File) => void} taken
 * @returns {{input: HTMLInputElement, shoot: HTMLButtonElement, pick: HTMLButtonElement | null}}
 */
export function camera(host, taken) {
  const looks = host.node.appearance ?? [];
  const front = looks.some((look) => FRONT.has(look));
  const input = /** @type {HTMLInputElement} */ (element('input', { type: 'file', accept: 'image/*', hidden: true }));
  const shoot = button(host.t('拍照'), () => void ask(true), { class: 'photo-shoot' });
  // "new" asks for a picture of today, not one from the album.
  const pick = front || looks.includes('new') || looks.includes('new-rear') ? null : button(host.t('从相册选'), () => void ask(false), { class: 'photo-pick' });

  /** The camera may kill this page: everything is on disk before it opens. @param {boolean} shooting */
  async function ask(shooting) {
    await host.beforeCamera();
    if (shooting) input.setAttribute('capture', front ? 'user' : 'environment');
    else input.removeAttribute('capture');
    input.value = '';
    input.click();
  }

  input.addEventListener('change', (event) => {
    event.stopPropagation();
    const file = input.files?.[0];
    if (file) taken(file);
  });
  return { input, shoot, pick };
}
