/**
 * What finished work says, as it lies in the outbox: closed under a key of its own, and that key closed twice, for
 * whoever made it and for the centre. So the centre can open what a locked or forgotten phone sends, and nobody else.
 * Beside the box stands only what sending needs: ids, numbers, hashes.
 */
import { PLAIN } from './cipher.js';
import { close, keyOf, newRaw, open, utf8 } from './envelope.js';

/**
 * @typedef {import('./envelope.js').Closed} Closed
 * @typedef {{work: string, mine: Closed, centre: Uint8Array, to: string}} WorkKey  to: the name of the centre's key
 * @typedef {{entity: string, id: string, blobs: {sha256: string, size: number}[], household_id?: string}} About  household_id: where the op puts the record
 * @typedef {import('./outbox.js').Row} Row
 * @typedef {import('./outbox.js').NewBlob} NewBlob
 * @typedef {{sha256: string, size: number, type: string, key: WorkKey, parts: Closed[]}} ClosedBlob
 * @typedef {ReturnType<typeof createBodies>} Bodies
 */

/** As large as a piece that travels. */
const PART = 256 * 1024;

/** What the seal for the centre says it is about. @param {string} work */
export const workContext = (work) => utf8(`ruhu-work-1\n${work}`);

/** @param {{cipher?: import('./cipher.js').Cipher, centre?: () => string}} [parts] centre: the public key it is sealed to, '' while unknown */
export function createBodies({ cipher = PLAIN, centre = () => '' } = {}) {
  /** Ops never change: opened once. @type {Map<string, import('../types.js').Op>} */
  const known = new Map();
  /** @type {Map<string, Promise<CryptoKey | null>>} */
  const keys = new Map();

  /**
   * @param {Row[]} rows one piece of work @param {NewBlob[]} blobs @param {string} work
   * @returns {Promise<{rows: Row[], blobs: (NewBlob | ClosedBlob)[]}>}
   */
  async function closeWork(rows, blobs, work) {
    if (!cipher.on) return { rows, blobs };
    const raw = newRaw();
    const [workKey, mine, sealed] = await Promise.all([keyOf(raw), cipher.closeBytes(raw, `work|${work}`), forCentre(raw, work)]);
    // What nobody but a person with a good memory could open is not closed yet.
    if (!sealed) return { rows, blobs };
    const key = { work, mine, ...sealed };
    return {
      rows: await Promise.all(rows.map(async ({ op, ...row }) => (op
        ? { ...row, about: aboutOp(op), key, box: await close(workKey, json(op), `op|${row.op_id}`) }
        : { ...row, op }))),
      blobs: await Promise.all(blobs.map(async ({ bytes, ...blob }) => ({ ...blob, key, parts: await partsOf(workKey, bytes, blob.sha256) }))),
    };
  }

  /** @param {Uint8Array} raw @param {string} work @returns {Promise<{centre: Uint8Array, to: string} | null>} null where it cannot be: work is never held up by it */
  async function forCentre(raw, work) {
    const publicKey = centre();
    if (!publicKey) return null;
    try {
      const { keyId, seal } = await import('./sealed.js');
      return { centre: await seal(raw, publicKey, workContext(work)), to: await keyId(publicKey) };
    } catch {
      return null;
    }
  }

  /** @param {WorkKey} key */
  function keyFor(key) {
    // Photos of one work may have been closed later than its ops, under another key.
    const name = `${key.work} ${key.mine.iv}`;
    const found = keys.get(name) ?? cipher.openBytes(key.mine, `work|${key.work}`).then((raw) => (raw ? keyOf(raw) : null));
    if (cipher.on) keys.set(name, found);
    return found;
  }

  /** With what they say, those that are ours to open; the others as they lie. @param {Row[]} rows @returns {Promise<Row[]>} */
  const openRows = (rows) => Promise.all(rows.map(async (row) => {
    if (!row.box || !row.key) return row;
    let op = known.get(row.op_id);
    if (!op) {
      const key = await keyFor(row.key);
      const bytes = key && await open(key, row.box, `op|${row.op_id}`).catch(() => null);
      if (!bytes) return row;
      op = /** @type {import('../types.js').Op} */ (JSON.parse(new TextDecoder().decode(bytes)));
      known.set(row.op_id, op);
    }
    return { ...row, op };
  }));

  /** @param {(NewBlob | ClosedBlob) | undefined} blob @returns {Promise<NewBlob | undefined>} undefined: not here, or not ours to open */
  async function openBlob(blob) {
    if (!blob || !('parts' in blob)) return blob;
    const key = await keyFor(blob.key);
    if (!key) return undefined;
    const parts = await Promise.all(blob.parts.map((part, n) => open(key, part, partOf(blob.sha256, n)).catch(() => null)));
    if (parts.includes(null)) return undefined;
    const { sha256, size, type } = blob;
    return { sha256, size, type, bytes: await new Blob(/** @type {any} */ (parts)).arrayBuffer() };
  }

  return { closeWork, openRows, openBlob, get on() { return cipher.on; } };
}

/** What is known of an op without opening it; null once its body is gone. @param {Row} row @returns {About | null} */
export const aboutOf = (row) => (row.op ? aboutOp(row.op) : row.about ?? null);

/** @param {import('../types.js').Op} op @returns {About} */
const aboutOp = ({ entity, id, blobs, fields }) => ({
  entity, id, blobs, ...(typeof fields.household_id?.new === 'string' && { household_id: fields.household_id.new }),
});

/** @param {string} sha256 @param {number} n */
const partOf = (sha256, n) => `blob|${sha256}|${n}`;

/** @param {CryptoKey} key @param {ArrayBuffer} bytes @param {string} sha256 */
function partsOf(key, bytes, sha256) {
  const parts = [];
  for (let at = 0; at < bytes.byteLength || !parts.length; at += PART) parts.push(close(key, bytes.slice(at, at + PART), partOf(sha256, parts.length)));
  return Promise.all(parts);
}

/** @param {unknown} value */
const json = (value) => utf8(JSON.stringify(value));
