/**
 * The functions of the form language that forms use every day.
 * Digests, signatures, geometry and shuffling are in functions-rare.js and join when a form needs them.
 * @import {Tree, Value, XNode, Scope} from '../types.js'
 */

import { dateText, dateTimeText, decimalDateTime, decimalTime, formatDate, instantOfDays, momentText, parseDate } from './dates.js';
import { childrenOf, walk, walkPath } from './evaluate.js';
import { allTexts, fail, nodes, textOf, toBoolean, toNumber, toText } from './values.js';

/** @typedef {(scope: Scope, args: Value[]) => Value} Plain  receives values */
/** @typedef {(scope: Scope, trees: any[]) => Value} Lazy  receives trees, evaluates what it needs */

/** name → [fewest, most arguments, function, lazy] @type {Map<string, [number, number, Plain|Lazy, boolean?]>} */
const registry = new Map();

const MANY = 999;
const LONGEST_MATCHED = 5000;

/**
 * Adds functions; later modules (functions-rare.js) call it when they are loaded.
 * @param {Record<string, [number, number, Plain]>} plain @param {Record<string, [number, number, Lazy]>} [lazy]
 */
export function register(plain, lazy = {}) {
  for (const [name, entry] of Object.entries(plain)) registry.set(name, entry);
  for (const [name, entry] of Object.entries(lazy)) registry.set(name, [...entry, true]);
}

/** @param {any[]} tree ["fn", name, …] @param {Scope} scope @returns {Value} */
export function callFunction([, name, ...trees], scope) {
  const entry = registry.get(name);
  if (!entry) return fail(`unknown function ${name}()`);
  const [fewest, most, fn, lazy] = entry;
  if (trees.length < fewest || trees.length > most) fail(`${name}() has a wrong number of arguments`);
  return lazy ? fn(scope, trees) : fn(scope, trees.map((tree) => walk(tree, scope)));
}

/**
 * A shuffle of any items with a seed, if functions-rare.js is loaded; else as they are.
 * @template T @param {import('../types.js').Env} env @param {T[]} items @param {Value} seed
 * @returns {T[]}
 */
export function shuffle(env, items, seed) {
  const entry = registry.get('randomize');
  if (!entry) return items;
  const set = items.map((item) => ({ name: '', item }));
  const scope = /** @type {any} */ ({ env });
  return /** @type {any[]} */ (entry[2](scope, [set, seed])).map(({ item }) => item);
}

/** Truncated whole number; -0 is 0. @param {Value} value */
const whole = (value) => Math.trunc(toNumber(value)) + 0;

/** Half goes up, on the binary value. @param {Scope} _ @param {Value[]} args */
function round(_, [value, places = 0]) {
  const n = toNumber(value);
  const d = whole(places);
  if (!Number.isFinite(n)) return n;
  const factor = 10 ** Math.abs(d);
  return (d < 0 ? Math.round(n / factor) * factor : Math.round(n * factor) / factor) + 0;
}

/** Numbers of the nodes; blanks are left out. @param {XNode[]} set */
const filled = (set) => set.map(textOf).filter((text) => text !== '').map(toNumber);

/** A long sum keeps what rounding takes from it (Neumaier), so ten times 0.1 is 1. @param {number[]} numbers */
function total(numbers) {
  let sum = 0;
  let lost = 0;
  for (const n of numbers) {
    const next = sum + n;
    lost += Math.abs(sum) >= Math.abs(n) ? sum - next + n : n - next + sum;
    sum = next;
  }
  return numbers.length > 8 && Number.isFinite(sum) ? sum + lost : sum;
}

/** @param {(...n: number[]) => number} pick @returns {Plain} */
const extreme = (pick) => (_, args) => {
  const numbers = args.flatMap((arg) => (Array.isArray(arg) ? filled(nodes(arg)) : [toNumber(arg)]));
  return numbers.length ? pick(...numbers) : NaN;
};

