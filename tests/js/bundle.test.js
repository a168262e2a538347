/**
 * How the phone's modules become files:
 * 1. what main.js statically needs is one file, however many later modules need parts of it
 * 2. a module is one module: state is the same in the first file and in later ones
 * 3. the first file is a plain script that leaves nothing but what later files need in the page
 * 4. a change to the first file alone leaves the later files' names as they were
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { createContext, runInContext } from 'node:vm';
import { bundle } from '../../static/bundle.js';

const root = mkdtempSync(join(tmpdir(), 'ruhu-bundle-'));
after(() => rmSync(root, { recursive: true, force: true }));

/** @param {string} outdir @param {Record<string, string>} sources */
async function made(outdir, sources) {
  for (const [name, text] of Object.entries(sources)) writeFileSync(join(root, name), text);
  return bundle({
    root, main: join(root, 'main.js'), outdir: join(root, outdir),
    options: { format: 'esm', minify: true, entryNames: '[name]-[hash]', chunkNames: '[name]-[hash]', logLevel: 'error' },
  });
}

const SOURCES = {
  'package.json': '{"type": "module"}',
  'count.js': 'let n = 0; export const next = () => (n += 1); export default 7; export const unused = "never wanted";',
  'words.js': 'export const hello = "hello";',
  'both.js': 'export const both = ["both"];',
  'later-a.js': 'import seven, { next } from "./count.js"; import { both } from "./both.js"; export const a = () => [next(), seven, both];',
  'later-b.js': `import { next } from "./count.js"; import { hello } from "./words.js"; import { both } from "./both.js";
    export const b = async () => [next(), hello, both, (await import("./later-a.js")).a];`,
  'main.js': `import { next } from "./count.js"; import { hello } from "./words.js";
    export const result = (async () => { const { a } = await import("./later-a.js"); const { b } = await import("./later-b.js");
      return { first: next(), a: a(), b: await b(), hello }; })(); globalThis.bundled = result;`,
};

test('one first file, one state in all files', async () => {
  const { main, later } = await made('out', SOURCES);
  const files = readdirSync(join(root, 'out'));
  assert.deepEqual(files.filter((name) => /next|hello/.test(name)), []);
  assert.equal(files.filter((name) => name.startsWith('main-')).length, 1);
  assert.equal(files.length, 1 + later.size);
  // later-a, later-b, and what only they share.
  assert.deepEqual([...later.keys()].map((name) => name.replace(/-[^-]*$/, '')).sort(), ['chunk', 'later-a', 'later-b']);
  await import(pathToFileURL(join(root, 'out', main)).href);
  const { first, a, b } = await /** @type {any} */ (globalThis).bundled;
  assert.equal(first, 1);
  assert.deepEqual(a, [2, 7, ['both']]);
  assert.deepEqual(b.slice(0, 2), [3, 'hello']);
  assert.equal(b[2], a[2]);
  assert.deepEqual(b[3](), [4, 7, ['both']]);
});

test('the first file is a plain strict script', async () => {
  const { main } = await made('plain', { ...SOURCES, 'words.js': 'export const hello = (function () { return typeof this; })();' });
  const page = createContext({});
  runInContext(readFileSync(join(root, 'plain', main), 'utf8'), page);
  page.bundled.catch(() => {}); // later files need a browser
  assert.deepEqual(Object.keys(page).sort(), ['bundled', 'ruhuShared']);
  assert.deepEqual({ ...page.ruhuShared['words.js'] }, { hello: 'undefined' });
});

test('later files keep their names when only the first changes', async () => {
  const before = await made('before', SOURCES);
  const changed = await made('changed', { ...SOURCES, 'words.js': 'export const hello = "good evening";' });
  assert.notEqual(changed.main, before.main);
  assert.deepEqual([...changed.later.keys()].sort(), [...before.later.keys()].sort());
});
