/**
 * Places told by digest, so that a difference between phone and node is found. The Python half, with the
 * reasons, is sync/digest.py; tests/vectors/digest.json holds them together.
 * @import {RuhuRecord} from '../types.js'
 */
import { canonical } from './canonical.js';
import { hex, sha256 } from './sha256.js';
import { datesOf } from './since.js';

export const BUCKETS = 256;
/** @typedef {[number, string]} Sum how many records, and the XOR of their fingerprints as hex */

const utf8 = new TextEncoder();
const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  return c;
});

/** The village of an area, or the whole code of a larger place. @param {string} area */
export const placeOf = (area) => area.slice(0, 12);

/** @param {string} kind @param {string} id */
export function bucketOf(kind, id) {
  let c = 0xffffffff;
  for (const byte of utf8.encode(`${kind}\0${id}`)) c = CRC[(c ^ byte) & 255] ^ (c >>> 8);
  return (c ^ 0xffffffff) & (BUCKETS - 1);
}

/** Of all that has to be the same on every tier. @param {RuhuRecord} record @returns {Uint8Array} 32 bytes */
export const fingerprint = ({ kind, id, area, rev, fields, since }) =>
  sha256(utf8.encode(canonical({ kind, id, area, rev, fields, since: since && datesOf({ since, fields }) })));

/** Sums of many records, given one after the other. */
export function createSums() {
  /** place → bucket → sum @type {Map<string, Map<number, {count: number, xor: Uint8Array}>>} */
  const places = new Map();
  return {
    /** @param {RuhuRecord} record */
    add(record) {
      const place = placeOf(String(record.area));
      const buckets = places.get(place) ?? new Map();
      places.set(place, buckets);
      const bucket = bucketOf(record.kind, record.id);
      const sum = buckets.get(bucket) ?? { count: 0, xor: new Uint8Array(32) };
      buckets.set(bucket, sum);
      sum.count += 1;
      fingerprint(record).forEach((byte, i) => { sum.xor[i] ^= byte; });
    },
    places: () => [...places.keys()],
    /** @param {string} place @returns {Record<string, Sum>} */
    of: (place) => Object.fromEntries([...places.get(place) ?? []].map(([bucket, { count, xor }]) => [bucket, [count, hex(xor)]])),
  };
}

/** Buckets that are not the same, in order. @param {Record<string, Sum>} here @param {Record<string, Sum>} there */
export const differing = (here, there) => [...new Set([...Object.keys(here), ...Object.keys(there)])]
  .filter((bucket) => String(here[bucket]) !== String(there[bucket])).map(Number).sort((a, b) => a - b);
