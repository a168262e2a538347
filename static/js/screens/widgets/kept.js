/** What the widgets that make files share: their place in the question, and storing what they made. */

import { button, element } from './dom.js';

/** @typedef {import('./index.js').Host} Host */
/** @typedef {import('../form-files.js').About} About */

/** A question's own place for controls, below its words. @param {HTMLElement} question @param {...(Node | string)} children */
export function placed(question, ...children) {
  const box = element('div', { class: 'media' }, ...children);
  const below = question.querySelector('.carried, .error');
  if (below) below.before(box);
  else question.append(box);
  const label = question.querySelector('.label');
  if (label) {
    label.id ||= `label-${question.dataset.path?.replaceAll('/', '-')}-${Math.random().toString(36).slice(2, 8)}`;
    box.setAttribute('role', 'group');
    box.setAttribute('aria-labelledby', label.id);
  }
  return box;
}

/** Bytes as a person reads them. @param {number} bytes */
export const sizeText = (bytes) => (bytes < 1024 * 1024 ? `${Math.max(1, Math.round(bytes / 1024))} KB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`);

/** Minutes and seconds. @param {number} seconds */
export const timeText = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;

/**
 * Stores files and answers their names. What the phone refuses stays in the hand: the place says "not saved" and
 * why, with a way to try again; the other answers are not touched.
 * @param {Host} host @param {HTMLElement} said where messages stand
 * @param {(name: string) => void} [kept] told just before the answer is given
 */
export function keeper(host, said, kept = () => {}) {
  /** @type {{blob: Blob, extension: string, about: About} | null} */
  let waiting = null;
  /** @type {Promise<boolean> | null} */
  let working = null;

  /** @param {Blob} blob @param {string} extension @param {About} [about] @returns {Promise<boolean>} whether it is on disk */
  function keep(blob, extension, about = {}) {
    waiting = { blob, extension, about };
    return retry();
  }

  function retry() {
    working ??= (async () => {
      while (waiting) {
        const now = waiting;
        try {
          const name = await host.files.keep(now.blob, now.extension, now.about);
          if (waiting !== now) continue;
          waiting = null;
          said.replaceChildren();
          said.classList.remove('unsaved');
          kept(name);
          host.set(name);
        } catch (error) {
          complain(/** @type {Error} */ (error));
          return false;
        }
      }
      return true;
    })().finally(() => {
      working = null;
    });
    return working;
  }

  /** @param {Error} error */
  function complain(error) {
    said.classList.add('unsaved');
    said.replaceChildren(
      element('b', { role: 'alert' }, host.t('没有保存!')), ' ', host.t(error.message), ' ', host.t('其他答案都还在。'),
      element('span', { class: 'buttons' },
        button(host.t('重试保存'), () => void retry(), { class: 'kept-retry' }),
        button(host.t('不要这个了'), drop, { class: 'kept-drop' })));
  }

  function drop() {
    waiting = null;
    said.classList.remove('unsaved');
    said.replaceChildren();
  }

  return {
    keep,
    drop,
    /** nothing in the hand (true), or something that could not be kept (false) */
    settled: () => (waiting || working ? retry() : Promise.resolve(true)),
    busy: () => waiting !== null,
  };
}

/**
 * A removal that one tap takes back: the file stays on the phone meanwhile.
 * @param {Host} host @param {HTMLElement} said @param {string} name the answer removed @param {string} words
 */
export function removed(host, said, name, words) {
  host.set('');
  said.replaceChildren(words, ' ', button(host.t('撤销'), () => {
    said.replaceChildren();
    host.set(name);
  }, { class: 'kept-undo' }));
}
