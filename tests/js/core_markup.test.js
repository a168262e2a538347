/** Marked text: the same tree as the server's, for the shared vectors; nothing an author writes becomes a tag of its own. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { pieces } from '../../static/js/core/markup.js';

/** @param {string} text */
const escaped = (text) => text.replace(/[&<>"']/g, (one) => (/** @type {any} */ ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;' })[one]));

/** @param {import('../../static/js/core/markup.js').Piece[]} found @param {string[]} values @returns {string} */
const html = (found, values) => found.map((piece) => {
  if (typeof piece === 'string') return escaped(piece);
  if (typeof piece === 'number') return `<output>${escaped(values[piece] ?? '')}</output>`;
  const [tag, what, inside] = piece;
  if (tag === 'br') return '<br>';
  if (tag === 'a') return `<a href="${escaped(what)}" target="_blank" rel="noopener noreferrer">${html(inside, values)}</a>`;
  return `<${tag}${what ? ` class="${what}"` : ''}>${html(inside, values)}</${tag}>`;
}).join('');

test('the shared vectors', () => {
  const vectors = JSON.parse(readFileSync(new URL('../vectors/markup.json', import.meta.url), 'utf8'));
  assert.ok(vectors.length > 20);
  for (const { parts, values = [], html: wanted } of vectors) assert.equal(html(pieces(parts), values), wanted, JSON.stringify(parts));
});

test('hostile texts come to an end', () => {
  for (const text of ['*'.repeat(4999), '<span>'.repeat(800), '[a]('.repeat(1200), '_a'.repeat(2400), '**a'.repeat(1600)]) pieces([text]);
  assert.deepEqual(pieces(['*'.repeat(5001)]), ['*'.repeat(5001)]);
});
