/** MD5, SHA-1, SHA-384 and SHA-512 for the digest() of forms; not for anything that must be safe. */

import { sha256 } from './sha256.js';

/**
 * @param {Uint8Array} bytes @param {number} block size in bytes @param {boolean} little
 * @returns {DataView} with the padding and the length in bits
 */
function padded(bytes, block, little) {
  const lengthBytes = block / 8;
  const size = Math.ceil((bytes.length + 1 + lengthBytes) / block) * block;
  const out = new Uint8Array(size);
  out.set(bytes);
  out[bytes.length] = 0x80;
  const view = new DataView(out.buffer);
  view.setBigUint64(size - 8, 0n);
  if (little) view.setBigUint64(size - 8, BigInt(bytes.length) * 8n, true);
  else view.setBigUint64(size - 8, BigInt(bytes.length) * 8n);
  return view;
}

/** @param {number} x @param {number} n */
const turn = (x, n) => (x << n) | (x >>> (32 - n));

/** @param {number[]} words @param {boolean} little */
function bytesOf(words, little) {
  const view = new DataView(new ArrayBuffer(words.length * 4));
  words.forEach((word, i) => view.setInt32(i * 4, word, little));
  return new Uint8Array(view.buffer);
}

/** @param {Uint8Array} bytes */
function md5(bytes) {
  const view = padded(bytes, 64, true);
  const shifts = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
  const k = Array.from({ length: 64 }, (_, i) => Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32) | 0);
  const h = [0x67452301, 0xefcdab89 | 0, 0x98badcfe | 0, 0x10325476];
  for (let at = 0; at < view.byteLength; at += 64) {
    let [a, b, c, d] = h;
    for (let i = 0; i < 64; i++) {
      const round = i >> 4;
      const f = [(b & c) | (~b & d), (d & b) | (~d & c), b ^ c ^ d, c ^ (b | ~d)][round];
      const word = [i, (5 * i + 1) % 16, (3 * i + 5) % 16, (7 * i) % 16][round];
      const sum = (a + f + k[i] + view.getInt32(at + word * 4, true)) | 0;
      [a, d, c, b] = [d, c, b, (b + turn(sum, shifts[round][i % 4])) | 0];
    }
    [a, b, c, d].forEach((word, i) => (h[i] = (h[i] + word) | 0));
  }
  return bytesOf(h, true);
}

/** @param {Uint8Array} bytes */
function sha1(bytes) {
  const view = padded(bytes, 64, false);
  const h = [0x67452301, 0xefcdab89 | 0, 0x98badcfe | 0, 0x10325476, 0xc3d2e1f0 | 0];
  const w = new Int32Array(80);
  for (let at = 0; at < view.byteLength; at += 64) {
    for (let i = 0; i < 80; i++) w[i] = i < 16 ? view.getInt32(at + i * 4) : turn(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    let [a, b, c, d, e] = h;
    for (let i = 0; i < 80; i++) {
      const [f, k] = i < 20 ? [(b & c) | (~b & d), 0x5a827999] : i < 40 ? [b ^ c ^ d, 0x6ed9eba1]
        : i < 60 ? [(b & c) | (b & d) | (c & d), 0x8f1bbcdc] : [b ^ c ^ d, 0xca62c1d6];
      [e, d, c, b, a] = [d, c, turn(b, 30), a, (turn(a, 5) + f + e + k + w[i]) | 0];
    }
    [a, b, c, d, e].forEach((word, i) => (h[i] = (h[i] + word) | 0));
  }
  return bytesOf(h, false);
}

const MASK = (1n << 64n) - 1n;

/** First 64 bits of the fractional part of a root of a prime. @param {number} prime @param {bigint} power 2 or 3 */
function rootBits(prime, power) {
  const target = BigInt(prime) << (64n * power);
  let low = 0n;
  let high = 1n << 70n;
  while (high - low > 1n) {
    const middle = (low + high) >> 1n;
    if (middle ** power <= target) low = middle;
    else high = middle;
  }
  return low & MASK;
}

/** @type {number[]} */
const primes = [];
for (let n = 2; primes.length < 80; n++) if (primes.every((p) => n % p)) primes.push(n);

/** @param {bigint} x @param {bigint} n */
const turnRight = (x, n) => ((x >> n) | (x << (64n - n))) & MASK;

/** @param {Uint8Array} bytes @param {bigint[]} start @returns {Uint8Array} 64 bytes */
function sha512With(bytes, start) {
  const view = padded(bytes, 128, false);
  const k = primes.map((prime) => rootBits(prime, 3n));
  const h = start.slice();
  for (let at = 0; at < view.byteLength; at += 128) {
    /** @type {bigint[]} */
    const w = [];
    for (let i = 0; i < 80; i++) {
      if (i < 16) w[i] = view.getBigUint64(at + i * 8);
      else {
        const [x, y] = [w[i - 15], w[i - 2]];
        w[i] = (w[i - 16] + (turnRight(x, 1n) ^ turnRight(x, 8n) ^ (x >> 7n)) + w[i - 7] +
          (turnRight(y, 19n) ^ turnRight(y, 61n) ^ (y >> 6n))) & MASK;
      }
    }
    let [a, b, c, d, e, f, g, j] = h;
    for (let i = 0; i < 80; i++) {
      const one = j + (turnRight(e, 14n) ^ turnRight(e, 18n) ^ turnRight(e, 41n)) + ((e & f) ^ (~e & MASK & g)) + k[i] + w[i];
      const two = (turnRight(a, 28n) ^ turnRight(a, 34n) ^ turnRight(a, 39n)) + ((a & b) ^ (a & c) ^ (b & c));
      [j, g, f, e, d, c, b, a] = [g, f, e, (d + one) & MASK, c, b, a, (one + two) & MASK];
    }
    [a, b, c, d, e, f, g, j].forEach((word, i) => (h[i] = (h[i] + word) & MASK));
  }
  const out = new DataView(new ArrayBuffer(64));
  h.forEach((word, i) => out.setBigUint64(i * 8, word));
  return new Uint8Array(out.buffer);
}

/** @param {Uint8Array} bytes */
export const sha512 = (bytes) => sha512With(bytes, primes.slice(0, 8).map((prime) => rootBits(prime, 2n)));

/** @param {Uint8Array} bytes */
const sha384 = (bytes) => sha512With(bytes, primes.slice(8, 16).map((prime) => rootBits(prime, 2n))).slice(0, 48);

/** @type {Record<string, (bytes: Uint8Array) => Uint8Array>} */
export const HASHES = { MD5: md5, 'SHA-1': sha1, 'SHA-256': sha256, 'SHA-384': sha384, 'SHA-512': sha512 };
