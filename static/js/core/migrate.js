/**
 * A draft from one version of its form to another, by question name. What has no place there is
 * handed back and never dropped. Pure.
 */

/** @typedef {{[lang: string]: string | (string | {tree: unknown})[]}} Text */
/**
 * @typedef {{path: string, name: string, kind: string, type: string, parent: string, label?: Text, list?: string,
 *   calculation?: unknown}} Node
 * @typedef {{version: string, root: string, nodes: Node[], lists?: {[name: string]: {name: string, label?: Text}[]}}} Definition
 * @typedef {{[name: string]: any}} Answers
 * @typedef {{path: string, name: string, label: Text | null, value: string, words: Text | string, version: string}} Unplaced
 * @typedef {{path: string, to: string, label: Text | null, value: string}} Placed
 */

/**
 * @param {Definition} from @param {Definition} to
 * @param {{answers: Answers, carried: {[path: string]: any}}} draft
 * @param {{[version: string]: {[now: string]: string}}} [renames]  version → new name → old name
 * @param {string[]} [versions]  those published after the draft's, oldest first, up to the new one
 * @returns {{answers: Answers, carried: {[path: string]: any}, placed: Placed[], unplaced: Unplaced[]}}
 */
export function migrate(from, to, draft, renames = {}, versions = [to.version]) {
  const now = newNames(renames, versions);
  const before = lookOver(from);
  const after = lookOver(to);
  /** @type {Answers} */
  const answers = {};
  /** @type {{[path: string]: any}} */
  const carried = {};
  /** @type {Placed[]} */
  const placed = [];
  /** @type {Unplaced[]} */
  const unplaced = [];
  for (const { path, indexes, value } of leaves(draft.answers, from.root, before)) {
    const node = before.nodes.get(path);
    const there = pathWith(path, before, indexes);
    const target = node && homeOf(node, before, after, now);
    if (target && takes(target, value, to)) {
      const here = pathWith(target.path, after, indexes);
      put(answers, here, to.root, value);
      if (draft.carried[there]) carried[here] = draft.carried[there];
      placed.push({ path: there, to: here, label: node.label ?? null, value });
    } else if (!node?.calculation && !SILENT.has(node?.type ?? '')) {
      unplaced.push({ path: there, name: path.slice(path.lastIndexOf('/') + 1), label: node?.label ?? null, value,
        words: node ? wordsOf(node, value, from) : value, version: from.version });
    }
  }
  return { answers, carried, placed, unplaced };
}

/** Made again by the new version, never typed. */
const SILENT = new Set(['start', 'end', 'today', 'deviceid', 'username', 'note', 'audit', 'hidden']);

/** Old name → newest name, over every version in between. @param {{[version: string]: {[now: string]: string}}} renames @param {string[]} versions */
function newNames(renames, versions) {
  /** @type {Map<string, string>} */
  const names = new Map();
  for (const version of versions) {
    for (const [now, old] of Object.entries(renames[version] ?? {})) {
      const first = [...names].find(([, later]) => later === old)?.[0] ?? old;
      names.set(first, now);
    }
  }
  return names;
}

/** @typedef {{nodes: Map<string, Node>, byName: Map<string, Node[]>, repeats: Map<string, string[]>}} Looked */

/** repeats: path → paths of the repeats around it, outermost first. @param {Definition} definition @returns {Looked} */
function lookOver(definition) {
  /** @type {Looked} */
  const looked = { nodes: new Map(), byName: new Map(), repeats: new Map() };
  for (const node of definition.nodes) {
    looked.nodes.set(node.path, node);
    looked.byName.set(node.name, [...looked.byName.get(node.name) ?? [], node]);
    const above = looked.repeats.get(node.parent) ?? [];
    looked.repeats.set(node.path, node.kind === 'repeat' ? [...above, node.path] : above);
  }
  return looked;
}

/**
 * The question of the new version that an answer belongs to: the same name, type and repeats.
 * A name that stands several times is known by its path.
 * @param {Node} node @param {Looked} before @param {Looked} after @param {Map<string, string>} now
 */
function homeOf(node, before, after, now) {
  const name = now.get(node.name) ?? node.name;
  const twice = (before.byName.get(node.name)?.length ?? 0) > 1 || (after.byName.get(name)?.length ?? 0) > 1;
  const target = twice ? after.nodes.get(node.path) : after.byName.get(name)?.[0];
  if (!target || target.kind !== 'question' || target.type !== node.type) return null;
  /** @param {Looked} looked @param {string} path */
  const around = (looked, path) => (looked.repeats.get(path) ?? []).map((one) => one.slice(one.lastIndexOf('/') + 1));
  const old = around(before, node.path).map((one) => now.get(one) ?? one);
  return old.join('/') === around(after, target.path).join('/') ? target : null;
}

/** Whether the list still has what was chosen. @param {Node} target @param {string} value @param {Definition} to */
function takes(target, value, to) {
  const list = to.lists?.[target.list ?? ''];
  if (!list || !/^(select|rank)/.test(target.type)) return true;
  const known = new Set(list.map((choice) => choice.name));
  const chosen = target.type.startsWith('select_one') ? [value] : value.split(' ').filter(Boolean);
  return chosen.every((one) => known.has(one) || (one === 'other' && target.type.includes('other')));
}

/**
 * Every answer that is not empty. indexes: of the repeats around it, outermost first.
 * @param {Answers} answers @param {string} path @param {Looked} before @param {number[]} [indexes]
 * @returns {Generator<{path: string, indexes: number[], value: string}>}
 */
function* leaves(answers, path, before, indexes = []) {
  for (const [name, value] of Object.entries(answers ?? {})) {
    const here = `${path}/${name}`;
    if (Array.isArray(value)) {
      for (const [i, one] of value.entries()) yield* leaves(one, here, before, [...indexes, i + 1]);
    } else if (value && typeof value === 'object') {
      yield* leaves(value, here, before, indexes);
    } else if (value !== '' && value != null) {
      yield { path: here, indexes, value: String(value) };
    }
  }
}

/** The path with its repeats' indexes. @param {string} path @param {Looked} looked @param {number[]} indexes */
function pathWith(path, looked, indexes) {
  let done = '';
  let rest = path;
  for (const [i, repeat] of (looked.repeats.get(path) ?? []).entries()) {
    const inside = done.replace(/\[\d+\]/g, '');
    done += `${repeat.slice(inside.length)}[${indexes[i] ?? 1}]`;
    rest = path.slice(repeat.length);
  }
  return done + rest;
}

/** @param {Answers} answers @param {string} path @param {string} root @param {string} value */
function put(answers, path, root, value) {
  const steps = path.slice(root.length + 1).split('/');
  let at = answers;
  for (const step of steps.slice(0, -1)) {
    const [, name, index] = /** @type {RegExpExecArray} */ (/^([^[]+)(?:\[(\d+)\])?$/.exec(step));
    if (index) {
      at[name] ??= [];
      while (at[name].length < Number(index)) at[name].push({});
      at = at[name][Number(index) - 1];
    } else {
      at = at[name] ??= {};
    }
  }
  at[/** @type {string} */ (steps[steps.length - 1])] = value;
}

/** The answer as the old version showed it. @param {Node} node @param {string} value @param {Definition} from @returns {Text | string} */
function wordsOf(node, value, from) {
  const list = from.lists?.[node.list ?? ''];
  const choice = list?.find((one) => one.name === value);
  return choice?.label && Object.keys(choice.label).length ? choice.label : value;
}
