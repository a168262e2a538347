/**
 * A form's cached page as text. The definition is read at once; the questions stay text until their
 * page is shown, so that a form of five hundred questions opens at the price of its first page.
 */

/** @typedef {import('./form-types.d.ts').Definition} Definition */
/** @typedef {import('./form-types.d.ts').Page} Page */
/** @typedef {import('./form-bind.js').Binder} Binder */
/** @typedef {Page & {html: string, section: HTMLElement | null, binder: Binder | null, seen: boolean}} LivePage */

const DEFINITION = '<script type="application/json" id="definition">';
const FORM = /<form class="form"[^>]*>/;
const SECTION = /<section class="page" data-path="([^"]*)"/g;
const PATH = / data-path="([^"]*)"/g;

/** @param {string} html @returns {Definition} */
export function definitionIn(html) {
  const start = html.indexOf(DEFINITION);
  if (start < 0) throw new Error('form page without definition');
  // No author's text can hold the closing tag: the server escapes every "<" of the definition.
  return JSON.parse(html.slice(start + DEFINITION.length, html.indexOf('</script>', start)));
}

/** @param {string} html @returns {{hash: string, pages: LivePage[]}} */
export function pagesIn(html) {
  const open = FORM.exec(html)?.[0];
  const text = html.slice(0, html.indexOf('</form>'));
  const found = [...text.matchAll(SECTION)];
  if (!open || !found.length) throw new Error('form page without form');
  const pages = found.map((one, i) => {
    const part = text.slice(one.index, found[i + 1]?.index ?? text.length);
    const paths = new Set([...part.matchAll(PATH)].map((each) => /** @type {string} */ (each[1])));
    return { path: /** @type {string} */ (one[1]), html: part, paths, section: null, binder: null, seen: false };
  });
  return { hash: /data-hash="([^"]*)"/.exec(open)?.[1] ?? '', pages };
}

/** Pages read before they were asked for. @type {WeakMap<object, ReturnType<typeof readPage>>} */
const read = new WeakMap();

/** @param {{html: string}} page */
const readPage = ({ html }) => ({ definition: definitionIn(html), ...pagesIn(html) });

/** Reads a page while something else is waited for. @param {{html: string} | null} page */
export function readAhead(page) {
  if (page) read.set(page, readPage(page));
}

/** What a form's page holds; each time it is asked for, pages that nobody has turned yet. @param {{html: string}} page */
export function partsOf(page) {
  const found = read.get(page) ?? readPage(page);
  read.delete(page);
  return found;
}

/** The page's nodes; nothing in them loads or runs before they are shown. @param {LivePage} page @returns {HTMLElement} */
export function sectionOf(page) {
  const holder = document.createElement('template');
  holder.innerHTML = page.html;
  return document.adoptNode(/** @type {HTMLElement} */ (holder.content.firstElementChild));
}
