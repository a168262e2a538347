/**
 * What packs hold once newer records have come, and how a pack is found: decided here, written by taking-in.js.
 * @import {RuhuRecord} from '../types.js'
 */
import { PACK, codeName, familyName, familyOf, markOf, nameOf } from './packing.js';

/** A pack takes in what joins its households until it holds so many. */
const FULL = 2 * PACK;

/** Names under which a record is looked for. @param {RuhuRecord} record */
function namesOf(record) {
  const family = familyOf(record);
  return [nameOf(record), ...(family ? [familyName(family)] : []), ...(record.fields?.code ? [codeName(record.fields.code)] : [])];
}

/** What stands beside a pack, so that it is found unopened. @param {RuhuRecord[]} records */
export function placeOf(records) {
  /** @type {Record<string, number>} */
  const counts = {};
  for (const { kind } of records) counts[kind] = (counts[kind] ?? 0) + 1;
  return { marks: Uint32Array.from(new Set(records.flatMap(namesOf).map(markOf))), counts };
}

/**
 * What packs hold once newer records have come.
 * @param {Map<string, RuhuRecord[]>} packs those that may hold them or their households, and a small one where there is one
 * @param {RuhuRecord[]} coming one of each name; deleted ones go
 * @param {() => string} newId
 * @returns {Map<string, RuhuRecord[]>} the packs that changed; one that holds nothing any more is to go
 */
export function repacked(packs, coming, newId) {
  /** @type {Map<string, string[]>} */
  const where = new Map();
  /** @type {Map<string, string>} */
  const homes = new Map();
  let spare = '';
  for (const [id, records] of packs) {
    if (records.length < PACK / 2) spare = id;
    for (const record of records) {
      const name = nameOf(record);
      where.set(name, [...where.get(name) ?? [], id]);
      const family = familyOf(record);
      if (family && records.length < FULL) homes.set(family, id);
    }
  }
  /** @type {Map<string, Map<string, RuhuRecord>>} */
  const changed = new Map();
  /** @param {string} id */
  const touched = (id) => {
    const contents = changed.get(id) ?? new Map((packs.get(id) ?? []).map((record) => [nameOf(record), record]));
    changed.set(id, contents);
    return contents;
  };
  /** @type {Map<string, RuhuRecord[]>} */
  const fresh = new Map();
  let alone = 0;
  for (const record of coming) {
    const name = nameOf(record);
    const [here, ...doubles] = where.get(name) ?? [];
    for (const id of doubles) touched(id).delete(name);
    if (record.deleted) {
      if (here) touched(here).delete(name);
      continue;
    }
    const family = familyOf(record);
    const home = here ?? homes.get(family);
    if (home && (here || touched(home).size < FULL)) {
      touched(home).set(name, record);
      continue;
    }
    const key = family || name;
    const together = fresh.get(key);
    if (together) together.push(record);
    else fresh.set(key, [record]);
    alone += 1;
  }
  let into = alone < PACK / 2 && spare ? touched(spare) : null;
  for (const records of fresh.values()) {
    if (!into || into.size >= PACK) changed.set(newId(), into = new Map());
    for (const record of records) into.set(nameOf(record), record);
  }
  return new Map([...changed].map(([id, contents]) => [id, [...contents.values()]]));
}
