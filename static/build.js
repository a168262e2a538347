/**
 * Builds the phone app into static/dist: hashed names, packed twins, the shell and the worker.
 *
 * `--sizes` tells which modules the first file is made of. manifest.json maps each logical name to its file, which app/pwa.py reads; `precache`,
 * `extras` and `hash` say what the worker keeps.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { bundle } from './bundle.js';
import { catalogueOf } from './catalogue.js';

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, 'dist');
const part = join(here, 'dist.part');
const old = join(here, 'dist.old');
const TARGET = ['chrome90'];
const WASM = join(here, '../node_modules/zxing-wasm/dist/reader/zxing_reader.wasm');
const STYLES = ['base.css', 'app.css', 'form.css'];
/** Modules that are not needed to sign in and fill a form: kept when the page asks, after the first screen. */
const EXTRAS = ['zxing-wasm', 'phone.po', 'core/functions-rare.js', 'core/sounds-table.js'];

/** gettext catalogues become modules, so that a language is a chunk of its own. @type {import('esbuild').Plugin} */
const catalogues = {
  name: 'catalogues',
  setup({ onLoad }) {
    onLoad({ filter: /\.po$/ }, ({ path }) => ({
      contents: JSON.stringify(catalogueOf(readFileSync(path, 'utf8'))), loader: 'json',
    }));
  },
};

/** @param {string | Uint8Array} bytes */
const hashOf = (bytes) => createHash('sha256').update(bytes).digest('hex').slice(0, 10);
/** @param {string} name */
const url = (name) => `/static/dist/${name}`;

rmSync(part, { recursive: true, force: true });
mkdirSync(part, { recursive: true });

const { main, later: laterFiles, sizes } = await bundle({
  root: join(here, '..'), main: join(here, 'js/main.js'), outdir: part,
  options: {
    plugins: [catalogues], format: 'esm', minify: true, target: TARGET,
    entryNames: '[name]-[hash]', chunkNames: '[name]-[hash]', legalComments: 'none', logLevel: 'warning',
  },
});

/** @param {string} name @param {string | Uint8Array} bytes @returns {string} the hashed name it was written under */
function write(name, bytes) {
  const [, stem, ending] = /** @type {RegExpExecArray} */ (/^(.*)(\.\w+)$/.exec(name));
  const hashed = `${stem}-${hashOf(bytes)}${ending}`;
  writeFileSync(join(part, hashed), bytes);
  return hashed;
}

const css = await build({
  stdin: {
    contents: STYLES.map((name) => join(here, 'css', name)).filter(existsSync)
      .map((path) => readFileSync(path, 'utf8')).join('\n'),
    loader: 'css', resolveDir: here,
  },
  minify: true, target: TARGET, write: false, logLevel: 'warning',
});

/** @type {Record<string, any>} */
const manifest = {
  'main.js': main,
  'app.css': write('app.css', css.outputFiles[0].contents),
  'zxing.wasm': write('zxing.wasm', readFileSync(WASM)),
};
// The office's preview is a bundle of its own, so that no chunk of the phone's is cut for it.
const preview = await build({
  entryPoints: { preview: join(here, 'js/preview.js') }, plugins: [catalogues], bundle: true, format: 'esm', minify: true,
  target: TARGET, outdir: part, entryNames: '[name]-[hash]', legalComments: 'none', logLevel: 'warning', metafile: true,
});
manifest['preview.js'] = basename(Object.keys(preview.metafile.outputs)[0] ?? '');
// Ahead of the first file, for a first visit.
const early = await build({
  entryPoints: { early: join(here, 'js/early.js') }, bundle: true, format: 'iife', minify: true,
  target: TARGET, outdir: part, entryNames: '[name]-[hash]', legalComments: 'none', logLevel: 'warning', metafile: true,
});
manifest['early.js'] = basename(Object.keys(early.metafile.outputs)[0] ?? '');
const shell = readFileSync(join(here, 'shell.html'), 'utf8')
  .replace('{css}', url(manifest['app.css']))
  .replace('{main}', url(manifest['main.js']))
  .replace('{wasm}', url(manifest['zxing.wasm']));
manifest['shell.html'] = write('shell.html', shell);

const isExtra = (/** @type {string[]} */ modules) => modules.some((path) => EXTRAS.some((name) => path.includes(name)));
const extras = [...laterFiles].filter(([, modules]) => isExtra(modules)).map(([file]) => file);
const core = [...laterFiles.keys()].filter((file) => !extras.includes(file));
manifest.precache = [manifest['app.css'], main, ...core].sort().map(url);
manifest.extras = [...extras, manifest['zxing.wasm']].sort().map(url);

const shellUrl = url(manifest['shell.html']);
const digests = Object.fromEntries([shellUrl, ...manifest.precache, ...manifest.extras].map((/** @type {string} */ path) =>
  [path, `sha256-${createHash('sha256').update(readFileSync(join(part, basename(path)))).digest('base64')}`]));
manifest.hash = hashOf([shellUrl, ...manifest.precache, ...manifest.extras].join('\n'));
writeFileSync(join(part, 'sw.js'), readFileSync(join(here, 'sw.js'), 'utf8')
  .replace('{version}', manifest.hash)
  .replace('{shell}', shellUrl)
  .replace("['{core}']", JSON.stringify(manifest.precache))
  .replace("['{extras}']", JSON.stringify(manifest.extras))
  .replace('{digests}', JSON.stringify(digests)));
manifest['sw.js'] = 'sw.js';

for (const name of readdirSync(part)) {
  const bytes = readFileSync(join(part, name));
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  writeFileSync(join(part, `${name}.br`), brotliCompressSync(bytes, { params }));
  writeFileSync(join(part, `${name}.gz`), gzipSync(bytes, { level: 9 }));
}
writeFileSync(join(part, 'manifest.json'), JSON.stringify(manifest, null, 1));

// The old build goes only when the new one is whole.
rmSync(old, { recursive: true, force: true });
if (existsSync(out)) renameSync(out, old);
renameSync(part, out);
rmSync(old, { recursive: true, force: true });

const size = (/** @type {string} */ name) => readFileSync(join(out, `${name}.br`)).length;
const first = [manifest['shell.html'], manifest['app.css'], main];
console.log(`static/dist ${manifest.hash}: app and form ${(first.reduce((sum, name) => sum + size(name), 0) / 1024).toFixed(1)} KB br, `
  + `${first.length} files, then ${core.length} more; extras ${(manifest.extras.reduce((/** @type {number} */ sum, /** @type {string} */ path) => sum + size(basename(path)), 0) / 1024).toFixed(0)} KB`);
if (process.argv.includes('--sizes')) for (const [path, bytes] of sizes) console.log(`${String(bytes).padStart(7)}  ${path}`);
