/**
 * Builds the phone app into static/dist: hashed names, packed twins, the shell and the worker.
 * manifest.json maps each logical name to its file; app/pwa.py reads it.
 */
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, 'dist');
const part = join(here, 'dist.part');
rmSync(part, { recursive: true, force: true });
mkdirSync(part, { recursive: true });

/** @param {string | Uint8Array} bytes */
const hashOf = (bytes) => createHash('sha256').update(bytes).digest('hex').slice(0, 10);

const built = await build({
  entryPoints: { main: join(here, 'js/main.js') },
  bundle: true, splitting: true, format: 'esm', minify: true, target: ['chrome90'], metafile: true,
  outdir: part, entryNames: '[name]-[hash]', chunkNames: '[name]-[hash]', legalComments: 'none', logLevel: 'warning',
});
const styles = ['base.css', 'app.css', 'form.css'].map((name) => join(here, 'css', name)).filter(existsSync);
const css = await build({
  stdin: { contents: styles.map((path) => readFileSync(path, 'utf8')).join('\n'), loader: 'css', resolveDir: here },
  minify: true, target: ['chrome90'], write: false, logLevel: 'warning',
});
const sheet = css.outputFiles[0].contents;
/** @type {Record<string, string>} */
const manifest = { 'app.css': `app-${hashOf(sheet)}.css` };
writeFileSync(join(part, manifest['app.css']), sheet);

for (const [file, made] of Object.entries(built.metafile.outputs)) {
  if (made.entryPoint?.endsWith('js/main.js')) manifest['main.js'] = basename(file);
}
const wasm = readFileSync(join(here, '../node_modules/zxing-wasm/dist/reader/zxing_reader.wasm'));
manifest['zxing.wasm'] = `zxing-${hashOf(wasm)}.wasm`;
writeFileSync(join(part, manifest['zxing.wasm']), wasm);

/** What main.js statically needs: loaded side by side with it, for a round trip is dear. */
const preload = new Set();
/** @param {string} file */
function follow(file) {
  for (const { path, kind } of built.metafile.outputs[file]?.imports ?? []) {
    if (kind !== 'import-statement' || preload.has(basename(path))) continue;
    preload.add(basename(path));
    follow(path);
  }
}
const main = Object.keys(built.metafile.outputs).find((file) => basename(file) === manifest['main.js']) ?? '';
follow(main);

const shell = readFileSync(join(here, 'shell.html'), 'utf8')
  .replace('{css}', `/static/dist/${manifest['app.css']}`)
  .replace('{main}', `/static/dist/${manifest['main.js']}`)
  .replace('{wasm}', `/static/dist/${manifest['zxing.wasm']}`)
  .replace('<!--preload-->', [...preload].map((name) => `<link rel="modulepreload" href="/static/dist/${name}">`).join(''));
writeFileSync(join(part, 'shell.html'), shell);
manifest['shell.html'] = 'shell.html';

const assets = readdirSync(part).filter((name) => name !== 'shell.html').sort().map((name) => `/static/dist/${name}`);
const version = hashOf(assets.join('\n') + shell);
const worker = readFileSync(join(here, 'sw.js'), 'utf8')
  .replace("'{version}'", JSON.stringify(version))
  .replace("['{assets}']", JSON.stringify(assets));
writeFileSync(join(part, 'sw.js'), worker);
manifest['sw.js'] = 'sw.js';

for (const name of readdirSync(part)) {
  const bytes = readFileSync(join(part, name));
  if (bytes.length < 200) continue;
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  writeFileSync(join(part, `${name}.br`), brotliCompressSync(bytes, { params }));
  writeFileSync(join(part, `${name}.gz`), gzipSync(bytes, { level: 9 }));
}
writeFileSync(join(part, 'manifest.json'), JSON.stringify(manifest, null, 1));
// The old build goes only when the new one is whole.
rmSync(out, { recursive: true, force: true });
cpSync(part, out, { recursive: true });
rmSync(part, { recursive: true, force: true });
