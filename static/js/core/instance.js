/**
 * One filled form: its answers and everything that follows from them.
 *
 * Every expression of every node is a cell that remembers what it read. A change marks the cells
 * that read it; they are evaluated in the definition's dependency order, each once. So a change
 * costs what depends on it, however long the form and however many repeat instances there are.
 * @import {Answers, Cell, Choice, Definition, Env, Instance, InstanceOptions, Schema, SetResult, Text, Tree, Violation, XNode} from '../types.js'
 */

import { dateText, dateTimeText } from './dates.js';
import { evaluate, mayPass } from './evaluate.js';
import { externalInstance } from './external.js';
import { shuffle } from './functions.js';
import { buildSchema } from './schema.js';
import { ExpressionError, fail, stored, textOf, toBoolean, toNumber, toText } from './values.js';

/** More instances than this a repeat_count cannot ask for. */
const MOST_INSTANCES = 1000;
/** Evaluations after one change; far above what any form needs. */
const MOST_ROUNDS = 200_000;

/**
 * @param {Definition} definition
 * @param {InstanceOptions} options
 * @returns {Instance}
 */
export function createInstance(definition, options) {
  const { schema, byPath, byName, triggered, ranks } = buildSchema(definition);
  const clock = typeof options.now === 'number' ? () => /** @type {number} */ (options.now) : options.now;
  let lang = options.lang && definition.languages.includes(options.lang) ? options.lang : definition.default_language;
  const prefill = options.prefill ?? {};

  /** @type {Set<Cell>[]} cells to evaluate, by rank */
  const queue = Array.from({ length: ranks }, () => new Set());
  let first = ranks;
  /** @type {Set<XNode>} changed since the last notice */
  let changed = new Set();
  /** @type {Set<XNode>} triggers whose value changed */
  let fired = new Set();
  /** @type {XNode[]} nodes whose dynamic default waits for the calculations */
  let waiting = [];
  /** @type {Map<Cell, string>} */
  const failures = new Map();
  /** @type {Set<(changed: Set<string>) => void>} */
  const listeners = new Set();
  let loading = true;
  /** The instance a person removed last. @type {{slot: XNode, place: number, node: XNode} | null} */
  let removed = null;
  /** @type {Map<string, XNode>} */
  const placed = new Map();

  /** @type {Map<string, ReturnType<typeof externalInstance>>} */
  const externals = new Map();

  /** @param {string} id */
  function external(id) {
    let found = externals.get(id);
    if (!found) {
      // The register may have a list of the same name as the form's own choices (村, village).
      const own = definition.instances?.[id] ? undefined : choiceRows(id);
      const rows = own ?? options.external?.[id] ?? definition.tables?.[id] ?? choiceRows(id) ?? (definition.instances?.[id] || id === '__last-saved' ? [] : undefined);
      if (!rows) return fail(`there is no list ${id}`);
      found = externalInstance(rows);
      externals.set(id, found);
    }
    return found;
  }

  /** All nodes of a path, in all instances. @param {string} path @returns {XNode[]} */
  const everywhere = (path) => /** @type {XNode[]} */ (evaluate(['ref', path], env, root));

  /** @param {string} id */
  function choiceRows(id) {
    return definition.lists?.[id]?.map((choice) => ({ name: choice.name, label: plainText(choice.label), ...choice.extra }));
  }

  /** @type {Env} */
  const env = {
    version: definition.version,
    now: clock,
    ids: options.ids,
    random: options.random ?? (() => parseInt(options.ids().replace(/-/g, '').slice(-12), 16) / 2 ** 48),
    instance: external,
    choiceName(value, question) {
      const name = question.replace(/^\$\{(.*)\}$/, '$1');
      const asked = byPath.get(name) ?? byName.get(name);
      if (!asked) return '';
      const choice = definition.lists?.[asked.list ?? '']?.find((each) => each.name === value);
      if (choice) return plainText(choice.label);
      const { repeat, instance: id, value: key = 'name', label = 'label' } = asked.items ?? {};
      if (repeat) return everywhere(repeat).some((node) => textOf(node) === value) ? value : '';
      return (id && external(id).find(key, value)[0]?.row?.[label]) || '';
    },
  };

  // --- building ------------------------------------------------------------------------------

  /**
   * @param {Schema} d @param {XNode|undefined} up
   * @param {Answers|undefined} given  loaded answers of the parent
   * @param {boolean} fresh  an instance added later: its inner repeats start empty
   * @returns {XNode}
   */
  function build(d, up, given, fresh) {
    /** @type {XNode} */
    const node = { name: d.name, d, up, own: true, rel: up ? up.rel : true, watch: new Set(), cells: {} };
    if (!d.repeated) placed.set(d.path, node);
    if (d.kind === 'repeat') {
      node.list = [];
      node.spare = [];
      addCells(node);
      const loaded = given?.[d.name];
      if (Array.isArray(loaded)) for (const each of loaded) node.list.push(instanceOf(node, each, fresh));
      else if (!fresh && !given && d.count === undefined) node.list.push(instanceOf(node, undefined, false));
      return node;
    }
    addCells(node);
    if (d.kind === 'group') fill(node, /** @type {Answers|undefined} */ (given && (given[d.name] ?? {})), fresh);
    else start(node, given?.[d.name]);
    return node;
  }

  /** @param {XNode} node @param {Answers|undefined} given @param {boolean} fresh */
  function fill(node, given, fresh) {
    node.kids = new Map();
    for (const d of /** @type {Schema} */ (node.d).children) node.kids.set(d.name, build(d, node, given, fresh));
  }

  /** @param {XNode} slot @param {Answers|undefined} given @param {boolean} fresh */
  function instanceOf(slot, given, fresh) {
    /** @type {XNode} */
    const node = { name: slot.name, d: slot.d, up: slot.up, slot, own: true, rel: slot.rel, watch: new Set(), cells: {} };
    fill(node, given, fresh);
    return node;
  }

  /** The first value of a question. @param {XNode} node @param {unknown} given */
  function start(node, given) {
    const d = /** @type {Schema} */ (node.d);
    if (typeof given === 'string') write(node, given);
    else if (prefill[d.name] !== undefined) write(node, prefill[d.name]);
    else if (d.type === 'start') write(node, dateTimeText(clock()));
    else if (d.type === 'today') write(node, dateText(clock()));
    else {
      write(node, d.default ?? '');
      if (d.dynamic_default !== undefined) waiting.push(node);
    }
  }

  /** @param {XNode} node */
  function addCells(node) {
    for (const [part, rank] of /** @type {Schema} */ (node.d).parts) {
      /** @type {Cell} */
      const cell = { node, part, rank, reads: new Set() };
      /** @type {Record<string, Cell>} */ (node.cells)[part] = cell;
      mark(cell);
    }
  }

  // --- recalculation -------------------------------------------------------------------------

  /** @param {Cell} cell */
  function mark(cell) {
    if (cell.node.gone) return;
    if (cell.rank < 0) {
      forget(cell);
      delete (/** @type {Record<string, Cell>} */ (cell.node.cells))[cell.part];
      changed.add(cell.node);
      return;
    }
    queue[cell.rank].add(cell);
    if (cell.rank < first) first = cell.rank;
  }

  /** @param {Cell} cell */
  function forget(cell) {
    for (const node of cell.reads) node.watch?.delete(cell);
    cell.reads.clear();
  }

  /** What others read of the node is another now. @param {XNode} node */
  function touch(node) {
    changed.add(node);
    for (const cell of node.watch ?? []) mark(cell);
  }

  /** @param {XNode} node @param {string} text */
  function write(node, text) {
    if ((node.v ?? '') === text) return void (node.v = text);
    node.v = text;
    const type = node.d?.type;
    node.void = (type === 'geopoint' && /^0(\.0*)?( 0(\.0*)?)+$/.test(text)) ||
      (type === 'integer' && text !== '' && Math.abs(Number(text) + 0.5) > 2147483648);
    touch(node);
    if (!loading && triggered.has(/** @type {Schema} */ (node.d).path)) fired.add(node);
    const filter = node.cells?.choice_filter;
    if (filter && text !== '') mark(filter);
  }

  /**
   * The value of a tree of this cell, remembering what it reads; undefined when it fails.
   * @param {Cell} cell @param {Tree} tree
   */
  function compute(cell, tree) {
    const before = cell.reads;
    const outer = env.reads;
    env.reads = cell.reads = new Set();
    try {
      if (failures.size) failures.delete(cell);
      return evaluate(tree, env, cell.node);
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      failures.set(cell, error.message);
      return undefined;
    } finally {
      env.reads = outer;
      watch(cell, before);
    }
  }

  /** Mostly a cell reads what it read the time before, and nothing is to do. @param {Cell} cell @param {Set<XNode>} [before] */
  function watch(cell, before) {
    if (cell.part === 'calculation') cell.reads.delete(cell.node);
    for (const node of before ?? []) if (!cell.reads.has(node)) node.watch?.delete(cell);
    for (const node of cell.reads) {
      if (!node.watch) cell.reads.delete(node);
      else if (!before?.has(node)) node.watch.add(cell);
    }
  }

  /** @param {Cell} cell */
  function update(cell) {
    const { node, part } = cell;
    const d = /** @type {Schema} */ (node.d);
    if (part === 'choice_filter') return clearUnoffered(cell);
    const tree = /** @type {any} */ (d)[part];
    const value = tree === true ? true : compute(cell, tree);
    if (part === 'calculation') {
      // A typed-over result stays until the calculation gives another one.
      const text = value === undefined ? '' : stored(value);
      const news = cell.last !== text;
      cell.last = text;
      if (news && !(loading && cell.kept)) write(node, text);
    } else if (part === 'relevant') {
      node.own = value === undefined || toBoolean(value);
      spreadRelevance(node);
    } else if (part === 'count') {
      if (value !== undefined) resize(node, toNumber(value));
    } else {
      const now = value !== undefined && toBoolean(value);
      const key = /** @type {'readonly'|'required'} */ (part);
      if (Boolean(node[key]) !== now) {
        node[key] = now;
        changed.add(node);
        if (key === 'readonly') eachBelow(node, (below) => changed.add(below));
      }
    }
  }

  /** @param {XNode} node */
  function spreadRelevance(node) {
    const above = node.slot ?? node.up;
    const now = node.own !== false && (above ? above.rel !== false : true);
    if (node.rel === now) return;
    node.rel = now;
    touch(node);
    if (now && node.cells?.choice_filter) mark(node.cells.choice_filter);
    for (const below of belowOf(node)) spreadRelevance(below);
  }

  /** @param {XNode} node @returns {Iterable<XNode>} */
  const belowOf = (node) => node.list ?? node.kids?.values() ?? [];

  /** @param {XNode} node @param {(below: XNode) => void} visit */
  function eachBelow(node, visit) {
    for (const below of belowOf(node)) {
      visit(below);
      eachBelow(below, visit);
    }
  }

  /** Evaluates everything that is marked, and the defaults and triggers that wait for it. */
  function flush() {
    let rounds = 0;
    for (;;) {
      while (first < ranks) {
        const cell = queue[first].values().next().value;
        if (!cell) {
          first++;
          continue;
        }
        queue[first].delete(cell);
        if (++rounds > MOST_ROUNDS) return giveUp();
        if (!cell.node.gone) update(cell);
      }
      if (++rounds > MOST_ROUNDS) return giveUp();
      const node = waiting.shift();
      if (node) setDefault(node);
      else if (!fireTriggers()) break;
    }
  }

  /** Expressions that set each other off without end: leaves them as they are, and says so. */
  function giveUp() {
    for (const cells of queue) cells.clear();
    first = ranks;
    waiting = [];
    fired = new Set();
    failures.set({ node: root, part: 'calculation', rank: 0, reads: new Set() }, 'the form does not come to rest');
  }

  /** @param {XNode} node */
  function setDefault(node) {
    const tree = /** @type {Schema} */ (node.d).dynamic_default;
    if (node.gone || tree === undefined) return;
    try {
      write(node, stored(evaluate(tree, env, node)));
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
    }
  }

  /** Runs the calculations that wait for a trigger. @returns {boolean} whether anything may have changed */
  function fireTriggers() {
    if (!fired.size) return false;
    const now = fired;
    fired = new Set();
    for (const trigger of now) {
      for (const target of triggered.get(/** @type {Schema} */ (trigger.d).path) ?? []) {
        for (const node of evaluatePaths(target.path, trigger)) {
          let text = '';
          try {
            if (target.calculation !== undefined) text = stored(evaluate(target.calculation, env, node));
          } catch (error) {
            if (!(error instanceof ExpressionError)) throw error;
          }
          write(node, text);
        }
      }
    }
    return true;
  }

  /** Nodes of a path, bound to the repeats of a node. @param {string} path @param {XNode} node @returns {XNode[]} */
  function evaluatePaths(path, node) {
    return /** @type {XNode[]} */ (evaluate(['ref', path], env, node));
  }

  /** @param {XNode} slot @param {number} wanted */
  function resize(slot, wanted) {
    const list = /** @type {XNode[]} */ (slot.list);
    const spare = /** @type {XNode[]} */ (slot.spare);
    const size = Math.min(Math.max(Math.abs(wanted) < 1e9 ? Math.trunc(wanted) : 0, 0), MOST_INSTANCES);
    if (size === list.length) return;
    while (list.length > size) {
      const node = /** @type {XNode} */ (list.pop());
      setGone(node, true);
      spare.push(node);
    }
    while (list.length < size) {
      const kept = spare.pop();
      if (kept) setGone(kept, false);
      list.push(kept ?? instanceOf(slot, undefined, true));
    }
    touch(slot);
  }

  /** Takes an instance out of recalculation, or back into it. @param {XNode} node @param {boolean} gone */
  function setGone(node, gone) {
    const visit = (/** @type {XNode} */ each) => {
      each.gone = gone;
      if (gone) touch(each);
      for (const cell of Object.values(each.cells ?? {})) if (gone) forget(cell);
        else mark(cell);
    };
    visit(node);
    eachBelow(node, visit);
    if (!gone) spreadRelevance(node);
  }

  // --- choices -------------------------------------------------------------------------------

  /** The choices offered to a select now. @param {XNode} node @returns {Choice[]} */
  function offered(node) {
    const d = /** @type {Schema} */ (node.d);
    /** @param {Tree|undefined} filter @param {XNode} item @param {XNode} current */
    const passes = (filter, item, current) => {
      if (filter === undefined) return true;
      return toBoolean(evaluate(filter, env, item, { current }));
    };
    const { repeat, instance: id, value = 'name', label = 'label' } = d.items ?? {};
    if (repeat) {
      return evaluatePaths(repeat, node)
        .filter((item) => textOf(item) !== '' && passes(d.choice_filter, /** @type {XNode} */ (item.up), node))
        .map((item) => ({ name: textOf(item), label: textOf(item) }));
    }
    /** @param {ReturnType<typeof external>} list */
    const passing = (list) => (d.choice_filter === undefined ? list.items
      : mayPass(d.choice_filter, env, list, node).filter((item) => passes(d.choice_filter, item, node)));
    if (id) {
      const fixed = (d.items?.fixed ?? []).map((choice) => ({ ...choice, label: textIn(choice.label, node) }));
      return [...fixed, ...passing(external(id)).map(({ row = {} }) => ({ name: row[value] ?? '', label: row[label] ?? '', extra: row }))];
    }
    const choices = definition.lists?.[d.list ?? ''] ?? [];
    const offering = d.choice_filter === undefined ? choices
      : passing(external(/** @type {string} */ (d.list))).map((item) => choices[/** @type {number} */ (item.at)]);
    return offering.map((choice) => ({ ...choice, label: textIn(choice.label, node) }));
  }

  /** The choices in the order to show. @param {XNode} node */
  function shown(node) {
    const { parameters, seed } = /** @type {Schema} */ (node.d);
    if (parameters?.randomize?.toLowerCase() !== 'true') return offered(node);
    node.seed ??= Math.floor(env.random() * 2147483647);
    return shuffle(env, offered(node), seed === undefined ? node.seed : evaluate(seed, env, node));
  }

  /** An answer that is no longer offered goes; of several, only that one. @param {Cell} cell */
  function clearUnoffered(cell) {
    const { node } = cell;
    const value = node.v ?? '';
    forget(cell);
    if (value === '' || node.rel === false) return;
    env.reads = cell.reads;
    let names;
    try {
      names = new Set(offered(node).map((choice) => choice.name));
      failures.delete(cell);
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      failures.set(cell, error.message);
      return;
    } finally {
      env.reads = undefined;
      cell.reads.delete(node);
      watch(cell);
    }
    const type = node.d?.type ?? '';
    const several = type.startsWith('select_multiple') || type === 'rank';
    const kept = several ? value.split(/\s+/).filter((name) => names.has(name)).join(' ') : names.has(value) ? value : '';
    write(node, kept);
  }

  /**
   * A value that is worked out when asked and thrown away when something it read changes.
   * @template T
   * @param {XNode} node @param {string} part @param {() => T} make @param {T} otherwise
   * @returns {T}
   */
  function asked(node, part, make, otherwise) {
    const cells = /** @type {Record<string, Cell>} */ (node.cells);
    const key = part + '?';
    if (cells[key]) return cells[key].value;
    /** @type {Cell} */
    const cell = { node, part: key, rank: -1, reads: new Set() };
    const outer = env.reads;
    env.reads = cell.reads;
    try {
      cell.value = make();
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      cell.value = otherwise;
    } finally {
      env.reads = outer;
      watch(cell);
    }
    cells[key] = cell;
    return cell.value;
  }

  // --- texts ---------------------------------------------------------------------------------

  /** @param {Text|undefined} text */
  const inLanguage = (text) => text?.[lang] ?? text?.[definition.default_language] ?? Object.values(text ?? {})[0] ?? '';

  /** @param {Text|undefined} text @param {XNode} node */
  function textIn(text, node) {
    const parts = inLanguage(text);
    if (typeof parts === 'string') return parts;
    return parts.map((part) => (typeof part === 'string' ? part : toText(evaluate(part.tree, env, node)))).join('');
  }

  /** A text in pieces, so that what people answered is never taken for an author's marks. @param {Text|undefined} text @param {XNode} node */
  function partsIn(text, node) {
    const parts = inLanguage(text);
    if (typeof parts === 'string') return parts === '' ? [] : [parts];
    return parts.map((part) => (typeof part === 'string' ? part : { value: toText(evaluate(part.tree, env, node)) }));
  }

  /** A text without its variable parts. @param {Text|undefined} text */
  function plainText(text) {
    const parts = inLanguage(text);
    return typeof parts === 'string' ? parts : parts.filter((part) => typeof part === 'string').join('');
  }

  // --- asking --------------------------------------------------------------------------------

  /** @param {string} path @returns {XNode|undefined} an instance for a repeat's path; see slotAt for the repeat */
  function nodeAt(path) {
    const node = find(path);
    return node?.list ? node.list[0] : node;
  }

  /** Node of a path; a repeat when the last step is one and has no index. @param {string} path */
  function find(path) {
    const only = placed.get(path);
    if (only) return only;
    const [, name, ...steps] = path.split('/');
    /** @type {XNode|undefined} */
    let node = name === root.name ? root : undefined;
    for (const step of steps) {
      if (node?.list) node = node.list[0];
      const bracket = step.indexOf('[');
      const kid = node?.kids?.get(bracket < 0 ? step : step.slice(0, bracket));
      if (!kid) return undefined;
      node = kid.list && bracket > 0 ? kid.list[Number(step.slice(bracket + 1, -1)) - 1] : kid;
    }
    return node;
  }

  /** @param {XNode} node @returns {string} with indexes of repeat instances */
  function pathOf(node) {
    if (node.d && !node.slot && !node.d.repeated) return node.d.path;
    const index = node.slot?.list ? `[${node.slot.list.indexOf(node) + 1}]` : '';
    return `${node.up ? pathOf(node.up) : ''}/${node.name}${index}`;
  }

  /** @param {XNode|undefined} node */
  function isReadonly(node) {
    for (let at = node; at; at = at.slot ?? at.up) if (at.readonly) return true;
    return false;
  }

  /** @param {XNode} node @returns {'required'|'constraint'|null} */
  function broken(node) {
    const d = /** @type {Schema} */ (node.d);
    if (node.rel === false || d.kind !== 'question') return null;
    if (textOf(node) === '') return node.required ? 'required' : null;
    const constraint = d.constraint;
    if (constraint === undefined) return null;
    return asked(node, 'constraint', () => toBoolean(evaluate(constraint, env, node)), true) ? null : 'constraint';
  }

  /** @param {XNode} node @returns {Violation|null} */
  function violationOf(node) {
    const code = broken(node);
    if (!code) return null;
    const d = /** @type {Schema} */ (node.d);
    const text = code === 'required' ? d.required_message : d.constraint_message;
    return { path: pathOf(node), code, message: asked(node, code + '_message', () => textIn(text, node), '') };
  }

  /** @param {XNode} node @param {boolean} all @returns {Answers} */
  function collect(node, all) {
    /** @type {Answers} */
    const answers = {};
    for (const kid of /** @type {Map<string, XNode>} */ (node.kids).values()) {
      if (!all && kid.rel === false) continue;
      if (kid.list) answers[kid.name] = kid.list.map((each) => collect(each, all));
      else answers[kid.name] = kid.kids ? collect(kid, all) : kid.v ?? '';
    }
    return answers;
  }

  /** @param {XNode} node @param {(question: XNode) => void} visit */
  function eachQuestion(node, visit) {
    eachBelow(node, (below) => {
      if (below.d?.kind === 'question') visit(below);
    });
  }

  /** Tells the listeners. */
  function notify() {
    if (!changed.size) return;
    const paths = new Set([...changed].filter((node) => !node.gone).map(pathOf));
    changed = new Set();
    if (paths.size) for (const listener of [...listeners]) listener(paths);
  }

  /** @param {(node: XNode) => any} ask @param {any} otherwise @returns {(path: string) => any} */
  const at = (ask, otherwise) => (path) => {
    const node = nodeAt(path);
    return node ? ask(node) : otherwise;
  };

  /** @param {string} path @param {'label'|'hint'|'guidance'|'required_message'|'constraint_message'} which */
  function text(path, which) {
    const node = find(path);
    return node ? asked(node, which, () => textIn(node.d?.[which], node), '') : '';
  }

  /** @param {string} path the repeat's @returns {XNode|undefined} */
  function slotAt(path) {
    const node = find(path);
    return node?.list ? node : node?.slot;
  }

  // --- opening -------------------------------------------------------------------------------

  /** @type {XNode} */
  const root = { name: schema.name, d: schema, own: true, rel: true, watch: new Set(), cells: {} };
  env.root = root;
  env.placed = placed.set(schema.path, root);
  Object.defineProperty(env, 'lang', { get: () => lang });
  fill(root, options.answers, false);
  if (options.answers) keepEdited(root, options.answers);
  flush();
  loading = false;
  changed = new Set();
  fired = new Set();

  /**
   * A loaded answer that a person may have typed over a calculation stays until a source changes.
   * @param {XNode} node @param {Answers} given
   */
  function keepEdited(node, given) {
    for (const kid of node.kids?.values() ?? []) {
      const value = given?.[kid.name];
      if (Array.isArray(value)) kid.list?.forEach((each, i) => keepEdited(each, value[i]));
      else if (kid.kids) keepEdited(kid, /** @type {Answers} */ (value ?? {}));
      else if (typeof value === 'string' && kid.cells?.calculation && isTyped(/** @type {Schema} */ (kid.d))) {
        kid.cells.calculation.kept = true;
      }
    }
  }

  return {
    definition,
    set(path, value) {
      const node = nodeAt(path);
      if (!node || node.d?.kind !== 'question' || node.d.type === 'calculate') return 'not allowed';
      if (isReadonly(node)) return 'readonly';
      write(node, value);
      flush();
      notify();
      return /** @type {SetResult} */ (broken(node) ?? 'ok');
    },
    addRepeat(path) {
      const slot = slotAt(path);
      if (!slot?.list || slot.rel === false || slot.d?.count !== undefined || isReadonly(slot) || slot.list.length >= MOST_INSTANCES) return 0;
      slot.list.push(instanceOf(slot, undefined, true));
      touch(slot);
      flush();
      notify();
      return slot.list.length;
    },
    removeRepeat(path, index) {
      const slot = slotAt(path);
      const place = index ?? Number(/\[(\d+)\]$/.exec(path)?.[1] ?? 0);
      const node = slot?.list?.[place - 1];
      if (!slot?.list || !node || slot.d?.count !== undefined || isReadonly(slot)) return false;
      slot.list.splice(place - 1, 1);
      setGone(node, true);
      removed = { slot, place, node };
      touch(slot);
      flush();
      notify();
      return true;
    },
    restoreRepeat() {
      if (!removed || removed.slot.gone) return false;
      const { slot, place, node } = removed;
      removed = null;
      slot.list?.splice(place - 1, 0, node);
      setGone(node, false);
      touch(slot);
      flush();
      notify();
      return true;
    },
    count: (path) => slotAt(path)?.list?.length ?? 0,
    isFixed: (path) => slotAt(path)?.d?.count !== undefined,
    has: (path) => find(path) !== undefined,
    value: at((node) => node.v ?? '', ''),
    isRelevant: (path) => find(path)?.rel ?? false,
    isReadonly: (path) => isReadonly(find(path)),
    isRequired: (path) => find(path)?.required ?? false,
    violation: at(violationOf, null),
    choices: at((node) => asked(node, 'choices', () => shown(node), /** @type {Choice[]} */ ([])), []),
    label: (path) => text(path, 'label'),
    hint: (path) => text(path, 'hint'),
    text,
    parts: (path, which) => {
      const node = find(path);
      return node ? asked(node, `${which}_parts`, () => partsIn(node.d?.[which], node), []) : [];
    },
    setLanguage(next) {
      if (next === lang || !definition.languages.includes(next)) return;
      lang = next;
      for (const id of Object.keys(definition.lists ?? {})) externals.delete(id);
      const visit = (/** @type {XNode} */ node) => {
        for (const cell of Object.values(node.cells ?? {})) if (cell.rank < 0) mark(cell);
          else if (cell.part === 'calculation' && JSON.stringify(node.d?.calculation).includes('jr:choice-name')) mark(cell);
        changed.add(node);
      };
      eachBelow(root, visit);
      flush();
      notify();
    },
    get lang() {
      return lang;
    },
    answers: ({ all = false } = {}) => collect(root, all),
    draft: () => collect(root, true),
    instanceName() {
      if (definition.instance_name === null || definition.instance_name === undefined) return '';
      try {
        return toText(evaluate(definition.instance_name, env, root));
      } catch (error) {
        if (!(error instanceof ExpressionError)) throw error;
        return '';
      }
    },
    finalize() {
      eachQuestion(root, (node) => {
        if (node.d?.type === 'end') write(node, dateTimeText(clock()));
      });
      flush();
      notify();
      /** @type {Violation[]} */
      const violations = [];
      eachQuestion(root, (node) => {
        const violation = violationOf(node);
        if (violation) violations.push(violation);
      });
      return { valid: violations.length === 0, violations, answers: collect(root, false), instanceName: this.instanceName() };
    },
    subscribe(fn) {
      listeners.add(fn);
      return () => listeners.delete(fn);
    },
    paths() {
      /** @type {string[]} */
      const paths = [];
      eachQuestion(root, (node) => paths.push(pathOf(node)));
      return paths;
    },
    errors: () => [...failures].map(([cell, message]) => ({ path: pathOf(cell.node), part: cell.part, message })),
    evaluate: (tree, path) => evaluate(tree, env, nodeAt(path) ?? root),
    instancesOf: (path) => evaluatePaths(path, root).map(pathOf),
  };
}

/** Whether a person can type the answer. @param {Schema} d */
const isTyped = (d) => !['calculate', 'hidden', 'note', 'start', 'end', 'today'].includes(d.type ?? '') && d.readonly !== true;
