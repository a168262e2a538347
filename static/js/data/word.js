/**
 * What of a reply is a server's own signed word.
 *
 * A head says "of this install I hold everything up to here, and its chain is this". It counts when the
 * signature is of the key noted for its tier and our own log has that chain there.
 */
import { blobWordText, receiptText, serverHeadText } from '../core/chain.js';
import { verified } from './keys.js';

/**
 * @typedef {import('../types.js').ServerHead} ServerHead
 * @typedef {import('../types.js').Receipt} Receipt
 * @typedef {import('./session.js').Keys} Keys
 * @typedef {{counts: (dseq: number, receipt: Receipt) => boolean, wrong: '' | 'unsigned' | 'other_log'}} Word
 */

/** The word of a server that had no keys when this phone met it: its receipts count by themselves. @type {Word} */
export const UNSIGNED = { counts: () => true, wrong: '' };

/**
 * @param {{heads?: ServerHead[], receipts: Receipt[]}} said
 * @param {string} installId
 * @param {Keys | null | undefined} keys
 * @param {(installId: string, dseq: number) => Promise<string | null>} chainAt
 * @returns {Promise<Word>}
 */
export async function wordOf({ heads = [], receipts }, installId, keys, chainAt) {
  if (!keys) return UNSIGNED;
  /** @param {string} tier */
  const keyOf = (tier) => (tier === 'centre' ? keys.centre : keys.server)?.sign ?? '';
  /** @type {Record<string, number>} */
  const upTo = {};
  /** @type {Word['wrong']} */
  let wrong = '';
  for (const head of heads.filter((one) => one.install_id === installId)) {
    if (!await verified(keyOf(head.tier), serverHeadText(head), head.sig)) wrong ||= 'unsigned';
    else if (await chainAt(installId, head.dseq) !== head.chain) wrong = 'other_log';
    else upTo[head.tier] = Math.max(upTo[head.tier] ?? 0, head.dseq);
  }
  const alone = new Set();
  for (const receipt of receipts) {
    if (receipt?.sig && await verified(keyOf(receipt.tier), receiptText(receipt), receipt.sig)) alone.add(receipt.op_id);
  }
  /** @type {Word['counts']} */
  const counts = (dseq, receipt) => dseq <= (upTo[receipt.tier] ?? 0) || alone.has(receipt.op_id);
  return { counts, wrong };
}

/**
 * Whether the centre itself says that it holds a blob; of one without keys a node's say is all there is.
 * @param {import('../types.js').BlobWord | undefined} word @param {string} sha256 @param {Keys | null | undefined} keys
 */
export async function blobIsThere(word, sha256, keys) {
  if (!keys) return true;
  return word?.sha256 === sha256 && verified(keys.centre?.sign ?? '', blobWordText(word), word.sig);
}