/** Does a sum of true weights lie in [min, max]? −1: no limit. @param {Value} min @param {Value} max @param {number} sum */
const within = (min, max, sum) =>
  (toNumber(min) === -1 || sum >= toNumber(min)) && (toNumber(max) === -1 || sum <= toNumber(max));

/** @param {Value} value @returns {Value[]} */
const spread = (value) => (Array.isArray(value) ? value.map(textOf) : [value]);

/** @param {Value} value */
const tokens = (value) => toText(value).trim().split(/\s+/);

/** A date or dateTime argument as an instant; null when blank. NaN stays. @param {Value} value @returns {number|null} */
function instantOf(value) {
  if (typeof value === 'boolean') return fail('a date is needed here');
  if (typeof value === 'number') return Number.isFinite(value) ? instantOfDays(value) ?? fail('beyond the calendar') : NaN;
  const text = toText(value).trim();
  if (text === '') return null;
  if (/^-?(\d+\.?\d*|\.\d+)$/.test(text)) return instantOf(Number(text));
  const date = parseDate(text);
  return date && date !== 'impossible' ? date.instant : fail(`not a date: ${text}`);
}

/** @param {(instant: number) => string} show @returns {Plain} */
const dateFunction = (show) => (_, [value]) => {
  const instant = instantOf(value);
  return instant === null ? '' : Number.isNaN(instant) ? NaN : show(instant);
};

/** @type {Plain} */
function formatted({ env }, [value, format]) {
  if (formatDate(0, toText(format), '') === null) fail(`unknown token in ${toText(format)}`);
  let instant = null;
  try {
    instant = instantOf(value);
  } catch {
    return '';
  }
  if (instant === null || Number.isNaN(instant)) return '';
  return formatDate(instant, toText(format), env.lang ?? '') ?? '';
}

/** A function of one number. */
const mathFn = (/** @type {(n: number) => number} */ fn) => /** @type {[number, number, Plain]} */ ([1, 1, (_, [n]) => fn(toNumber(n))]);

/** @param {(a: string, b: string) => Value} fn @returns {[number, number, Plain]} */
const texts2 = (fn) => [2, 2, (_, [a, b]) => fn(toText(a), toText(b))];

/** Own text when there is no argument. @param {Scope} scope @param {Value[]} args */
const ownOr = (scope, args) => (args.length ? toText(args[0]) : textOf(scope.node));

