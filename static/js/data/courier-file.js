/**
 * The courier file as bytes. `sync/courier.py` says what it looks like and why, and is its other home.
 */
import { fromText, keyId, seal, unseal } from './sealed.js';

/**
 * @typedef {{v?: number, kind: string, id: string, sender: string, reader?: string, to?: string, by?: string, about?: string}} Head
 * @typedef {{name: string, facts: Record<string, any>, body: Uint8Array}} Message
 */

const MAGIC = Uint8Array.of(0x89, 0x52, 0x55, 0x48, 0x55, 0x0d, 0x0a, 0x1a);
const VERSION = 1;
const LABEL = new TextEncoder().encode('ruhu-courier-1\n');
const MAX_HEAD = 2048;
const MAX_BODY = 1024 * 1024;
const MAX_PART = MAX_BODY + 4096 + 147;
const SIGNATURE = 64;
const SENDER = 'sender';
const WORTH_PACKING = 200;
export const BLOB_CHUNK = 256 * 1024;

/** Why a file, or the rest of it, is not used. Codes are those of `sync/problems.py`. */
export class CourierProblem extends Error {
  /** @param {string} code */
  constructor(code) {
    super(code);
    this.code = code;
  }
}

/**
 * Starts a file closed for one reader. Its pieces are Blobs, so that many photos need not fit into memory.
 * @param {Head} head @param {string} sealTo public key of the reader
 * @param {CryptoKey | null} [signer] signs every part as the sender, whose public key the reader knows
 */
export async function courierWriter(head, sealTo, signer = null) {
  const by = signer ? { by: SENDER } : {};
  const spelled = new TextEncoder().encode(JSON.stringify({ v: VERSION, ...head, to: await keyId(sealTo), ...by }));
  const digest = await sha256(spelled);
  /** @type {Blob[]} */
  const pieces = [blobOf([MAGIC, counted(spelled)])];
  let parts = 0;

  /** @param {string} name @param {Uint8Array} [body] @param {Record<string, any>} [facts] @param {boolean} [pack] */
  async function write(name, body = new Uint8Array(), facts = {}, pack = true) {
    const packed = pack && body.length > WORTH_PACKING ? await through(body, 'CompressionStream') : null;
    const smaller = packed && packed.length < body.length ? packed : null;
    const about = new TextEncoder().encode(JSON.stringify({ m: name, ...facts, ...(smaller ? { gzip: 1 } : {}) }));
    parts += 1;
    const plain = joined([Uint8Array.of(about.length >> 8, about.length & 255), about, smaller ?? body]);
    const context = contextOf(digest, parts);
    const closed = await seal(plain, sealTo, context);
    const sig = signer ? await signature(joined([context, closed]), signer) : new Uint8Array();
    pieces.push(blobOf([counted(joined([sig, closed]))]));
  }

  return {
    write,
    async close() {
      await write('end', undefined, { parts });
      return new Blob(pieces, { type: 'application/octet-stream' });
    },
  };
}

/**
 * What anybody may read of a file.
 * @param {Blob} file @returns {Promise<{head: Head, digest: Uint8Array, from: number}>} from: where the parts begin
 * @throws {CourierProblem} courier_foreign, courier_version, courier_cut
 */
export async function courierHead(file) {
  const start = await slice(file, 0, MAGIC.length + 4);
  if (MAGIC.some((byte, at) => start[at] !== byte)) throw new CourierProblem('courier_foreign');
  const length = numberAt(start, MAGIC.length);
  if (length > MAX_HEAD) throw new CourierProblem('courier_foreign');
  const from = start.length + length;
  const spelled = await slice(file, start.length, from);
  let head;
  try {
    head = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(spelled));
  } catch {
    throw new CourierProblem('courier_foreign');
  }
  if (typeof head?.kind !== 'string') throw new CourierProblem('courier_foreign');
  if ((head.v ?? VERSION) > VERSION) throw new CourierProblem('courier_version');
  return { head, digest: await sha256(spelled), from };
}

/**
 * The messages of a file, one at a time; what came before a fault may be used.
 * @param {Blob} file
 * @param {{key?: CryptoKey, keyId?: string, signer?: string}} with_ key opens a closed file, keyId is its name; signer signed its parts
 * @returns {AsyncGenerator<Message>}
 * @throws {CourierProblem}
 */
