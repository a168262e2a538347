/** Reads gettext catalogues (.po) for the phone: source text → translation. */

/**
 * Source text → translated text; what is not translated is left out, so the source shows.
 * @param {string} po
 * @returns {Record<string, string>}
 */
export function catalogueOf(po) {
  /** @type {Record<string, string>} */
  const catalogue = {};
  for (const entry of po.split(/\n\s*\n/)) {
    if (/^#,.*fuzzy/m.test(entry)) continue;
    const source = textAfter(entry, 'msgid');
    const translated = textAfter(entry, 'msgstr');
    if (source && translated) catalogue[source] = translated;
  }
  return catalogue;
}

/** @param {string} entry @param {'msgid' | 'msgstr'} word */
function textAfter(entry, word) {
  const match = new RegExp(`^${word}((?:\\s*"(?:[^"\\\\]|\\\\.)*")+)`, 'm').exec(entry);
  return match ? [...match[1].matchAll(/"(?:[^"\\]|\\.)*"/g)].map(([quoted]) => JSON.parse(quoted)).join('') : '';
}