register({
  true: [0, 0, () => true],
  false: [0, 0, () => false],
  boolean: [1, 1, (_, [a]) => toBoolean(a)],
  not: [1, 1, (_, [a]) => !toBoolean(a)],
  'boolean-from-string': [1, 1, (_, [a]) => ['1', 'true'].includes(toText(a))],
  number: [1, 1, (_, [a]) => toNumber(a)],
  string: [1, 1, (_, [a]) => toText(a)],
  int: [1, 1, (_, [a]) => whole(a)],
  floor: mathFn(Math.floor),
  ceiling: mathFn(Math.ceil),
  round: [1, 2, round],
  abs: mathFn(Math.abs),
  sqrt: mathFn(Math.sqrt),
  exp: mathFn(Math.exp),
  exp10: mathFn((n) => 10 ** n),
  log: mathFn(Math.log),
  log10: mathFn(Math.log10),
  sin: mathFn(Math.sin),
  cos: mathFn(Math.cos),
  tan: mathFn(Math.tan),
  asin: mathFn(Math.asin),
  acos: mathFn(Math.acos),
  atan: mathFn(Math.atan),
  atan2: [2, 2, (_, [y, x]) => Math.atan2(toNumber(y), toNumber(x))],
  pow: [2, 2, (_, [x, y]) => toNumber(x) ** toNumber(y)],
  pi: [0, 0, () => Math.PI],
  random: [0, 0, ({ env }) => env.random()],

  count: [1, 1, (_, [set]) => nodes(set).length],
  'count-non-empty': [1, 1, (_, [set]) => nodes(set).filter((node) => textOf(node) !== '').length],
  sum: [1, 1, (_, [set]) => total(filled(nodes(set)))],
  min: [0, MANY, extreme(Math.min)],
  max: [0, MANY, extreme(Math.max)],
  checklist: [2, MANY, (_, [min, max, ...rest]) => within(min, max, rest.flatMap(spread).filter(toBoolean).length)],
  'weighted-checklist': [2, MANY, (_, [min, max, ...pairs]) => {
    if (pairs.length % 2) fail('weighted-checklist() needs pairs');
    let sum = 0;
    for (let i = 0; i < pairs.length; i += 2) {
      const weights = spread(pairs[i + 1]);
      spread(pairs[i]).forEach((value, j) => (sum += toBoolean(value) ? toNumber(weights[j] ?? '') : 0));
    }
    return within(min, max, sum);
  }],

  concat: [0, MANY, (_, args) => allTexts(args).join('')],
  join: [1, MANY, (_, [separator, ...args]) => allTexts(args).join(toText(separator))],
  substr: [2, 3, (_, [text, start, end]) => toText(text).slice(whole(start), end === undefined ? undefined : whole(end))],
  substring: [2, 3, (_, [text, start, length = Infinity]) => {
    const first = Math.round(toNumber(start));
    const last = first + Math.round(toNumber(length));
    return toText(text).split('').filter((_, i) => first <= i + 1 && i + 1 < last).join('');
  }],
  'substring-before': texts2((a, b) => a.slice(0, Math.max(a.indexOf(b), 0))),
  'substring-after': texts2((a, b) => (a.includes(b) ? a.slice(a.indexOf(b) + b.length) : '')),
  contains: texts2((a, b) => a.includes(b)),
  'starts-with': texts2((a, b) => a.startsWith(b)),
  'ends-with': texts2((a, b) => a.endsWith(b)),
  translate: [3, 3, (_, args) => {
    const [text, from, to] = args.map(toText);
    return text.split('').map((c) => (from.includes(c) ? to[from.indexOf(c)] ?? '' : c)).join('');
  }],
  'string-length': [0, 1, (scope, args) => ownOr(scope, args).length],
  'normalize-space': [0, 1, (scope, args) => ownOr(scope, args).replace(/[ \t\r\n]+/g, ' ').replace(/^ | $/g, '')],
  regex: [2, 2, (_, [text, pattern]) => {
    let expression;
    if (toText(text).length > LONGEST_MATCHED) fail('too long a text for regex()');
    const bounded = runsAway(toText(pattern), toText(text).length);
    try {
      expression = new RegExp(`^(?:${toText(pattern)})$`, toText(pattern).includes('\\p{') ? 'u' : '');
    } catch {
      return fail('the pattern of regex() is not right');
    }
    if (bounded) return (registry.get('full-match') ?? fail('the pattern of regex() is too hard'))[2](/** @type {any} */ (null), [pattern, text]);
    return expression.test(toText(text));
  }],
  selected: [2, 2, (_, [list, value]) => tokens(list).includes(toText(value).trim())],
  'selected-at': [2, 2, (_, [list, i]) => (toNumber(i) > -1 ? tokens(list)[whole(i)] ?? '' : '')],
  'count-selected': [1, 1, (_, [list]) => tokens(list).filter(Boolean).length],
  uuid: [0, 1, ({ env }, [n]) => {
    if (n === undefined) return env.ids();
    if (!(toNumber(n) >= 0 && toNumber(n) <= 10_000)) fail('uuid() is asked for too much');
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
    return Array.from({ length: whole(n) }, () => letters[Math.floor(env.random() * letters.length)]).join('');
  }],

  today: [0, 0, ({ env }) => dateText(env.now())],
  now: [0, 0, ({ env }) => dateTimeText(env.now())],
  date: [1, 1, dateFunction(dateText)],
  'date-time': [1, 1, (scope, [value]) =>
    typeof value === 'number' && Number.isInteger(value) && instantOfDays(value) !== null
      ? momentText(value * 86400000) : dateFunction(momentText)(scope, [value])],
  'decimal-date-time': [1, 1, (_, [value]) => (typeof value === 'number' ? value : decimalDateTime(toText(value).trim()))],
  'decimal-time': [1, 1, ({ env }, [value]) => decimalTime(toText(value).trim(), env.now())],
  'format-date': [2, 2, formatted],
  'format-date-time': [2, 2, formatted],

  position: [0, 1, (scope, [set]) => {
    if (set === undefined) return scope.position;
    const node = nodeOf(set);
    if (!node) return NaN;
    const slot = node.slot;
    if (slot) scope.env.reads?.add(slot);
    return slot?.list ? slot.list.indexOf(node) + 1 : 1;
  }],
  name: [0, 1, nameOf],
  'local-name': [0, 1, nameOf],
  last: [0, 0, (scope) => scope.size],
  current: [0, 0, (scope) => [scope.current]],
  instance: [1, 1, ({ env }, [id]) => [env.instance(toText(id)).document]],
  pulldata: [4, 4, ({ env }, args) => {
    const [file, want, key, value] = args.map(toText);
    const [row] = env.instance(file.replace(/\.(csv|xml|geojson)$/, '')).find(key, value);
    return row ? childrenOf(env, row, want) : '';
  }],
  'jr:choice-name': [2, 2, ({ env }, [value, question]) => env.choiceName(toText(value), toText(question))],
  version: [0, 0, ({ env }) => env.version],
}, {
  if: [3, 3, (scope, [condition, then, otherwise]) => walk(toBoolean(walk(condition, scope)) ? then : otherwise, scope)],
  coalesce: [2, 2, (scope, [first, second]) => {
    const value = walk(first, scope);
    return toText(value) === '' || Number.isNaN(value) ? walk(second, scope) : value;
  }],
  once: [1, 1, (scope, [tree]) => scope.current.v || walk(tree, scope)],
  'indexed-repeat': [3, 7, indexedRepeat],
});

