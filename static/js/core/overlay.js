/**
 * What a person sees below the centre: the last state from upstream with the open ops on top.
 * The same rule is in sync/overlay.py; both read tests/vectors/overlay.json.
 * @import {Op, RuhuRecord} from '../types.js'
 */

import { merge } from './merge.js';
import { datesOf } from './since.js';

/** Kept for a person to look at, so never shown as if they had been applied. */
const ASIDE = ['held', 'quarantined'];

/** Made once, never merged into by a second create. */
const DOCUMENTS = ['submission'];

/**
 * The upstream record with the ops applied in order; null when there is none and no op creates it.
 * rev and seq stay upstream's; pending counts the ops.
 * @param {RuhuRecord|null|undefined} upstream
 * @param {Op[]} ops
 * @returns {RuhuRecord|null}
 */
export function overlay(upstream, ops) {
  let record = upstream ?? null;
  /** From another device than the one that makes the record. @type {Op[]} */
  const held = [];
  for (const op of ops) {
    if (!record && op.kind !== 'create') {
      held.push(op);
      continue;
    }
    record = after(op, record);
    while (record && held.length) record = after(/** @type {Op} */ (held.shift()), record);
  }
  if (!record || !ops.length) return record;
  return { ...record, pending: (upstream?.pending ?? 0) + ops.length };
}

/**
 * Whether an op still has to be laid over: until the next tier has answered and the record that
 * includes the op has been pulled from it.
 * @param {{result?: {status: string, seq: number|null}|null}} row  what is known of the op
 * @param {{seq: number}|null|undefined} record  as pulled
 */
export function isPending({ result }, record) {
  if (!result) return true;
  return !ASIDE.includes(result.status) && (record?.seq ?? 0) < (result.seq ?? 0);
}

/** The record after one op. @param {Op} op @param {RuhuRecord|null} record @returns {RuhuRecord|null} */
function after(op, record) {
  const names = Object.keys(op.fields);
  const day = op.device_time.slice(0, 10);
  const days = (/** @type {string[]} */ of) => Object.fromEntries(of.map((name) => [name, day]));
  const news = Object.fromEntries(names.map((name) => [name, op.fields[name].new ?? '']));
  if (!record) {
    if (op.kind !== 'create') return null;
    return { kind: op.entity, id: op.id, area: op.area, rev: 0, seq: 0, fields: news, since: days(names) };
  }
  if (record.deleted || (op.kind === 'create' && DOCUMENTS.includes(op.entity))) return record;
  const head = record.fields;
  if (op.kind === 'void') {
    const seen = names.every((name) => [op.fields[name].old ?? '', op.fields[name].new ?? ''].includes(head[name] ?? ''));
    return seen ? { ...record, deleted: true, fields: { ...head, ...news } } : record;
  }
  if (op.kind !== 'create' && op.kind !== 'update') return record;
  const merged = merge(head, op.fields);
  return {
    ...record,
    fields: { ...head, ...merged.set },
    since: { ...datesOf(record), ...days([...Object.keys(merged.set), ...merged.same]) },
  };
}
