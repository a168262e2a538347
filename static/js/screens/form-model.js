/**
 * What the form's screen needs to know of a definition: paths with and without
 * repeat indexes, which page holds a question, what to call a value. Pure.
 */

/** @typedef {import('./form-types.d.ts').Definition} Definition */
/** @typedef {import('./form-types.d.ts').DefinitionNode} DefinitionNode */
/** @typedef {import('./form-types.d.ts').Instance} Instance */
/** @typedef {import('./form-types.d.ts').Page} Page */
/** @typedef {import('./form-types.d.ts').Text} Text */

/** @typedef {ReturnType<typeof createModel>} Model */

/** /data/member[2]/name → /data/member/name. @param {string} path */
export const nodePath = (path) => (path.includes('[') ? path.replace(/\[\d+\]/g, '') : path);

/** @param {string} path */
export const parentPath = (path) => path.slice(0, path.lastIndexOf('/'));

/**
 * The path of a node as seen from inside an instance: indexes of `within` where the two
 * run along each other. /data/member/name within /data/member[2] → /data/member[2]/name.
 * @param {string} node @param {string} within
 */
export function pathWithin(node, within) {
  const plain = nodePath(within);
  if (node.startsWith(`${plain}/`)) return within + node.slice(plain.length);
  const known = within.split('/');
  let aligned = true;
  return node
    .split('/')
    .map((step, i) => {
      aligned = aligned && i < known.length && nodePath(/** @type {string} */ (known[i])) === step;
      return aligned ? known[i] : step;
    })
    .join('/');
}

/** The last of a list (Array.at is newer than the oldest phone's browser). @template T @param {T[]} list @returns {T | undefined} */
export const last = (list) => list[list.length - 1];

/** @param {string} path index of the last step, 1 when it has none */
export const lastIndex = (path) => Number(/\[(\d+)\]$/.exec(path)?.[1] ?? 1);

/** Question types that take an answer from a person. */
const SILENT = new Set([
  'calculate', 'hidden', 'start', 'end', 'today', 'deviceid', 'username', 'email', 'phonenumber', 'audit',
  'start-geopoint', 'csv-external', 'xml-external', 'background-audio', 'background-geopoint', 'note',
]);

/** @param {Definition} definition */
export function createModel(definition) {
  const nodes = new Map(definition.nodes.map((node) => [node.path, node]));

  /** @param {string} path */
  const node = (path) => nodes.get(nodePath(path));

  /** @type {Map<string, string[]>} */
  const above = new Map();
  /** @type {Map<string, DefinitionNode[]>} */
  const asked = new Map();

  /** @param {string} path the repeats a node is in, outermost first @returns {string[]} */
  function repeatsAbove(path) {
    const key = nodePath(path);
    const known = above.get(key);
    if (known) return known;
    const up = parentPath(key);
    const found = up === '' ? [] : nodes.get(up)?.kind === 'repeat' ? [...repeatsAbove(up), up] : repeatsAbove(up);
    above.set(key, found);
    return found;
  }

  /** The questions below a group or repeat that a person answers, those of inner repeats too. @param {string} path */
  function askedIn(path) {
    const key = nodePath(path);
    let found = asked.get(key);
    if (!found) {
      found = definition.nodes.filter((one) => one.path.startsWith(`${key}/`) && takesAnswer(one));
      asked.set(key, found);
    }
    return found;
  }

  /** @param {DefinitionNode | undefined} found */
  function takesAnswer(found) {
    return found?.kind === 'question' && !SILENT.has(found.type);
  }

  /**
   * Every instance of a node at this moment, with indexes.
   * @param {Instance} instance @param {string} path @param {string} [inside] only those in this instance of a repeat
   */
  function instancesOf(instance, path, inside = '') {
    let found = [inside];
    const outer = nodePath(inside);
    for (const repeat of repeatsAbove(path)) {
      if (repeat.length <= outer.length) continue;
      found = found.flatMap((within) => {
        const here = pathWithin(repeat, within);
        return Array.from({ length: instance.count(here) }, (_, i) => `${here}[${i + 1}]`);
      });
    }
    return found.map((within) => pathWithin(path, within));
  }

  /** @param {string} list @param {string} value @param {string} lang */
  function choiceLabel(list, value, lang) {
    const choice = definition.lists[list]?.find((one) => one.name === value);
    return choice ? plain(choice.label, lang, definition.default_language) || value : value;
  }

  return {
    definition,
    node,
    repeatsAbove,
    instancesOf,
    choiceLabel,
    askedIn,
    takesAnswer,
  };
}

/** A text without its moving parts. @param {Text | undefined} text @param {string} lang @param {string} other */
export function plain(text, lang, other) {
  const found = text?.[lang] ?? text?.[other] ?? Object.values(text ?? {})[0] ?? '';
  return typeof found === 'string' ? found : found.map((part) => (typeof part === 'string' ? part : '…')).join('');
}