/**
 * Whether backtracking may never end: a repeated group that holds a repeat or alternatives, or many repeats over a long text.
 * @param {string} pattern @param {number} length
 */
const runsAway = (pattern, length) => (/\)(?:[*+]|\{\d+,\d*\})/.test(pattern) && (pattern.match(/[*+}|]/g) ?? []).length > 1)
  || length ** (pattern.match(/[*+]|,\}/g) ?? []).length > 1e8;

/** @param {Value} set */
const nodeOf = (set) => (Array.isArray(set) ? set[0] : fail('a node is needed here'));

/** @type {Plain} */
function nameOf({ node }, [set]) {
  return set === undefined ? node.name : nodeOf(set)?.name ?? '';
}

/** The path a reference names, without instances; relative ones from the owner. @param {any} tree @param {Scope} scope @returns {string} */
function absolutePath(tree, { current }) {
  if (tree[0] === 'ref') return tree[1];
  if (tree[0] !== 'path') return fail('indexed-repeat() needs a path');
  let place = tree[1] === '/' ? '' : current.d?.path ?? '';
  for (const [axis, name] of tree.slice(2)) place = axis === 'parent' ? place.slice(0, place.lastIndexOf('/')) : `${place}/${name}`;
  return place;
}

/** @type {Lazy} */
function indexedRepeat(scope, [node, ...pairs]) {
  const path = absolutePath(node, scope);
  const chosen = new Map();
  if (pairs.length % 2) fail('indexed-repeat() needs pairs');
  for (let i = 0; i < pairs.length; i += 2) {
    const repeat = absolutePath(pairs[i], scope);
    if (!path.startsWith(repeat + '/')) fail(`${path} is not in ${repeat}`);
    const index = toNumber(walk(pairs[i + 1], scope));
    chosen.set(repeat, Number.isInteger(index) ? index : 0);
  }
  const found = walkPath(scope.env, path, scope.current, scope.item, chosen);
  for (const each of found) scope.env.reads?.add(each);
  return found;
}
