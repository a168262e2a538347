/** The phone's signing key, and signatures of servers. Keys and signatures are base64url, as sync/keys.py spells them. */

const CURVE = { name: 'ECDSA', namedCurve: 'P-256' };
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' };

/** A new key whose private half no script can read, not even ours. @returns {Promise<{key: CryptoKey, public_key: string}>} */
export async function newKey() {
  const pair = await crypto.subtle.generateKey(CURVE, false, ['sign', 'verify']);
  return { key: pair.privateKey, public_key: toText(new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey))) };
}

/** @param {CryptoKey} key @param {string} text */
export const sign = async (key, text) => toText(new Uint8Array(await crypto.subtle.sign(SIGNING, key, utf8(text))));

/** Whether the holder of that key signed the text; false for whatever else came. @param {string} publicKey @param {string} text @param {unknown} sig */
export async function verified(publicKey, text, sig) {
  if (typeof sig !== 'string' || !sig) return false;
  try {
    const key = await crypto.subtle.importKey('raw', fromText(publicKey), CURVE, false, ['verify']);
    return await crypto.subtle.verify(SIGNING, key, fromText(sig), utf8(text));
  } catch {
    return false;
  }
}

/** @param {string} text @returns {any} */
const utf8 = (text) => new TextEncoder().encode(text);
/** @param {Uint8Array} bytes */
const toText = (bytes) => btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
/** @param {string} text @returns {any} */
const fromText = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (each) => each.charCodeAt(0));