/** Whether a label of the definition changes with the answers. @param {Text | undefined} text */
export const moves = (text) => Object.values(text ?? {}).some((one) => typeof one !== 'string');

/**
 * Which page a path is on: by its own mark-up, else by its nearest ancestor's.
 * @template {Page} P @param {P[]} pages @returns {(path: string) => P | undefined}
 */
export function pageFinder(pages) {
  /** @type {Map<string, P>} */
  const pageOf = new Map();
  for (const page of pages) for (const path of page.paths) if (!pageOf.has(path)) pageOf.set(path, page);
  return (path) => {
    for (let at = nodePath(path); at.length > 0; at = parentPath(at)) {
      const found = pageOf.get(at);
      if (found) return found;
    }
    return undefined;
  };
}

/**
 * Whether a page has anything to ask or say now.
 * @param {Model} model @param {Instance} instance @param {Page} page
 */
export function pageShown(model, instance, page) {
  const own = model.node(page.path);
  if (own && own.kind !== 'question' && !instance.isRelevant(page.path)) return false;
  for (const path of page.paths) {
    const found = model.node(path);
    if (!found || found.kind === 'group' || (found === own && found.kind === 'repeat') || model.repeatsAbove(path).length) continue;
    if (instance.isRelevant(path)) return true;
  }
  return own?.kind === 'repeat';
}

/**
 * A stored value in words a person reads.
 * @param {Model} model @param {string} path @param {string} value @param {string} lang
 */
export function inWords(model, path, value, lang) {
  const node = model.node(path);
  if (!node || value === '') return value;
  if (node.list) {
    const list = node.list;
    const values = node.type.startsWith('select_multiple') || node.type === 'rank' ? value.split(' ') : [value];
    return values.map((one) => model.choiceLabel(list, one, lang)).join(lang === 'zh' ? '、' : ', ');
  }
  if (node.type === 'geopoint') return value.split(' ').slice(0, 2).join(', ');
  return value;
}

/**
 * How one instance of a repeat is called in a list: a name and a few chosen answers.
 * @param {Model} model @param {Instance} instance @param {string} at e.g. /data/member[2] @param {string} lang
 */
export function summary(model, instance, at, lang) {
  const repeat = nodePath(at);
  const asked = model.askedIn(repeat).filter((node) => last(model.repeatsAbove(node.path)) === repeat);
  const labelTree = model.definition.entities?.find((entity) => entity.scope === repeat)?.label;
  const labelled = Array.isArray(labelTree) && labelTree[0] === 'ref' ? String(labelTree[1]) : asked[0]?.path;
  const name = labelled ? inWords(model, labelled, instance.value(pathWithin(labelled, at)), lang) : '';
  const facts = asked
    .filter((node) => node.path !== labelled && (node.type.startsWith('select_one') || node.name === 'birth_date'))
    .filter((node) => instance.isRelevant(pathWithin(node.path, at)))
    .map((node) => inWords(model, node.path, instance.value(pathWithin(node.path, at)), lang))
    .filter((words) => words !== '');
  return { name, facts: facts.slice(0, 3) };
}

/**
 * The one whole-number question a repeat's count is made from, when there is exactly one that a
 * person answers: adding a row is then adding one to it.
 * @param {Model} model @param {DefinitionNode} repeat
 */
export function countQuestion(model, repeat) {
  /** @type {Set<string>} */
  const refs = new Set();
  /** A count is often a sum made in a calculate, so those are read through. @param {unknown} tree */
  const walk = (tree) => {
    if (!Array.isArray(tree)) return;
    if (tree[0] !== 'ref') return tree.forEach(walk);
    const path = String(tree[1]);
    if (refs.has(path)) return;
    refs.add(path);
    walk(model.node(path)?.calculation);
  };
  walk(repeat.count);
  const asked = [...refs].map((path) => model.node(path)).filter((node) => node?.type === 'integer' && model.takesAnswer(node));
  return asked.length === 1 ? asked[0] : undefined;
}

/**
 * Everything answered, as lines to paste somewhere when nothing else is left.
 * @param {Model} model @param {Instance} instance @param {string} lang
 */
export function asText(model, instance, lang) {
  return model.definition.nodes
    .filter((node) => model.takesAnswer(node))
    .flatMap((node) => model.instancesOf(instance, node.path))
    .filter((path) => instance.value(path) !== '')
    .map((path) => `${instance.label(path) || path}: ${inWords(model, path, instance.value(path), lang)}`)
    .join('\n');
}

/**
 * Whether nobody has answered anything yet in an instance of a repeat. The first one is there
 * before anyone asked for it, and is taken before a new one is made.
 * @param {Model} model @param {Instance} instance @param {string} at
 */
export function blankInstance(model, instance, at) {
  if (lastIndex(at) > instance.count(at.replace(/\[\d+\]$/, ''))) return false;
  return model.askedIn(at)
    .filter((node) => node.default === undefined && node.dynamic_default === undefined)
    .flatMap((node) => model.instancesOf(instance, node.path, at))
    .every((path) => instance.value(path) === '');
}
