/**
 * What the receipts say of the ops behind a submission.
 * draft: not finished; queued: on this phone (one tick); sent: the node has it (two);
 * confirmed: the centre has it (three); refused: kept apart, a person has to look.
 */

/** @typedef {{result?: {status: string}|null, receipt1?: object|null, receipt2?: object|null}} Known what is known of one op */
/** @typedef {'draft'|'queued'|'sent'|'confirmed'|'refused'} SyncState */

/** The state of work is that of its slowest op. @param {Known[]} ops @returns {SyncState} */
export function syncState(ops) {
  if (!ops.length) return 'draft';
  if (ops.some((op) => op.result?.status === 'quarantined')) return 'refused';
  if (ops.every((op) => op.receipt2)) return 'confirmed';
  return ops.every((op) => op.receipt1 || op.receipt2) ? 'sent' : 'queued';
}

/** Ticks to show. @param {SyncState} state */
export const ticks = (state) => ({ draft: 0, queued: 1, sent: 2, confirmed: 3, refused: 1 })[state];

/**
 * How many pieces of work (submissions, and visits without one) the centre has not confirmed.
 * @param {(Known & {submission: string|null, op_id: string})[]} ops
 */
export function unconfirmedCount(ops) {
  return new Set(ops.filter((op) => !op.receipt2).map((op) => op.submission ?? op.op_id)).size;
}
