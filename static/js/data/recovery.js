/**
 * A forgotten unlock code, with the office's help. When a code is set the data key is closed for the centre too; the
 * phone asks for it back by a file, and the answer opens on this phone only. `sync/recovery.py` is the other home.
 */
import { utf8 } from './envelope.js';
import { sent, whole } from './db.js';

const FORMAT = 'ruhu-recovery-1';
const CURVE = { name: 'ECDH', namedCurve: 'P-256' };
/** @typedef {import('./vault.js').Vault} Vault */
/** @typedef {{db: {outbox: import('./db.js').Connection}, lock: import('./lock.js').Lock, session: import('./session.js').Session}} Parts */

/** @param {string} whom @param {string} user @param {string} vault */
const context = (whom, user, vault) => utf8(`${FORMAT}\n${whom}\n${user}\n${vault}`);

/**
 * The data key closed for the centre; nothing while its key is not known.
 * @param {Uint8Array} raw @param {{user: string, vault: string, centre: string}} about
 * @returns {Promise<{recovery: Uint8Array, to: string} | {}>}
 */
export async function closedForOffice(raw, { user, vault, centre }) {
  if (!centre) return {};
  try {
    const { keyId, seal } = await import('./sealed.js');
    return { recovery: await seal(raw, centre, context('for the centre', user, vault)), to: await keyId(centre) };
  } catch {
    return {};
  }
}

/**
 * The request as a file, and the code that the office must type. The key for the answer stays here.
 * @param {Parts} parts @returns {Promise<{file: Blob, code: string} | null>} null: there is nothing the office could open
 */
export async function askOffice({ db, lock, session }) {
  const { vault, user } = lock;
  if (!vault?.recovery) return null;
  const pair = await crypto.subtle.generateKey(CURVE, true, ['deriveBits']);
  const reply = toText(new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey)));
  const text = JSON.stringify({ format: FORMAT, user, install: session.install_id ?? '-', vault: vault.id, sealed: toText(vault.recovery), reply });
  await db.outbox.run((idb) => whole(idb, ['counter'], async (tx) => sent(tx.objectStore('counter').put({ key: `recover:${user}`, value: pair }))));
  return { file: new Blob([text], { type: 'application/octet-stream' }), code: await codeOf(text) };
}

/**
 * The data key out of the office's answer.
 * @param {Parts} parts @param {Blob} file @returns {Promise<Uint8Array>}
 * @throws {Error} 'foreign' for a file that is none, 'other' for another phone's or request's
 */
export async function takeAnswer({ db, lock }, file) {
  const { user, vault } = lock;
  const said = await file.text().then(JSON.parse).catch(() => null);
  if (said?.format !== FORMAT || typeof said.closed !== 'string') throw new Error('foreign');
  const pair = /** @type {CryptoKeyPair | undefined} */ ((await db.outbox.run((idb) => idb.get('counter', `recover:${user}`)))?.value);
  if (!pair || !vault || said.vault !== vault.id) throw new Error('other');
  const { fromText, unseal } = await import('./sealed.js');
  return unseal(fromText(said.closed), pair.privateKey, context('for the phone', user, vault.id)).catch(() => { throw new Error('other'); });
}

/** @param {string} text */
async function codeOf(text) {
  const digest = await crypto.subtle.digest('SHA-256', utf8(text));
  return String(new DataView(digest).getUint32(0) % 1_000_000).padStart(6, '0');
}

/** @param {Uint8Array} bytes as base64url */
const toText = (bytes) => btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
