/**
 * A cadre's data key, closed by the PIN and, around that, by a key of this phone. Whoever copies only one database
 * or learns only the PIN has nothing; what a copy of everything is worth is in docs/decisions/0021.
 */
import { NO_TRIES } from '../core/pin.js';
import { close, keyOf, newRaw, open, utf8 } from './envelope.js';

/**
 * @typedef {import('./envelope.js').Closed} Closed
 * @typedef {{v: 1, salt: Uint8Array, rounds: number, device: CryptoKey, closed: Closed | null, tries: import('../core/pin.js').Tries, id: string, n?: number,
 *   recovery?: Uint8Array, to?: string}} Vault
 *   id: of the data key. n: counts its writes. closed: null once it was destroyed. recovery: the data key closed for the centre, whose key is called `to`
 */

/** Of PBKDF2-SHA-256; a vault remembers its own number, so this one may grow. */
export const ROUNDS = 600_000;

/**
 * @param {string} pin @param {Uint8Array} [raw] the data key where there is one already @param {number} [rounds]
 * @returns {Promise<{vault: Vault, raw: Uint8Array}>}
 */
export async function newVault(pin, raw = newRaw(), rounds = ROUNDS) {
  const salt = crypto.getRandomValues(new Uint8Array(16));
  const device = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
  const inner = await close(await pinKey(pin, salt, rounds), raw, 'ruhu-pin');
  const closed = await close(device, joined(inner), 'ruhu-device');
  return { vault: { v: 1, salt, rounds, device, closed, tries: NO_TRIES, id: await idOf(raw) }, raw };
}

/** @param {Vault} vault @param {string} pin @returns {Promise<Uint8Array | null>} the data key; null: the PIN is wrong */
export async function openVault({ salt, rounds, device, closed }, pin) {
  if (!closed) return null;
  const inner = await open(device, closed, 'ruhu-device');
  const key = await pinKey(pin, salt, rounds);
  return open(key, { iv: inner.subarray(0, 12), box: inner.slice(12).buffer }, 'ruhu-pin').catch(() => null);
}

/** Without its key: nobody opens it any more. @param {Vault} vault @returns {Vault} */
export const burnt = (vault) => ({ ...vault, closed: null, tries: { ...vault.tries, burnt: true } });

/** @param {string} pin @param {Uint8Array} salt @param {number} rounds */
async function pinKey(pin, salt, rounds) {
  const typed = await crypto.subtle.importKey('raw', utf8(pin), 'PBKDF2', false, ['deriveKey']);
  return crypto.subtle.deriveKey({ name: 'PBKDF2', hash: 'SHA-256', salt: /** @type {any} */ (salt), iterations: rounds }, typed,
    { name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
}

/** Tells data keys apart and gives nothing of them away. @param {Uint8Array} raw */
async function idOf(raw) {
  const key = await crypto.subtle.importKey('raw', /** @type {any} */ (raw), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  const mark = new Uint8Array(await crypto.subtle.sign('HMAC', key, utf8('ruhu-data-key')));
  return [...mark.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** @param {Closed} closed */
function joined({ iv, box }) {
  const out = new Uint8Array(iv.length + box.byteLength);
  out.set(iv);
  out.set(new Uint8Array(box), iv.length);
  return out;
}
