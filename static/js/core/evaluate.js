/**
 * The evaluator: walks the expression trees that Python's parser made.
 * It knows nodes, operators and paths; what a function does is in functions.js.
 * @import {Tree, Value, XNode, Env, Scope} from '../types.js'
 */

import { bothInstants } from './dates.js';
import { callFunction } from './functions.js';
import { ExpressionError, fail, textOf, toBoolean, toNumber, toText } from './values.js';

export { ExpressionError };

export const STEP_LIMIT = 8_000_000;

/**
 * The value of a tree for one node.
 * @param {Tree} tree
 * @param {Env} env  the form instance, or anything that answers the same questions
 * @param {XNode} node  what `.` means, and whose repeats bind `${…}`
 * @param {{current?: XNode}} [options]  current: the select, when node is one of its choices
 * @returns {Value}
 * @throws {ExpressionError}
 */
export function evaluate(tree, env, node, options = {}) {
  const outer = env.steps;
  env.steps ??= 0;
  try {
    return walk(tree, { env, node, current: options.current ?? node, item: options.current && node, position: 1, size: 1 });
  } catch (error) {
    if (error instanceof RangeError) fail('too deep');
    throw error;
  } finally {
    env.steps = outer;
  }
}

/** @param {Tree} tree @param {Scope} scope @returns {Value} */
export function walk(tree, scope) {
  const env = scope.env;
  if (++(/** @type {{steps: number}} */ (env).steps) > (env.stepLimit ?? STEP_LIMIT)) fail('too many steps');
  if (typeof tree === 'number' || typeof tree === 'string') return tree;
  switch (tree[0]) {
    case 'ref':
      return seen(env, walkPath(env, tree[1], scope.current, scope.item));
    case 'path':
      return seen(env, evaluatePath(tree, scope));
    case 'fn':
      return callFunction(tree, scope);
    case 'filter': {
      const set = walk(tree[1], scope);
      if (!Array.isArray(set)) fail('a predicate needs a node-set');
      return filterAll(/** @type {XNode[]} */ (set), tree.slice(2), scope);
    }
    case 'or':
      return toBoolean(walk(tree[1], scope)) || toBoolean(walk(tree[2], scope));
    case 'and':
      return toBoolean(walk(tree[1], scope)) && toBoolean(walk(tree[2], scope));
    case 'neg':
      return -toNumber(walk(tree[1], scope));
  }
  return operate(tree[0], walk(tree[1], scope), walk(tree[2], scope));
}

/** @param {string} operator @param {Value} a @param {Value} b @returns {Value} */
function operate(operator, a, b) {
  switch (operator) {
    case '+':
      return toNumber(a) + toNumber(b);
    case '-': {
      const [x, y] = numbersOf(a, b);
      return x - y;
    }
    case '*':
      return toNumber(a) * toNumber(b);
    case 'div':
      return toNumber(a) / toNumber(b);
    case 'mod':
      return toNumber(a) % toNumber(b);
    case '|':
      if (!Array.isArray(a) || !Array.isArray(b)) fail('a union needs node-sets');
      return [...new Set([...a, ...b])];
  }
  return compare(operator, a, b);
}

/** Two dates by calendar days; a date and a dateTime as instants. @param {Value} a @param {Value} b */
function numbersOf(a, b) {
  const isText = (/** @type {Value} */ value) => typeof value === 'string' || Array.isArray(value);
  const texts = isText(a) && isText(b) ? [toText(a).trim(), toText(b).trim()] : ['', ''];
  const mixed = texts.some((text) => text.includes('T'));
  return (mixed && bothInstants(texts[0], texts[1])?.map((ms) => ms / 86400000)) || [toNumber(a), toNumber(b)];
}

/** @param {string} operator @param {Value} a @param {Value} b @returns {boolean} */
function compare(operator, a, b) {
  const equality = operator === '=' || operator === '!=';
  if (equality && (typeof a === 'boolean' || typeof b === 'boolean')) {
    return (toBoolean(a) === toBoolean(b)) === (operator === '=');
  }
  if (Array.isArray(a)) return a.some((node) => compare(operator, textOf(node), b));
  if (Array.isArray(b)) return b.some((node) => compare(operator, a, textOf(node)));
  if (equality) {
    const same = typeof a === 'number' || typeof b === 'number' ? toNumber(a) === toNumber(b) : a === b;
    return same === (operator === '=');
  }
  const [x, y] = numbersOf(a, b);
  switch (operator) {
    case '<':
      return x < y;
    case '<=':
      return x <= y;
    case '>':
      return x > y;
    case '>=':
      return x >= y;
  }
  return fail(`unknown operator ${operator}`);
}

