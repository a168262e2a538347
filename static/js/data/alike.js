/** Who on this phone somebody typed in may be, and which household: rows name those worth opening. */
import { likeHouseholds, likePeople } from '../core/alike.js';
import { TAIL } from '../core/search-row.js';

/** Households opened for one answer; a name that more have tells nothing. */
const OPENED = 30;

/**
 * @typedef {import('../core/search-row.js').Row} Row
 * @typedef {import('../core/alike.js').Typed} Typed
 * @typedef {import('../core/alike.js').Why} Why
 * @typedef {import('../types.js').RuhuRecord} RuhuRecord
 * @typedef {{rows: () => Promise<Row[]>, members: (household: string) => Promise<RuhuRecord[]>}} Store
 * @typedef {{why: Why, row: Row, person?: RuhuRecord}} Alike
 */

/**
 * @param {Store} store @param {Typed} typed @param {string} area @param {string} own the person that is typed in, who is nobody else
 * @param {(name: string) => string} soundOf @returns {Promise<Alike[]>}
 */
export async function peopleAlike(store, typed, area, own, soundOf) {
  const { full_name: name = '', id_no: number = '', birth_date: born = '' } = typed;
  if (!name && !number) return [];
  const sound = name && born ? soundOf(name) : '';
  const tail = number.slice(-TAIL);
  const worth = (await store.rows()).filter((row) => (tail && row.tails.includes(tail)) || (name && row.names.includes(name))
    || (sound && row.area === area && row.names.some((one) => soundOf(one) === sound))).slice(0, OPENED);
  /** @type {Map<string, Alike & {person: RuhuRecord}>} */
  const people = new Map();
  for (const row of worth) {
    for (const person of await store.members(row.id)) if (person.id !== own) people.set(person.id, { why: 'name', row, person });
  }
  const known = [...people.values()].map(({ person }) => person);
  return likePeople(typed, area, known, soundOf).map(({ id, why }) => ({ .../** @type {Alike} */ (people.get(id)), why }));
}

/** By the head's name or the door: the number is not among the rows. @param {Store} store @param {Typed} typed @param {string} area @param {string} own @param {(name: string) => string} soundOf @returns {Promise<Alike[]>} */
export async function householdsAlike(store, typed, area, own, soundOf) {
  const rows = new Map((await store.rows()).filter((row) => row.area === area && row.id !== own).map((row) => [row.id, row]));
  const known = [...rows.values()].map(({ id, head, group, house_no }) => ({ id, area, fields: { head_name: head, group, house_no } }));
  return likeHouseholds(typed, area, known, soundOf).map(({ id, why }) => ({ why, row: /** @type {Row} */ (rows.get(id)) }));
}
