/**
 * Carry-over: which answers came from the register, with what date, and what the cadre said of
 * them since: unconfirmed, same (不变) or changed (已改). Pure; the map is part of the draft.
 */

import { dateOf } from '../core/since.js';
import { last, lastIndex, nodePath, pathWithin } from './form-model.js';

/** @typedef {import('./form-types.d.ts').Carried} Carried */
/** @typedef {import('./form-types.d.ts').Base} Base */
/** @typedef {import('./form-types.d.ts').RegisterRecord} RegisterRecord */
/** @typedef {import('./form-types.d.ts').Instance} Instance */
/** @typedef {import('./form-model.js').Model} Model */
/** @typedef {{[path: string]: Carried}} CarriedMap */

/**
 * The record a carried question's value was read from.
 * @param {Model} model @param {Instance} instance @param {Base} base
 * @param {string} path @param {{list: string, property: string}} from
 * @returns {RegisterRecord | null}
 */
function recordBehind(model, instance, base, path, from) {
  if (from.list === 'household') return base.household;
  const records = /** @type {RegisterRecord[]} */ (base[/** @type {'member'} */ (from.list)] ?? []);
  const scope = last(model.repeatsAbove(path));
  const declared = model.definition.entities?.find((one) => one.list === from.list && one.scope === scope);
  const id = declared?.entity_id;
  if (Array.isArray(id) && id[0] === 'ref') {
    const wanted = instance.value(pathWithin(String(id[1]), path));
    return records.find((record) => record.id === wanted) ?? null;
  }
  const index = scope ? lastIndex(pathWithin(scope, path)) : 1;
  const guess = records[index - 1];
  return guess && (guess.fields[from.property] ?? '') === instance.value(path) ? guess : null;
}

/**
 * The carried answers of a form just opened: those that hold a value of the register.
 * @param {Model} model @param {Instance} instance @param {Base} base
 * @param {string} [inside] only those of this instance of a repeat, which was just made
 * @returns {CarriedMap}
 */
export function carriedAtOpening(model, instance, base, inside = '') {
  /** @type {CarriedMap} */
  const carried = {};
  for (const node of model.definition.nodes) {
    if (!node.carried || (inside && !node.path.startsWith(`${nodePath(inside)}/`))) continue;
    for (const path of model.instancesOf(instance, node.path, inside)) {
      const value = instance.value(path) || hiddenValue(model, instance, base, path, node.carried);
      if (value === '') continue;
      const record = recordBehind(model, instance, base, path, node.carried);
      if (!record) continue;
      carried[path] = { value, date: dateOf(record, node.carried.property), state: 'unconfirmed' };
    }
  }
  return carried;
}

/** An irrelevant answer reads as blank, though its carried value returns when it is shown.
 * @param {Model} model @param {Instance} instance @param {Base} base
 * @param {string} path @param {{list: string, property: string}} from */
function hiddenValue(model, instance, base, path, from) {
  if (instance.isRelevant(path)) return '';
  return recordBehind(model, instance, base, path, from)?.fields[from.property] ?? '';
}

/** What a carried answer becomes when the question now holds value. @param {Carried} entry @param {string} value @returns {Carried} */
export const afterAnswer = (entry, value) => ({ ...entry, state: value === entry.value ? 'same' : 'changed' });

/** @param {CarriedMap} carried @param {Iterable<string>} paths @returns {CarriedMap} those paths confirmed as unchanged */
export function confirmed(carried, paths) {
  const after = { ...carried };
  for (const path of paths) {
    const entry = after[path];
    if (entry?.state === 'unconfirmed') after[path] = { ...entry, state: 'same' };
  }
  return after;
}

/**
 * Carried answers still to be confirmed, of those shown to a person now.
 * @param {CarriedMap} carried @param {Instance} instance
 * @param {(path: string) => boolean} [among]
 */
export function unconfirmed(carried, instance, among = () => true) {
  return Object.keys(carried).filter(
    (path) => carried[path]?.state === 'unconfirmed' && among(path) && instance.isRelevant(path) && !instance.isReadonly(path),
  );
}

/**
 * The map after instance `index` of a repeat was removed: later ones move down by one.
 * @param {CarriedMap} carried @param {string} repeat @param {number} index
 */
export function afterRemoval(carried, repeat, index) {
  /** @type {CarriedMap} */
  const after = {};
  for (const [path, entry] of Object.entries(carried)) {
    const own = path.startsWith(`${repeat}[`) ? lastIndex(path.slice(0, path.indexOf(']', repeat.length) + 1)) : 0;
    if (own === index) continue;
    const moved = own > index ? `${repeat}[${own - 1}]${path.slice(path.indexOf(']', repeat.length) + 1)}` : path;
    after[moved] = entry;
  }
  return after;
}

/**
 * The map after instance `index` came back to its place, with its own entries.
 * @param {CarriedMap} carried @param {string} repeat @param {number} index @param {CarriedMap} own
 */
export function afterReturn(carried, repeat, index, own) {
  /** @type {CarriedMap} */
  const after = { ...own };
  for (const [path, entry] of Object.entries(carried)) {
    const end = path.startsWith(`${repeat}[`) ? path.indexOf(']', repeat.length) + 1 : 0;
    const place = end ? lastIndex(path.slice(0, end)) : 0;
    after[place >= index ? `${repeat}[${place + 1}]${path.slice(end)}` : path] = entry;
  }
  return after;
}

/** What is left of a carried map when a repeat shrank. @param {CarriedMap} carried @param {Instance} instance */
export function pruned(carried, instance) {
  return Object.fromEntries(
    Object.entries(carried).filter(([path]) => instance.has(path)),
  );
}