/** Remembers what was read, so that a change of it brings a new evaluation. @param {Env} env @param {XNode[]} set */
export function seen(env, set) {
  if (env.reads) for (const node of set) env.reads.add(node);
  return set;
}

/** Children of that name ("*": all), instances of a repeat in order. @param {Env} env @param {XNode} node @param {string} name @returns {XNode[]} */
export function childrenOf(env, node, name) {
  if (node.kids) {
    if (name === '*') return [...node.kids.keys()].flatMap((key) => childrenOf(env, node, key));
    const kid = node.kids.get(name);
    if (!kid) return [];
    if (!kid.list) return [kid];
    env.reads?.add(kid);
    return kid.list;
  }
  const row = node.row;
  if (!row) return [];
  if (name === '*') return Object.keys(row).flatMap((key) => childrenOf(env, node, key));
  return name in row ? [{ name, v: row[name], up: node }] : [];
}

/**
 * The nodes at an absolute path. A repeat that also holds one of the anchors means that instance,
 * unless chosen names an instance (1-based; 0 or NaN: none).
 * @param {Env} env @param {string} path
 * @param {XNode} anchor @param {XNode} [second] @param {Map<string, number>} [chosen]
 * @returns {XNode[]}
 */
export function walkPath(env, path, anchor, second, chosen) {
  const only = env.placed?.get(path);
  if (only && !only.list) return [only];
  const [, root, ...names] = path.split('/');
  if (!env.root || env.root.name !== root) return [];
  let set = [env.root];
  // The repeat itself is not held by one of its instances: count(${member}) counts all, asked from anywhere.
  let left = names.length;
  for (const name of names) {
    left--;
    const next = [];
    for (const node of set) {
      const kid = node.kids?.get(name);
      if (!kid) continue;
      if (!kid.list) {
        next.push(kid);
        continue;
      }
      const index = chosen?.get(/** @type {{path: string}} */ (kid.d).path);
      const own = left > 0 && index === undefined && (instanceAbove(second, kid) ?? instanceAbove(anchor, kid));
      if (own) next.push(own);
      else {
        env.reads?.add(kid);
        next.push(...(index === undefined ? kid.list : kid.list.slice(index - 1, index > 0 ? index : 0)));
      }
    }
    set = next;
  }
  return set;
}

/** The instance of that repeat which holds the node. @param {XNode|undefined} node @param {XNode} slot */
function instanceAbove(node, slot) {
  for (let at = node; at; at = at.up) if (at.slot === slot) return at;
  return undefined;
}

/** @param {any[]} tree @param {Scope} scope @returns {XNode[]} */
function evaluatePath(tree, scope) {
  const [, start, ...steps] = tree;
  const { env } = scope;
  /** @type {XNode[]} */
  let set;
  if (start === '.') set = [scope.node];
  else if (start === '/') set = env.root ? [{ name: '', kids: new Map([[env.root.name, env.root]]) }] : [];
  else {
    const rows = indexedRows(tree, scope);
    if (rows) {
      set = rows;
      steps.splice(0, 2);
    } else {
      const value = walk(start, scope);
      if (!Array.isArray(value)) return fail('a path needs a node-set');
      set = value;
    }
  }
  for (const [axis, name, ...predicates] of steps) {
    /** @type {XNode[]} */
    const next = [];
    for (const node of set) next.push(...filterAll(onAxis(env, node, axis, name), predicates, scope));
    set = set.length > 1 && axis !== 'child' ? [...new Set(next)] : next;
  }
  return set;
}

/** @param {Env} env @param {XNode} node @param {string} axis @param {string} name @returns {XNode[]} */
function onAxis(env, node, axis, name) {
  if (axis === 'child') return childrenOf(env, node, name);
  if (axis === 'descendant') {
    return childrenOf(env, node, '*').flatMap((kid) => [
      ...(name === '*' || kid.name === name ? [kid] : []),
      ...onAxis(env, kid, axis, name),
    ]);
  }
  const found = axis === 'parent' ? node.up : node;
  return found && (name === '*' || found.name === name) ? [found] : [];
}

