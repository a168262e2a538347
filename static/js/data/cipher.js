/**
 * The data key of whoever has unlocked, while they have. Without a PIN (a phone of before) everything stays plain.
 * What was closed before the PIN was set, or by another person, is not opened here: `open` gives undefined.
 */
import { close, keyOf, open } from './envelope.js';

/** @typedef {import('./envelope.js').Closed} Closed */
/** @typedef {ReturnType<typeof createCipher>} Cipher */

const utf8 = new TextEncoder();

export function createCipher() {
  /** @type {CryptoKey | null} */
  let key = null;

  /** @param {Uint8Array | ArrayBuffer} bytes @param {string} about @returns {Promise<Closed>} */
  function closeBytes(bytes, about) {
    if (!key) throw new Error('nobody has unlocked');
    return close(key, bytes, about);
  }

  /** @param {Closed} closed @param {string} about @returns {Promise<Uint8Array | undefined>} undefined: it is not ours to open */
  const openBytes = async (closed, about) => (key ? open(key, closed, about).catch(() => undefined) : undefined);

  return {
    get on() { return key !== null; },
    get key() { return key; },
    /** @param {CryptoKey | null} next */
    use(next) { key = next; },
    /** @param {Uint8Array} raw */
    async useRaw(raw) { key = await keyOf(raw); },
    closeBytes, openBytes,
    /** @param {unknown} value @param {string} about */
    close: (value, about) => closeBytes(utf8.encode(JSON.stringify(value)), about),
    /** @param {Closed} closed @param {string} about @returns {Promise<any>} */
    async open(closed, about) {
      const bytes = await openBytes(closed, about);
      return bytes && JSON.parse(new TextDecoder().decode(bytes));
    },
  };
}

/** Of a phone where no PIN was set. */
export const PLAIN = createCipher();
