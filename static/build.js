/**
 * Builds the phone app into static/dist: hashed names, packed twins, the shell and the worker.
 *
 * manifest.json maps each logical name to its file, which app/pwa.py reads; `precache`,
 * `extras` and `hash` say what the worker keeps.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { catalogueOf } from './catalogue.js';

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, 'dist');
const part = join(here, 'dist.part');
const old = join(here, 'dist.old');
const TARGET = ['chrome90'];
const WASM = join(here, '../node_modules/zxing-wasm/dist/reader/zxing_reader.wasm');
const STYLES = ['base.css', 'app.css', 'form.css'];
/** Modules that are not needed to sign in and fill a form: kept when the page asks, after the first screen. */
const LATER = ['zxing-wasm', 'phone.po', 'core/functions-rare.js'];

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

const built = await build({
  entryPoints: { main: join(here, 'js/main.js') }, plugins: [catalogues],
  bundle: true, splitting: true, format: 'esm', minify: true, target: TARGET, metafile: true,
  outdir: part, entryNames: '[name]-[hash]', chunkNames: '[name]-[hash]', legalComments: 'none', logLevel: 'warning',
});
const { outputs } = built.metafile;

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

/** The file built from the module whose path ends so. @param {string} ending */
const fileOf = (ending) => Object.keys(outputs).find((file) => outputs[file].entryPoint?.endsWith(ending)) ?? '';

/** What a file statically needs. @param {string} file @param {Set<string>} seen @returns {Set<string>} */
function needsOf(file, seen = new Set()) {
  for (const { path, kind } of outputs[file]?.imports ?? []) {
    if (kind !== 'import-statement' || seen.has(path)) continue;
    seen.add(path);
    needsOf(path, seen);
  }
  return seen;
}

const main = fileOf('js/main.js');
const form = fileOf('screens/form.js');
const links = (/** @type {string[]} */ files) => files
  .map((file) => `<link rel="modulepreload" href="${url(basename(file))}">`).join('');
const startsWith = new Set([...needsOf(main)]);
const formNeeds = [form, ...needsOf(form)].filter((file) => file && !startsWith.has(file));

/** @type {Record<string, any>} */
const manifest = {
  'main.js': basename(main),
  'form.js': basename(form),
  'app.css': write('app.css', css.outputFiles[0].contents),
  'zxing.wasm': write('zxing.wasm', readFileSync(WASM)),
};
// The office's preview is a bundle of its own, so that no chunk of the phone's is cut for it.
const preview = await build({
  entryPoints: { preview: join(here, 'js/preview.js') }, plugins: [catalogues], bundle: true, format: 'esm', minify: true,
  target: TARGET, outdir: part, entryNames: '[name]-[hash]', legalComments: 'none', logLevel: 'warning', metafile: true,
});
manifest['preview.js'] = basename(Object.keys(preview.metafile.outputs)[0] ?? '');
const shell = readFileSync(join(here, 'shell.html'), 'utf8')
  .replace('{css}', url(manifest['app.css']))
  .replace('{main}', url(manifest['main.js']))
  .replace('{wasm}', url(manifest['zxing.wasm']))
  // Side by side with main.js, for a round trip is dear in the mountains.
  .replace('<!--preload-->', links([...startsWith, ...formNeeds]));
manifest['shell.html'] = write('shell.html', shell);

const isLater = (/** @type {string} */ file) => Object.keys(outputs[file].inputs)
  .some((input) => LATER.some((name) => input.includes(name)));
const scripts = Object.keys(outputs);
const later = scripts.filter(isLater).map((file) => basename(file));
manifest.precache = [manifest['app.css'], ...scripts.map((file) => basename(file)).filter((name) => !later.includes(name))]
  .sort().map(url);
manifest.extras = [...later, manifest['zxing.wasm']].sort().map(url);

const shellUrl = url(manifest['shell.html']);
manifest.hash = hashOf([shellUrl, ...manifest.precache, ...manifest.extras].join('\n'));
writeFileSync(join(part, 'sw.js'), readFileSync(join(here, 'sw.js'), 'utf8')
  .replace('{version}', manifest.hash)
  .replace('{shell}', shellUrl)
  .replace("['{core}']", JSON.stringify(manifest.precache))
  .replace("['{extras}']", JSON.stringify(manifest.extras)));
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
const first = [manifest['shell.html'], manifest['app.css'], manifest['main.js'], ...[...startsWith, ...formNeeds].map((f) => basename(f))];
console.log(`static/dist ${manifest.hash}: app and form ${(first.reduce((sum, name) => sum + size(name), 0) / 1024).toFixed(1)} KB br, `
  + `${first.length} files; later ${(manifest.extras.reduce((/** @type {number} */ sum, /** @type {string} */ path) => sum + size(basename(path)), 0) / 1024).toFixed(0)} KB`);
