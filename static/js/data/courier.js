/**
 * Work that goes by file where no network is: what the centre has not confirmed, closed for the centre,
 * and the receipts that come back. Loaded when somebody asks for it.
 *
 * An export changes nothing but one thing: what may be at a server can't be undone any more.
 */
import { MAX_OPS, batchOf } from './backoff.js';
import { BLOB_CHUNK, CourierProblem, courierHead, courierMessages, courierWriter } from './courier-file.js';
import { headsOf } from './push.js';
import { wordOf } from './word.js';

/**
 * @typedef {{outbox: import('./outbox.js').Outbox, session: import('./session.js').Session, now: () => Date, ids: () => string}} Parts
 * @typedef {{name: string, file: Blob, works: number, ops: number, photos: number}} Export
 * @typedef {{confirmed: number, photos: number, problem: string}} ReceiptsRead problem: code of what ended the file early, or ''
 */

/**
 * One closed file for each person on this phone whose work the centre has not confirmed.
 * @param {Parts} parts
 * @param {(done: number, all: number) => void} [told] ops and photos so far
 * @returns {Promise<Export[]>}
 * @throws {CourierProblem} courier_no_centre_key
 */
export async function exportWork(parts, told = () => {}) {
  const { outbox, session } = parts;
  const centre = session.server?.keys?.centre?.seal;
  if (!centre) throw new CourierProblem('courier_no_centre_key');
  const made = [];
  for (const installId of await outbox.openInstalls()) {
    const install = session.installs.find((one) => one.install_id === installId);
    const one = install && await exportOf(parts, install, centre, told);
    if (one) made.push(one);
  }
  return made;
}

/**
 * @param {Parts} parts @param {import('./session.js').Install} install @param {string} centre
 * @param {(done: number, all: number) => void} told
 * @returns {Promise<Export | null>} null when there is nothing to carry
 */
async function exportOf(parts, install, centre, told) {
  return written(parts, install, centre, told, { from: 0, largest: Infinity });
}

/**
 * One file of a person's work, as many photos with it as it may hold.
 * @param {Parts} parts @param {import('./session.js').Install} install @param {{from: number, largest: number}} range  from: the first photo
 */
export const exportFrom = (parts, install, range) => written(parts, install, parts.session.server?.keys?.centre?.seal ?? '', () => {}, range);

/**
 * @param {Parts} parts @param {import('./session.js').Install} install @param {string} centre
 * @param {(done: number, all: number) => void} told @param {{from: number, largest: number}} range
 * @returns {Promise<Export & {next: number} | null>} next: the first photo that is not in it, -1 when none is left
 */
async function written({ outbox, session, now, ids }, install, centre, told, { from, largest }) {
  const rows = await outbox.bodies.openRows(await outbox.closedRows(install.install_id));
  const photos = await outbox.blobsOf(rows);
  const all = rows.length + photos.length;
  if (!all) return null;
  // Remembered before the bytes can leave: these ops cannot be taken back now.
  if (rows.length) await outbox.noteOffered(install.install_id, rows[rows.length - 1].dseq);
  const writer = await courierWriter({ kind: 'ops', id: ids(), sender: install.install_id }, centre, install.key ?? null);
  const json = (/** @type {unknown} */ value) => new TextEncoder().encode(JSON.stringify(value));
  await writer.write('hello', json({ dseq: await outbox.lastDseq(install.install_id) }));
  for (let at = 0; at < rows.length;) {
    const open = rows.findIndex((row, i) => i >= at && !row.op);
    const batch = open === at ? [rows[at]] : batchOf(rows.slice(at, open < 0 ? undefined : open), MAX_OPS);
    const heads = await headsOf(outbox, session, install.install_id, batch[batch.length - 1].dseq);
    if (!heads) throw new CourierProblem('courier_cannot_sign');
    if (open === at) await writeClosed(writer, batch[0], heads[0]);
    else await writer.write('push', json({ format: 1, server_id: null, epoch: null, ops: batch.map((row) => row.op), heads }));
    at += batch.length;
    told(at, all);
  }
  let bytes = 0;
  let next = -1;
  for (const [i, sha256] of photos.entries()) {
    if (i < from) continue;
    const blob = await outbox.blob(sha256);
    const size = (blob ?? await outbox.blobAsKept(sha256))?.size ?? 0;
    bytes += size;
    if (bytes > largest && i > from) {
      next = i;
      break;
    }
    if (!blob) await writeClosedBlob(writer, /** @type {any} */ (await outbox.blobAsKept(sha256)));
    for (let offset = 0; blob && offset < blob.size; offset += BLOB_CHUNK) {
      const part = new Uint8Array(blob.bytes.slice(offset, offset + BLOB_CHUNK));
      await writer.write('blob', part, { sha256, offset, length: blob.size }, false);
    }
    told(rows.length + i + 1, all);
  }
  return {
    name: `ruhu-${stamp(now())}.ruhu`, file: await writer.close(), ops: rows.length, photos: photos.length,
    works: new Set(rows.map((row) => row.submission ?? row.op_id)).size, next,
  };
}

