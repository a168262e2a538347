/**
 * What is signed of a log: its chain, the heads a phone signs, the heads and receipts a server signs.
 * The Python half is sync/logs.py; tests/vectors/log_chain.json holds them together.
 */
import { canonical, textHash } from './canonical.js';

/** The chain of a log without ops. @param {string} installId */
export const chainStart = (installId) => textHash(`ruhu-log-1\n${installId}`);

/** The chain after one more op. @param {string} chain @param {string} hash of the op */
export const chainNext = (chain, hash) => textHash(chain + hash);

/** @param {string} installId @param {number} dseq @param {string} chain */
export const headText = (installId, dseq, chain) => canonical(['ruhu-head-1', installId, dseq, chain]);

/** @param {import('../types.js').ServerHead} head */
export const serverHeadText = (head) => canonical(['ruhu-receipt-head-1', head.install_id, head.dseq, head.chain,
  head.server_id, head.epoch, head.tier, head.time]);

/** @param {import('../types.js').BlobWord} word */
export const blobWordText = (word) => canonical(['ruhu-blob-1', word.sha256, word.server_id, word.epoch]);

/** @param {import('../types.js').Receipt} receipt */
export const receiptText = (receipt) => canonical(['ruhu-receipt-1', receipt.op_id, receipt.hash, receipt.server_id,
  receipt.epoch, receipt.tier, receipt.seq, receipt.time]);
