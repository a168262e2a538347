/**
 * A form's cached page as text.
 * 1. The definition is read whatever stands in it, and a page without one is told.
 * 2. Pages know their questions before any of them has nodes.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { definitionIn, pagesIn } from '../../static/js/screens/form-pages.js';

const html = `<form class="form" novalidate data-form-id="small" data-version="1" data-hash="abc">
<section class="page" data-path="/data/a" data-name="a"><h2>甲 &lt;section class=&#34;page&#34; data-path=&#34;/data/x&#34;</h2>
<div class="question" data-path="/data/a/one" data-type="text"></div>
<div class="repeat" data-path="/data/a/m" data-name="m"><template><fieldset class="instance" data-path="/data/a/m" data-name="m">
<div class="question" data-path="/data/a/m/age" data-type="text"></div></fieldset></template></div></section>
<section class="page" data-path="/data/b" data-name="b">
<div class="question" data-path="/data/b/two" data-type="text"></div></section>
</form>
<script type="application/json" id="definition">{"title":"\\u003c/script\\u003e \\u003csection class=\\"page\\" data-path=\\"/no\\""}</script>`;

test('the definition is what the server wrote, tags and all', () => {
  assert.equal(/** @type {any} */ (definitionIn(html)).title, '</script> <section class="page" data-path="/no"');
  assert.throws(() => definitionIn('<p>portal</p>'), /without definition/);
});

test('pages and their paths, in order', () => {
  const { hash, pages } = pagesIn(html);
  assert.equal(hash, 'abc');
  assert.deepEqual(pages.map((page) => page.path), ['/data/a', '/data/b']);
  assert.deepEqual([.../** @type {any} */ (pages[0]).paths], ['/data/a', '/data/a/one', '/data/a/m', '/data/a/m/age']);
  assert.deepEqual([.../** @type {any} */ (pages[1]).paths], ['/data/b', '/data/b/two']);
  assert.ok(pages.every((page) => page.section === null && page.html.startsWith('<section') && !page.html.includes('definition')));
  assert.throws(() => pagesIn('<p>portal</p>'), /without form/);
});
