// Every Chinese text of the phone app has an English one, with the same blanks to fill in.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { catalogueOf } from '../../static/catalogue.js';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
const english = catalogueOf(readFileSync(join(ROOT, 'app/translations/en/LC_MESSAGES/phone.po'), 'utf8'));
const HAN = /\p{Script=Han}/u;

/** Not words to a person: tables, what words are recognised by, the name of a language, both languages at once. */
const NO_TEXTS = new Set(['js/core/pinyin-table.js', 'js/core/sounds-table.js', 'js/core/alike.js', 'js/core/dates.js', 'js/core/search.js', 'js/core-cli.js', 'js/preview.js']);
const NOT_TRANSLATED = new Set(['中文', 'English / 中文']);

/** The string literals of a module that hold Chinese, comments left out. @param {string} source */
function textsIn(source) {
  const tokens = source.matchAll(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"|`(?:[^`\\]|\\.)*`|\/(?![*/\s])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*(?=[\s.,;)\]])/g);
  return [...tokens].map(([, single, double]) => single ?? double ?? '').filter((text) => HAN.test(text)).map((text) => text.replace(/\\(.)/g, '$1'));
}

const sources = readdirSync(join(ROOT, 'static/js'), { recursive: true }).filter((path) => path.endsWith('.js'))
  .map((path) => `js/${path}`).filter((path) => !NO_TEXTS.has(path));
const texts = sources.flatMap((path) => textsIn(readFileSync(join(ROOT, 'static', path), 'utf8')).map((text) => ({ path, text })));

test('every Chinese text of the phone app has an English one', () => {
  assert.ok(texts.length > 300, `${texts.length} texts found`);
  const missing = texts.filter(({ text }) => !english[text] && !NOT_TRANSLATED.has(text));
  assert.deepEqual(missing.map(({ path, text }) => `${path}: ${text}`), []);
});

test('blanks are the same in both', () => {
  const blanks = (text) => [...text.matchAll(/\{\w+\}/g)].map(([blank]) => blank).sort().join();
  for (const { text } of texts) if (english[text]) assert.equal(blanks(english[text]), blanks(text), text);
});
