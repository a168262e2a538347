/**
 * Bytes closed for one reader: HPKE base mode (RFC 9180) on P-256 with HKDF-SHA256 and AES-256-GCM.
 * `sync/sealed.py` is the other home of this rule; both read tests/vectors/sealed.json.
 */
import { Aes256Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from '@hpke/core';

const suite = () => new CipherSuite({ kem: new DhkemP256HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
const POINT = 65;

/**
 * Close for the holder of a public key; opens only with the same context.
 * @param {Uint8Array} plain @param {string} publicKey raw point as base64url @param {Uint8Array} context
 */
export async function seal(plain, publicKey, context) {
  const hpke = suite();
  const recipientPublicKey = await hpke.kem.deserializePublicKey(bytesOf(fromText(publicKey)));
  const sender = await hpke.createSenderContext({ recipientPublicKey, info: bytesOf(context) });
  const closed = new Uint8Array(await sender.seal(bytesOf(plain)));
  const enc = new Uint8Array(sender.enc);
  const out = new Uint8Array(enc.length + closed.length);
  out.set(enc);
  out.set(closed, enc.length);
  return out;
}

/**
 * @param {Uint8Array} closed @param {CryptoKey} key a private key for ECDH @param {Uint8Array} context
 * @throws when the key or the context is another, or a bit was changed
 */
export async function unseal(closed, key, context) {
  const recipient = await suite().createRecipientContext({
    recipientKey: key, enc: bytesOf(closed.subarray(0, POINT)), info: bytesOf(context),
  });
  return new Uint8Array(await recipient.open(bytesOf(closed.subarray(POINT))));
}

/** Short name of a public key; tells keys apart and proves nothing. @param {string} publicKey */
export async function keyId(publicKey) {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytesOf(fromText(publicKey))));
  return [...hash.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** @param {string} text base64url without padding */
export function fromText(text) {
  return Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (one) => one.charCodeAt(0));
}

/** The bytes themselves, without what else their buffer holds. @param {Uint8Array} view @returns {ArrayBuffer} */
const bytesOf = (view) => /** @type {ArrayBuffer} */ (view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