/** @param {XNode[]} set @param {Tree[]} predicates @param {Scope} scope @returns {XNode[]} */
function filterAll(set, predicates, scope) {
  for (const predicate of predicates) {
    const size = set.length;
    set = set.filter((node, i) => {
      const value = walk(predicate, { ...scope, node, position: i + 1, size });
      return typeof value === 'number' ? value === i + 1 : toBoolean(value);
    });
  }
  return set;
}

/**
 * `instance('x')/root/item[column = value]…` answered from a hash index; null when the path has another shape.
 * @param {any[]} tree @param {Scope} scope @returns {XNode[]|null}
 */
function indexedRows(tree, scope) {
  const [, start, root, item] = tree;
  if (start[0] !== 'fn' || start[1] !== 'instance' || root?.[1] !== 'root' || item?.[1] !== 'item') return null;
  if (typeof start[2] !== 'string' || root.length > 2) return null;
  const [, , first, ...others] = item;
  const condition = Array.isArray(first) && equalTerm(first);
  if (!condition) return null;
  const wanted = walk(condition.value, scope);
  const key = typeof wanted === 'string' ? wanted : Array.isArray(wanted) && wanted.length < 2 ? wanted[0] && textOf(wanted[0]) : null;
  if (key === null) return null;
  const rows = key === undefined ? [] : scope.env.instance(start[2]).find(condition.column, key);
  return filterAll(filterAll(rows, first[0] === '=' ? [] : [first], scope), others, scope);
}

/**
 * The rows of a list that a choice_filter may let through: of its `column = value` terms the one that leaves
 * fewest, looked up in the list's index; all rows when it has none.
 * @param {Tree} filter @param {Env} env @param {import('../types.js').ExternalInstance & {items: XNode[]}} list @param {XNode} node the select
 * @returns {XNode[]}
 */
export function mayPass(filter, env, list, node) {
  let fewest = list.items;
  for (const { column, value } of equalTerms(filter)) {
    const key = evaluate(value, env, node);
    if (typeof key !== 'string' && !(Array.isArray(key) && key.length === 1)) continue;
    const rows = list.find(column, toText(key));
    if (rows.length < fewest.length) fewest = rows;
  }
  return fewest;
}

/** @param {any} predicate @returns {{column: string, value: Tree}[]} */
function equalTerms(predicate) {
  if (predicate[0] === 'and') return [...equalTerms(predicate[1]), ...equalTerms(predicate[2])];
  return equalTerm(predicate) ? [/** @type {any} */ (equalTerm(predicate))] : [];
}

/** A `column = value` that every chosen row must fulfil and whose value is the same for all rows. @param {any} predicate @returns {{column: string, value: Tree}|null} */
function equalTerm(predicate) {
  const [operator, a, b] = predicate;
  if (operator === 'and') return usesPosition(predicate) ? null : equalTerm(a) ?? equalTerm(b);
  if (operator !== '=') return null;
  if (isColumn(a) && isConstant(b)) return { column: a[2][1], value: b };
  if (isColumn(b) && isConstant(a)) return { column: b[2][1], value: a };
  return null;
}

/** @param {any} tree */
const isColumn = (tree) => tree[0] === 'path' && tree[1] === '.' && tree.length === 3 && tree[2][0] === 'child' && tree[2].length === 2;

/** @param {any} tree */
const usesPosition = (tree) => JSON.stringify(tree).includes('"position"');

/** Free of the row: texts, references and whatever starts at the root or at current(). @param {any} tree @returns {boolean} */
function isConstant(tree) {
  if (!Array.isArray(tree)) return typeof tree === 'string';
  if (tree[0] === 'ref') return true;
  if (tree[0] === 'path') {
    return (tree[1] === '/' || tree[1][1] === 'current' || tree[1][1] === 'instance') && !usesPosition(tree);
  }
  if (tree[0] !== 'fn') return false;
  return tree.length > 2 && !usesPosition(tree) && tree.slice(2).every(isConstant);
}
