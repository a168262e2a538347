/**
 * Which records of the register lie together in one box of the phone, and how a box is found. A record alone would
 * cost a write and three entries of indexes, and a village has 15,000; so a household lies with its people and
 * visits, some tens of records to a pack. Every record is in one pack only: a newer one takes the place of the old.
 * @import {RuhuRecord} from '../types.js'
 */

/** Kinds that are read by household or by id, and never all at once. */
export const PACKED = new Set(['household', 'member', 'visit']);

export const PACK = 64;

/** @param {{kind: string, id: string}} record */
export const nameOf = ({ kind, id }) => `${kind} ${id}`;
/** @param {string} household */
export const familyName = (household) => `of ${household}`;
/** @param {string} code */
export const codeName = (code) => `code ${code}`;
/** @param {RuhuRecord} record @returns {string} the household it belongs to */
export const familyOf = ({ kind, id, fields }) => (kind === 'household' ? id : fields?.household_id ?? '');

/** 32 bits of a name (FNV-1a). Two names may share them: what is found is looked at. @param {string} name */
export function markOf(name) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** @param {{counts: Record<string, number>}} place */
export const sizeOf = ({ counts }) => Object.values(counts).reduce((sum, one) => sum + one, 0);
/** Too small to be left alone: the next records join it. @param {{counts: Record<string, number>}} place */
export const isSmall = (place) => sizeOf(place) < PACK / 2;
