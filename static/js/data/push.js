/**
 * The way up: ops in order, then their blobs, then the centre's receipts.
 * Each function returns null when all is well, or the answer that stopped it.
 */
import { headText } from '../core/chain.js';
import { MAX_OPS, batchOf } from './backoff.js';
import { sign } from './keys.js';
import { blobIsThere, wordOf } from './word.js';

/** @typedef {import('./api.js').Offline | import('./api.js').Refused} Trouble */

const BLOB_CHUNK = 256 * 1024;

/**
 * @typedef {{api: import('./api.js').Api, outbox: import('./outbox.js').Outbox,
 *   session: import('./session.js').Session, now: () => Date}} Parts
 */

/**
 * Push everything an install still has to offer.
 * @param {Parts} parts
 * @param {string} installId
 * @param {string} token
 * @param {(trouble: {text: string, next: string, values: Record<string, any>}) => Promise<void>} warn
 * @returns {Promise<Trouble | null>}
 */
export async function pushAll({ api, outbox, session, now }, installId, token, warn) {
  let limit = MAX_OPS;
  for (;;) {
    const batch = batchOf(await outbox.toOffer(installId, limit), limit);
    if (!batch.length) return null;
    const heads = await headsOf(outbox, session, installId, batch[batch.length - 1].dseq);
    if (!heads) return { kind: 'refused', status: 0, code: 'cannot_sign', reason: '', message: '', next: '', retry_after_s: 0, headers: new Headers() };
    await outbox.noteOffered(installId, batch[batch.length - 1].dseq);
    const answer = await api.post('/sync/v1/push', {
      format: 1, server_id: session.server?.server_id ?? null, epoch: session.server?.epoch ?? null,
      ops: batch.map((row) => row.op), heads,
    }, token);
    const tooMuch = answer.kind === 'offline' ? answer.cause === 'timeout'
      : answer.kind === 'refused' && answer.status === 413;
    if (tooMuch && batch.length > 1) {
      limit = Math.max(1, Math.floor(batch.length / 2));
      continue;
    }
    if (answer.kind !== 'ok') return answer;
    if (!isOurServer(session, answer.data)) return { kind: 'offline', cause: 'wrong_server' };
    const receipts = answer.data.results.map((/** @type {any} */ result) => result.receipt);
    const word = await wordOf({ heads: answer.data.heads, receipts }, installId, session.server?.keys, outbox.chainAt);
    const left = await outbox.noteResults(batch, answer.data, now(), word);
    if (word.wrong) return { kind: 'offline', cause: word.wrong };
    if (left.length === batch.length) {
      const expected = answer.data.expected?.[installId];
      if (expected > batch[0].dseq) continue;
      if (expected < batch[0].dseq) {
        if (await hold(outbox, installId, expected)) continue;
        await warn({
          text: '服务器缺少本机第 {from} 到 {to} 条，手机上已不再保留', next: '请告诉管理员从上级恢复',
          values: { from: expected, to: batch[0].dseq - 1 },
        });
      }
      return { kind: 'refused', status: 200, code: 'retry', message: '', next: '', reason: '', retry_after_s: 0, headers: new Headers() };
    }
  }
}

/**
 * The install's signature over its log up to the last op of a batch; none of an install without a key.
 * @param {import('./outbox.js').Outbox} outbox
 * @param {import('./session.js').Session} session
 * @param {string} installId
 * @param {number} dseq
 * @returns {Promise<object[] | null>} null when it should sign and can't
 */
export async function headsOf(outbox, session, installId, dseq) {
  const key = session.installs.find((one) => one.install_id === installId)?.key;
  if (!key) return [];
  try {
    const chain = await outbox.chainAt(installId, dseq);
    return chain ? [{ install_id: installId, dseq, chain, sig: await sign(key, headText(installId, dseq, chain)) }] : null;
  } catch {
    return null;
  }
}

/**
 * Offer again from `expected` when the bodies are still here.
 * @param {import('./outbox.js').Outbox} outbox
 * @param {string} installId
 * @param {number} expected
 */
async function hold(outbox, installId, expected) {
  await outbox.offerAgain(installId, expected - 1, { server_id: '', epoch: '' });
  const [first] = await outbox.toOffer(installId, 1);
  return first?.dseq === expected;
}

/** @param {import('./session.js').Session} session @param {any} reply */
export function isOurServer(session, reply) {
  const known = session.server?.server_id;
  return typeof reply?.server_id === 'string' && (!known || known === reply.server_id);
}

const BLOBS_ASKED = 200;

/** Answers that concern one file and say nothing about the next. */
const OWN_FAULT = new Set([400, 404, 413, 422]);

