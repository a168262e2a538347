/**
 * Bundles the phone's modules so that the first screen is one file, however many modules load later.
 *
 * A round trip is dear in the mountains. esbuild's own splitting puts every module that a later
 * chunk also needs into a chunk between the two, so that each new lazy module would cut the first
 * file into more pieces. Here what main.js statically needs stays in one file, which hands the
 * modules others need to them under a global name; `import('./x.js')` anywhere in the code is all
 * it takes to make x.js load later. A later file does not name the first one, so its own name
 * changes only when its own content does.
 *
 * The first file is a plain script: browsers compile those whole when a worker keeps them, and not
 * modules, so that the next start finds its functions ready.
 */
import { basename, join, relative, resolve } from 'node:path';
import { build } from 'esbuild';

const SHARED = 'globalThis.ruhuShared';
const ENTRY = 'ruhu-entry';

/**
 * @param {{root: string, main: string, outdir: string, options: import('esbuild').BuildOptions}} use
 *   root: the folder paths are told from; main: the module it all starts with
 * @returns {Promise<{main: string, later: Map<string, string[]>, sizes: Map<string, number>}>}
 *   the first file, each later one with the modules in it, and how many bytes of the first each module is
 */
export async function bundle({ root, main, outdir, options }) {
  const common = { ...options, bundle: true, absWorkingDir: root, outdir };
  const plan = await planOf(root, main, common);
  const later = await build({
    ...common, metafile: true, entryPoints: plan.later, splitting: true,
    plugins: [...(options.plugins ?? []), sharedModules(root, plan.shared)],
  });
  /** Source module → the later file it became. @type {Map<string, string>} */
  const files = new Map();
  /** @type {Map<string, string[]>} */
  const contents = new Map();
  for (const [file, { entryPoint, inputs }] of Object.entries(later.metafile.outputs)) {
    if (entryPoint) files.set(resolve(root, entryPoint), basename(file));
    contents.set(basename(file), Object.keys(inputs));
  }
  const first = await build({
    ...common, metafile: true, stdin: { contents: entryOf(root, main, plan.shared), resolveDir: root, sourcefile: `${ENTRY}.js` },
    entryNames: 'main-[hash]', banner: { js: '(()=>{"use strict";' }, footer: { js: '})();' },
    plugins: [...(options.plugins ?? []), laterModules(root, files)],
  });
  const [[file, { inputs }]] = Object.entries(first.metafile.outputs);
  const sizes = Object.entries(inputs).map(([path, { bytesInOutput }]) => /** @type {const} */ ([path, bytesInOutput]));
  return { main: basename(file), later: contents, sizes: new Map(sizes.sort(([, a], [, b]) => b - a)) };
}

/**
 * Which modules load later, and which of the first file's modules those need, with what they export.
 * @param {string} root @param {string} main @param {import('esbuild').BuildOptions} common
 */
async function planOf(root, main, common) {
  const { metafile } = await build({ ...common, entryPoints: [main], splitting: true, write: false, metafile: true });
  const { inputs } = metafile;
  const needsOf = (/** @type {string} */ path, /** @type {Set<string>} */ seen = new Set()) => {
    if (seen.has(path)) return seen;
    seen.add(path);
    for (const { path: next, kind } of inputs[path]?.imports ?? []) if (kind === 'import-statement') needsOf(next, seen);
    return seen;
  };
  const start = relative(root, main);
  const first = needsOf(start);
  /** @type {Set<string>} */
  const later = new Set();
  for (const { imports } of Object.values(inputs)) {
    for (const { path, kind } of imports) if (kind === 'dynamic-import' && inputs[path] && !first.has(path)) later.add(path);
  }
  /** @type {Set<string>} */
  const shared = new Set();
  for (const path of [...later].flatMap((entry) => [...needsOf(entry)])) {
    if (first.has(path)) continue;
    for (const { path: next } of inputs[path].imports) if (first.has(next)) shared.add(next);
  }
  const names = shared.size ? await exportsOf([...shared], common) : new Map();
  return { later: [...later].sort(), shared: names };
}

/** @param {string[]} paths @param {import('esbuild').BuildOptions} common @returns {Promise<Map<string, string[]>>} */
async function exportsOf(paths, common) {
  const { metafile } = await build({ ...common, entryPoints: paths, splitting: false, write: false, metafile: true, entryNames: '[dir]/[name]' });
  const outputs = Object.values(metafile.outputs);
  return new Map(paths.map((path) => [path, outputs.find((one) => one.entryPoint === path)?.exports ?? []]));
}

/** The first module: hands over what later files need, then starts. @param {string} root @param {string} main @param {Map<string, string[]>} shared */
function entryOf(root, main, shared) {
  const paths = [...shared.keys()].sort();
  return [
    ...paths.map((path, i) => `import * as m${i} from ${JSON.stringify(join(root, path))};`),
    `${SHARED} = { ${paths.map((path, i) => `${JSON.stringify(path)}: { ${(shared.get(path) ?? []).map((name) => `${JSON.stringify(name)}: m${i}[${JSON.stringify(name)}]`).join(', ')} }`).join(', ')} };`,
    `import ${JSON.stringify(main)};`,
  ].join('\n');
}

/** In later files: the first file's modules are taken from where it left them. @param {string} root @param {Map<string, string[]>} shared @returns {import('esbuild').Plugin} */
const sharedModules = (root, shared) => ({
  name: 'shared-modules',
  setup({ onLoad, onResolve, resolve: find }) {
    onResolve({ filter: /./ }, async ({ path, kind, importer, resolveDir, pluginData }) => {
      if (kind === 'entry-point' || pluginData === ENTRY) return undefined;
      const name = relative(root, (await find(path, { kind, importer, resolveDir, pluginData: ENTRY })).path);
      // One copy an importer, or esbuild would make a chunk of what is two lines.
      return shared.has(name) ? { path: name, namespace: 'shared', suffix: `?${relative(root, importer)}` } : undefined;
    });
    onLoad({ filter: /./, namespace: 'shared' }, ({ path }) => {
      const from = `${SHARED}[${JSON.stringify(path)}]`;
      return {
        // Pure, so that what a later file does not use is left out of it.
        contents: (shared.get(path) ?? []).map((one) => (one === 'default'
          ? `export default /* @__PURE__ */ (() => ${from}.default)();`
          : `export const ${one} = /* @__PURE__ */ (() => ${from}.${one})();`)).join('\n'),
        loader: 'js',
      };
    });
  },
});

/** In the first file: import() of a later module names its finished file. @param {string} root @param {Map<string, string>} files @returns {import('esbuild').Plugin} */
const laterModules = (root, files) => ({
  name: 'later-modules',
  setup({ onResolve, resolve: find }) {
    onResolve({ filter: /./ }, async ({ path, kind, importer, resolveDir, pluginData }) => {
      if (kind !== 'dynamic-import' || pluginData === ENTRY) return undefined;
      const found = await find(path, { kind, importer, resolveDir, pluginData: ENTRY });
      const file = files.get(found.path);
      return file ? { path: `./${file}`, external: true } : undefined;
    });
  },
});
