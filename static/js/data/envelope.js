/** Bytes closed with AES-256-GCM for the holder of a key; what they are about goes into the seal, so no box can be put in another's place. */

/** @typedef {{iv: Uint8Array, box: ArrayBuffer}} Closed */

const NAME = 'AES-GCM';

/** @returns {Uint8Array} 32 random bytes */
export const newRaw = () => crypto.getRandomValues(new Uint8Array(32));

/** @param {Uint8Array} raw @returns {Promise<CryptoKey>} one that no script can read back */
export const keyOf = (raw) => crypto.subtle.importKey('raw', /** @type {any} */ (raw), NAME, false, ['encrypt', 'decrypt']);

/** @param {CryptoKey} key @param {Uint8Array | ArrayBuffer} bytes @param {string} about @returns {Promise<Closed>} */
export async function close(key, bytes, about) {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  return { iv, box: await crypto.subtle.encrypt({ name: NAME, iv, additionalData: utf8(about) }, key, /** @type {any} */ (bytes)) };
}

/** @param {CryptoKey} key @param {Closed} closed @param {string} about @throws when the key or about is another, or a bit was changed */
export async function open(key, { iv, box }, about) {
  return new Uint8Array(await crypto.subtle.decrypt({ name: NAME, iv: /** @type {any} */ (iv), additionalData: utf8(about) }, key, box));
}

/** @param {string} text @returns {any} */
export const utf8 = (text) => new TextEncoder().encode(text);
