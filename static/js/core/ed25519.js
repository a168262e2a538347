/** Checking Ed25519 signatures (RFC 8032); nothing secret is handled here, so it need not be constant-time. */

import { sha512 } from './hashes.js';

const P = 2n ** 255n - 19n;
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

/** @param {bigint} a */
const mod = (a) => ((a % P) + P) % P;

/** @param {bigint} base @param {bigint} exponent */
function power(base, exponent) {
  let result = 1n;
  for (base = mod(base); exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = mod(result * base);
    base = mod(base * base);
  }
  return result;
}

/** @param {bigint} a */
const inverse = (a) => power(a, P - 2n);

const D = mod(-121665n * inverse(121666n));
const ROOT = power(2n, (P - 1n) / 4n);

/** @typedef {[bigint, bigint, bigint, bigint]} Point extended coordinates */

/** @param {Point} one @param {Point} two @returns {Point} */
function add([x1, y1, z1, t1], [x2, y2, z2, t2]) {
  const a = mod((y1 - x1) * (y2 - x2));
  const b = mod((y1 + x1) * (y2 + x2));
  const c = mod(2n * t1 * t2 * D);
  const d = mod(2n * z1 * z2);
  const [e, f, g, h] = [b - a, d - c, d + c, b + a];
  return [mod(e * f), mod(g * h), mod(f * g), mod(e * h)];
}

/** @param {bigint} n @param {Point} point @returns {Point} */
function times(n, point) {
  /** @type {Point} */
  let result = [0n, 1n, 1n, 0n];
  for (; n > 0n; n >>= 1n) {
    if (n & 1n) result = add(result, point);
    point = add(point, point);
  }
  return result;
}

/** @param {Uint8Array} bytes little-endian */
const integer = (bytes) => bytes.reduceRight((sum, byte) => (sum << 8n) + BigInt(byte), 0n);

/** @param {Uint8Array} bytes @returns {Point|null} */
function pointOf(bytes) {
  const packed = integer(bytes);
  const sign = packed >> 255n;
  const y = packed & ((1n << 255n) - 1n);
  if (bytes.length !== 32 || y >= P) return null;
  const square = mod((y * y - 1n) * inverse(D * y * y + 1n));
  let x = power(square, (P + 3n) / 8n);
  if (mod(x * x - square)) x = mod(x * ROOT);
  if (mod(x * x - square) || (x === 0n && sign)) return null;
  if ((x & 1n) !== sign) x = P - x;
  return [x, y, 1n, mod(x * y)];
}

const BASE = /** @type {Point} */ (pointOf(Uint8Array.from({ length: 32 }, (_, i) => (i ? 0x66 : 0x58))));

/** @param {Uint8Array} signature 64 bytes @param {Uint8Array} message @param {Uint8Array} key 32 bytes */
export function verifies(signature, message, key) {
  const point = pointOf(key);
  const r = pointOf(signature.slice(0, 32));
  const s = integer(signature.slice(32, 64));
  if (signature.length !== 64 || !point || !r || s >= ORDER) return false;
  const k = integer(sha512(Uint8Array.from([...signature.slice(0, 32), ...key, ...message]))) % ORDER;
  const [x1, y1, z1] = times(s, BASE);
  const [x2, y2, z2] = add(r, times(k, point));
  return mod(x1 * z2) === mod(x2 * z1) && mod(y1 * z2) === mod(y2 * z1);
}