/**
 * Bring photos, recordings and other files up, each going on from where the node has it. One that the node will
 * not take holds up no other; it is told at the end. What only another install's work names goes with that install:
 * this one may have no say where it belongs.
 * @param {Parts} parts
 * @param {string} installId
 * @param {string} token
 * @param {string} tier the node's: what a centre without keys took is at the centre
 * @returns {Promise<Trouble | null>}
 */
export async function pushBlobs({ api, outbox, session }, installId, token, tier) {
  /** @type {Trouble | null} */
  let trouble = null;
  const others = new Set(session.installs.filter((one) => one.install_id !== installId && !one.refused).map((one) => one.install_id));
  // A centre with keys gives its word on each (askBlobs); what a server says of itself is nobody's word.
  const place = tier === 'centre' && !session.server?.keys ? 'centre' : 'here';
  for (const sha256 of await outbox.blobsToSend(others)) {
    const stopped = await pushBlob(api, outbox, /** @type {string} */ (sha256), token, place);
    if (stopped && !(stopped.kind === 'refused' && OWN_FAULT.has(stopped.status))) return stopped;
    trouble ??= stopped;
  }
  return trouble;
}

/**
 * @param {import('./api.js').Api} api @param {import('./outbox.js').Outbox} outbox @param {string} sha256 @param {string} token @param {'here' | 'centre'} place
 * @returns {Promise<Trouble | null>}
 */
async function pushBlob(api, outbox, sha256, token, place) {
  const blob = await outbox.blob(sha256);
  // Of another person on this phone; it goes closed, or when that person unlocks.
  if (!blob) return null;
  const path = `/sync/v1/blob/${sha256}`;
  const head = await api.request('HEAD', path, { token, as: 'nothing' });
  if (head.kind === 'offline' || (head.kind === 'refused' && head.status !== 404)) return head;
  let offset = head.kind === 'ok' ? Number(head.headers.get('Upload-Offset') ?? 0) : 0;
  let corrections = 0;
  while (offset < blob.size || blob.size === 0) {
    const answer = await api.request('PUT', path, {
      token, body: blob.bytes.slice(offset, offset + BLOB_CHUNK), as: 'nothing',
      headers: {
        'Content-Type': 'application/octet-stream', 'Upload-Offset': String(offset),
        'Upload-Length': String(blob.size),
      },
    });
    if (answer.kind === 'refused' && answer.status === 409 && corrections++ < 5) {
      offset = Number(answer.headers.get('Upload-Offset') ?? 0);
      continue;
    }
    if (answer.kind !== 'ok') return answer;
    if (answer.status === 201) break;
    offset = Number(answer.headers.get('Upload-Offset') ?? offset + BLOB_CHUNK);
  }
  await outbox.markBlob(sha256, place);
  return null;
}

/**
 * Ask how far up the photos are that a node took: three ticks stand for the centre. What the node has lost meanwhile
 * is brought again in the next round.
 * @param {Parts} parts @param {string} installId @param {string} token @returns {Promise<Trouble | null>}
 */
export async function askBlobs({ api, outbox, session }, installId, token) {
  const below = await outbox.blobsBelow(installId);
  for (let from = 0; from < below.length; from += BLOBS_ASKED) {
    const answer = await api.post('/sync/v1/blobs', { sha256: below.slice(from, from + BLOBS_ASKED) }, token);
    // A server of the version before cannot say; the photo stays unconfirmed.
    if (answer.kind === 'refused' && (answer.status === 404 || answer.status === 405)) return null;
    if (answer.kind !== 'ok') return answer;
    for (const [sha256, place] of Object.entries(answer.data.blobs ?? {})) {
      if (place === '') await outbox.markBlob(sha256, '');
      else if (place === 'centre' && await blobIsThere(answer.data.words?.[sha256], sha256, session.server?.keys)) {
        await outbox.markBlob(sha256, 'centre');
      }
    }
  }
  return null;
}

/**
 * Fetch the centre's receipts for what is not ② yet.
 * @param {Parts} parts
 * @param {string} installId
 * @param {string} token
 * @returns {Promise<Trouble | null>}
 */
export async function fetchReceipts({ api, outbox, session, now }, installId, token) {
  const first = await outbox.firstUnconfirmed(installId);
  if (first === null) return null;
  for (let after = first - 1; ;) {
    const answer = await api.get(`/sync/v1/receipts?install_id=${installId}&after=${after}`, token);
    if (answer.kind !== 'ok') return answer;
    const receipts = answer.data.receipts ?? [];
    const word = await wordOf({ heads: answer.data.heads, receipts: receipts.map((/** @type {any} */ one) => one.receipt) },
      installId, session.server?.keys, outbox.chainAt);
    await outbox.noteReceipts(installId, receipts, now(), word);
    if (word.wrong) return { kind: 'offline', cause: word.wrong };
    const last = Math.max(after, ...receipts.map((/** @type {any} */ one) => one.dseq));
    if (last === after || receipts.length < 100) return null;
    after = last;
  }
}
