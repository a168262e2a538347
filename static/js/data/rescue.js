/**
 * The way up while ruhu-data cannot be opened: finished work and the keys to send it are beside
 * the outbox, and need nothing else.
 */
import { askBlobs, fetchReceipts, isOurServer, pushAll, pushBlobs } from './push.js';

/** @typedef {import('./push.js').Trouble} Trouble */

/**
 * Send what every install of this phone still has.
 * @param {import('./push.js').Parts} parts
 * @returns {Promise<Trouble | null>} the first answer that stopped it
 */
export async function sendOut(parts) {
  /** @type {Trouble | null} */
  let trouble = null;
  for (const { install_id: id, token } of parts.session.installs) trouble ??= await sendOf(parts, id, token);
  return trouble;
}

/** @param {import('./push.js').Parts} parts @param {string} id @param {string} token @returns {Promise<Trouble | null>} */
async function sendOf(parts, id, token) {
  const { api, outbox, session, now } = parts;
  const before = session.server;
  const hello = await api.post('/sync/v1/hello', { install_id: id, dseq: await outbox.lastDseq(id), unconfirmed: await outbox.unconfirmedOps(id) }, token);
  if (hello.kind !== 'ok') return hello;
  if (!isOurServer(session, hello.data)) return { kind: 'offline', cause: 'wrong_server' };
  if (!session.keysAgree(hello.data)) return { kind: 'offline', cause: 'wrong_key' };
  if (before && before.epoch !== hello.data.epoch) await outbox.offerAgain(id, hello.data.acked_dseq?.[id] ?? 0, hello.data);
  await session.noteServer(hello.data, now());
  return await pushAll(parts, id, token, async () => {}) ?? await pushBlobs(parts, id, token, hello.data.tier)
    ?? await fetchReceipts(parts, id, token) ?? askBlobs(parts, id, token);
}