export async function* courierMessages(file, { key, keyId: mine = '', signer = '' }) {
  const { head, digest, from } = await courierHead(file);
  if (head.to && (!key || head.to !== mine)) throw new CourierProblem('courier_not_for_us');
  if (head.by && (!signer || ![SENDER, await keyId(signer)].includes(head.by))) throw new CourierProblem('courier_not_signed');
  for (let at = from, number = 1; ; number++) {
    const length = numberAt(await slice(file, at, at + 4), 0);
    if (length > MAX_PART) throw new CourierProblem('courier_altered');
    const part = await slice(file, at + 4, at + 4 + length);
    at += 4 + length;
    const context = contextOf(digest, number);
    const message = await messageOf(await opened(part, head, context, key, signer));
    if (message.name !== 'end') {
      yield message;
      continue;
    }
    if (message.facts.parts !== number - 1) throw new CourierProblem('courier_altered');
    return;
  }
}

/** @param {Uint8Array} part @param {Head} head @param {Uint8Array} context @param {CryptoKey | undefined} key @param {string} signer */
async function opened(part, head, context, key, signer) {
  let rest = part;
  if (head.by) {
    rest = part.subarray(SIGNATURE);
    if (!await signed(joined([context, rest]), part.subarray(0, SIGNATURE), signer)) throw new CourierProblem('courier_altered');
  }
  if (!head.to || !key) return rest;
  try {
    return await unseal(rest, key, context);
  } catch {
    throw new CourierProblem('courier_altered');
  }
}

/** @param {Uint8Array} message @param {CryptoKey} key */
const signature = async (message, key) =>
  new Uint8Array(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key, message.slice()));

/** @param {Uint8Array} message @param {Uint8Array} sig @param {string} publicKey */
async function signed(message, sig, publicKey) {
  try {
    const key = await crypto.subtle.importKey('raw', fromText(publicKey), { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify']);
    return await crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, sig.slice(), message.slice());
  } catch {
    return false;
  }
}

/** @param {Uint8Array} plain @returns {Promise<Message>} */
async function messageOf(plain) {
  const length = (plain[0] << 8) + plain[1];
  try {
    const { m: name, gzip, ...facts } = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(plain.subarray(2, 2 + length)));
    const body = plain.subarray(2 + length);
    if (typeof name !== 'string') throw new TypeError();
    return { name, facts, body: gzip ? /** @type {Uint8Array} */ (await through(body, 'DecompressionStream')) : body };
  } catch {
    throw new CourierProblem('courier_altered');
  }
}

/**
 * Packed or unpacked bytes; null where the browser cannot. Never more than a message may hold.
 * @param {Uint8Array} body @param {'CompressionStream' | 'DecompressionStream'} how
 */
async function through(body, how) {
  const Stream = globalThis[how];
  if (!Stream) return null;
  const reader = blobOf([body]).stream().pipeThrough(new Stream('gzip')).getReader();
  /** @type {Uint8Array[]} */
  const chunks = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return joined(chunks);
    size += value.length;
    if (size > MAX_BODY + WORTH_PACKING) {
      await reader.cancel();
      throw new CourierProblem('courier_altered');
    }
    chunks.push(value);
  }
}

/** @param {Blob} file @param {number} from @param {number} to */
async function slice(file, from, to) {
  if (to > file.size) throw new CourierProblem('courier_cut');
  return new Uint8Array(await file.slice(from, to).arrayBuffer());
}

/** @param {Uint8Array} bytes */
const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest('SHA-256', bytes.slice()));
/** @param {Uint8Array[]} parts */
const blobOf = (parts) => new Blob(/** @type {any} */ (parts));
/** @param {Uint8Array} bytes @param {number} at */
const numberAt = (bytes, at) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(at);

/** @param {Uint8Array} body */
const counted = (body) => joined([number4(body.length), body]);
/** @param {number} value */
function number4(value) {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

/** @param {Uint8Array} digest @param {number} number */
const contextOf = (digest, number) => joined([LABEL, digest, number4(number)]);

/** @param {Uint8Array[]} parts */
function joined(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