/**
 * An op that nobody here can open now, as it lies: the centre has the key.
 * @param {Awaited<ReturnType<typeof courierWriter>>} writer @param {import('./outbox.js').Row} row @param {object | undefined} head
 */
async function writeClosed(writer, { op_id, key, box }, head) {
  if (!key || !box) throw new CourierProblem('courier_altered');
  await writer.write('closed', bytesOf(box), { op_id, work: key.work, key: toText(key.centre), head: head ?? null }, false);
}

/** @param {Awaited<ReturnType<typeof courierWriter>>} writer @param {import('./bodies.js').ClosedBlob | undefined} blob */
async function writeClosedBlob(writer, blob) {
  for (const [n, part] of (blob?.parts ?? []).entries()) {
    const { sha256, size, key } = /** @type {import('./bodies.js').ClosedBlob} */ (blob);
    await writer.write('closed_blob', bytesOf(part), { sha256, n, offset: n * BLOB_CHUNK, length: size, work: key.work, key: toText(key.centre) }, false);
  }
}

/** @param {import('./envelope.js').Closed} closed */
function bytesOf({ iv, box }) {
  const out = new Uint8Array(iv.length + box.byteLength);
  out.set(iv);
  out.set(new Uint8Array(box), iv.length);
  return out;
}

/** @param {Uint8Array} bytes as base64url */
const toText = (bytes) => btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');

/**
 * Take in what the centre says of an export. Only what the pinned centre signed counts, as over the network.
 * @param {Parts} parts
 * @param {Blob} file
 * @returns {Promise<ReceiptsRead>}
 * @throws {CourierProblem} when the file cannot be begun
 */
export async function readReceipts({ outbox, session, now }, file) {
  const { head } = await courierHead(file);
  if (head.kind !== 'receipts') throw new CourierProblem(head.kind === 'ops' ? 'courier_is_export' : 'courier_foreign');
  if (!session.installs.some((one) => one.install_id === head.reader)) throw new CourierProblem('courier_other_device');
  if (!head.by) throw new CourierProblem('courier_not_signed');
  const before = await outbox.unconfirmed();
  let photos = 0;
  let problem = '';
  /** @type {any} */
  let centre = null;
  let read = 0;
  try {
    for await (const { name, facts, body } of courierMessages(file, { signer: session.server?.keys?.centre?.sign })) {
      const said = JSON.parse(new TextDecoder().decode(body) || 'null');
      read += 1;
      if (name === 'hello') centre = said;
      else if (name === 'receipts') await noteLog(outbox, session, facts, said, centre, now());
      else if (name === 'blobs') photos += await notePhotos(outbox, said.here);
    }
  } catch (error) {
    if (!(error instanceof CourierProblem) || read === 0) throw error;
    problem = error.code;
  }
  return { confirmed: before - await outbox.unconfirmed(), photos, problem };
}

/**
 * @param {import('./outbox.js').Outbox} outbox @param {import('./session.js').Session} session @param {Record<string, any>} facts
 * @param {{receipts: any[], heads?: any[]}} said @param {{server_id: string, epoch: string}} centre @param {Date} at
 */
async function noteLog(outbox, session, facts, said, centre, at) {
  const id = facts.install_id;
  if (!session.installs.some((one) => one.install_id === id)) return;
  // The centre lost what it once had: what it lacks goes into the next export.
  if (facts.expected) await outbox.offerAgain(id, facts.expected - 1, centre);
  const word = await wordOf({ heads: said.heads, receipts: said.receipts.map((one) => one.receipt) },
    id, session.server?.keys, outbox.chainAt);
  await outbox.noteReceipts(id, said.receipts, at, word);
  if (word.wrong) throw new CourierProblem(`courier_${word.wrong}`);
}

/** Photos the centre has. @param {import('./outbox.js').Outbox} outbox @param {string[]} here */
async function notePhotos(outbox, here) {
  const waiting = new Set([...await outbox.blobsToSend(), ...await outbox.blobsBelow()]);
  const there = here.filter((sha256) => waiting.has(sha256));
  for (const sha256 of there) await outbox.markBlob(sha256, 'centre');
  return there.length;
}

/** 20261124-2015 on the phone's clock. @param {Date} moment */
function stamp(moment) {
  const two = (/** @type {number} */ value) => String(value).padStart(2, '0');
  return `${moment.getFullYear()}${two(moment.getMonth() + 1)}${two(moment.getDate())}-${two(moment.getHours())}${two(moment.getMinutes())}`;
}
