/** Functions few forms use: loaded when a definition needs them (rare.js). @import {Value} from '../types.js' */

import { verifies } from './ed25519.js';
import { register } from './functions.js';
import { area, distance, intersects, pointsOf, within } from './geometry.js';
import { HASHES } from './hashes.js';
import { fullMatch } from './patterns.js';
import { hex, sha256 } from './sha256.js';
import { allTexts, fail, nodes, toNumber, toText } from './values.js';

/** @param {string} text */
const utf8 = (text) => new TextEncoder().encode(text);

/** Bytes of base64 text; null when it is none. @param {string} text */
function fromBase64(text) {
  try {
    return Uint8Array.from(atob(text.trim()), (c) => c.charCodeAt(0));
  } catch {
    return null;
  }
}

/** Text of UTF-8 bytes; '' when they are none. @param {Uint8Array} bytes */
function textOfUtf8(bytes) {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return '';
  }
}

const M = 2147483647;

/** @param {Value|undefined} seed @param {() => number} random */
function seedOf(seed, random) {
  if (seed === undefined) return Math.floor(random() * M);
  const number = toNumber(seed);
  if (Number.isFinite(number)) return Number(BigInt(Math.trunc(number)) % BigInt(M));
  const text = toText(seed);
  if (typeof seed === 'number' || text === '' || text === 'NaN') return 0;
  return Number(new DataView(sha256(utf8(text)).buffer).getBigInt64(0) % BigInt(M));
}

/**
 * The inside-out shuffle with the Park–Miller generator, the same in all engines.
 * @template T @param {T[]} items @param {number} seed already below M
 * @returns {T[]}
 */
export function shuffled(items, seed) {
  let s = seed <= 0 ? seed + M - 1 : seed;
  /** @type {T[]} */
  const out = [];
  items.forEach((item, i) => {
    s = (s * 16807) % M;
    const j = Math.floor(((s - 1) / (M - 1)) * (i + 1));
    if (j !== i) out[i] = out[j];
    out[j] = item;
  });
  return out;
}

register({
  'full-match': [2, 2, (_, [pattern, text]) => fullMatch(toText(pattern), toText(text))],
  digest: [2, 3, (_, [text, algorithm, encoding = 'base64']) => {
    const hash = HASHES[toText(algorithm).toUpperCase()] ?? fail('unknown algorithm of digest()');
    const bytes = hash(utf8(toText(text)));
    const coding = toText(encoding).toLowerCase();
    if (coding === 'hex') return hex(bytes);
    return coding === 'base64' ? btoa(String.fromCharCode(...bytes)) : fail('unknown encoding of digest()');
  }],
  'base64-decode': [1, 1, (_, [text]) => textOfUtf8(fromBase64(toText(text)) ?? new Uint8Array())],
  'extract-signed': [2, 2, (_, [text, key]) => {
    const signed = fromBase64(toText(text));
    const by = fromBase64(toText(key));
    if (!signed || !by || signed.length < 64 || by.length !== 32) return '';
    const message = signed.slice(64);
    return verifies(signed.slice(0, 64), message, by) ? textOfUtf8(message) : '';
  }],
  area: [1, 1, (_, args) => area(pointsOf(allTexts(args).join(';')))],
  distance: [1, 999, (_, args) => distance(pointsOf(allTexts(args).join(';')))],
  geofence: [2, 2, (_, args) => {
    const [point, shape] = args.map((arg) => pointsOf(toText(arg)));
    return point.length > 0 && shape.length > 2 && within(point[0], shape);
  }],
  intersects: [1, 1, (_, [line]) => intersects(pointsOf(toText(line)))],
  randomize: [1, 2, ({ env }, [set, seed]) => shuffled(nodes(set), seedOf(seed, () => env.random()))],
});
