/** A label or hint on the page: only its values change while a form is filled; in another language it is built anew. */

import { element } from './dom.js';

/** @typedef {import('../../core/markup.js').Piece} Piece */
/** @typedef {(string | {value: string})[]} Parts */

/** What may be more than plain words, and is worth loading the parser for. */
const MARKED = /[*_#\\[<\n]|^ *(-|\d+\.) /;

/**
 * @param {Element} holder @param {Parts} parts @param {boolean} [anew] whether the words themselves are others
 */
export function paintText(holder, parts, anew = true) {
  const values = parts.flatMap((part) => (typeof part === 'string' ? [] : [part.value]));
  const places = holder.querySelectorAll('output');
  if (!anew && places.length === values.length && values.length) {
    places.forEach((place, i) => {
      if (place.textContent !== values[i]) place.textContent = values[i] ?? '';
    });
    return;
  }
  const text = parts.map((part) => (typeof part === 'string' ? part : part.value)).join('');
  const signature = JSON.stringify(parts);
  const kept = /** @type {HTMLElement} */ (holder);
  if (kept.dataset.painted === signature || (kept.dataset.painted === undefined && !anew && holder.textContent === text)) return;
  kept.dataset.painted = signature;
  if (!parts.some((part) => typeof part === 'string' && MARKED.test(part))) {
    holder.replaceChildren(...parts.map((part) => (typeof part === 'string' ? part : element('output', {}, part.value))));
    return;
  }
  void import('../../core/markup.js').then(({ pieces }) => {
    if (kept.dataset.painted === signature) holder.replaceChildren(...nodes(pieces(parts), values));
  });
}

/** @param {Piece[]} found @param {string[]} values @returns {(Node | string)[]} */
const nodes = (found, values) => found.map((piece) => {
  if (typeof piece === 'string') return piece;
  if (typeof piece === 'number') return element('output', {}, values[piece] ?? '');
  const [tag, what, inside] = piece;
  const attributes = tag === 'a' ? { href: what, target: '_blank', rel: 'noopener noreferrer' } : what ? { class: what } : {};
  return element(tag, /** @type {any} */ (attributes), ...nodes(inside, values));
});

/** A text without marks, for places that show only words. @param {string} text */
export const bare = (text) => (MARKED.test(text) ? text.replace(/<[^<>]*>|\*\*|__|^#+ /g, '') : text);
