/** Pictures, sounds and films that belong to questions and choices: shown from the form's files, in the language of now. */

import { fileIn } from '../form-bind.js';
import { button, element } from './dom.js';

/** @typedef {import('../form-bind.js').Screen} Screen */
/** @typedef {import('../form-types.d.ts').DefinitionNode} DefinitionNode */

/** @param {HTMLElement} part @param {DefinitionNode} node @param {Screen} screen */
export async function showFiles(part, node, screen) {
  const other = screen.model.definition.default_language;
  for (const kind of ['image', 'audio', 'video']) {
    const own = part.querySelector(kind === 'image' ? '.media > img' : `.media > ${kind}`);
    const name = fileIn(node.media?.[kind], screen.lang(), other);
    if (own && name) own.setAttribute('data-file', name);
  }
  for (const one of /** @type {NodeListOf<HTMLImageElement | HTMLMediaElement>} */ (part.querySelectorAll('[data-file]'))) {
    const name = one.dataset.file ?? '';
    if (one.dataset.shown === name) continue;
    one.dataset.shown = name;
    one.addEventListener('error', () => missing(one, name, screen), { once: true });
    one.src = (await screen.formFile?.(name)) ?? '';
    if (one.hasAttribute('data-autoplay')) void /** @type {HTMLMediaElement} */ (one).play().catch(() => {});
    if (one.dataset.big && !one.dataset.bound) {
      one.dataset.bound = '1';
      const big = fileIn(node.media?.['big-image'], screen.lang(), other);
      one.after(button(screen.t('看大图'), () => void enlarge(big, screen), { class: 'media-big' }));
    }
  }
}

/** @param {HTMLElement} one @param {string} name @param {Screen} screen */
function missing(one, name, screen) {
  one.hidden = true;
  one.after(element('small', { class: 'media-missing' }, screen.t('{name} 要联网才能看', { name })));
}

/** @param {string} name @param {Screen} screen */
async function enlarge(name, screen) {
  const before = /** @type {HTMLElement | null} */ (document.activeElement);
  const close = () => {
    sheet.remove();
    before?.focus();
  };
  const shut = button(screen.t('关闭'), close, { class: 'media-close' });
  const sheet = element('div', { class: 'media-sheet', role: 'dialog', 'aria-modal': 'true', 'aria-label': screen.t('大图') },
    element('img', { src: (await screen.formFile?.(name)) ?? '', alt: '' }), shut);
  sheet.addEventListener('keydown', (event) => event.key === 'Escape' && close());
  document.body.append(sheet);
  shut.focus();
}
