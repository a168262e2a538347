/**
 * The row of a household that search and lists are made of.
 * @import {RuhuRecord} from '../types.js'
 */

/**
 * What search and lists need of a household; small, for 20,000 of them are in memory.
 * @typedef {{
 *   id: string, area: string, code: string, head: string, group: string, house_no: string, status: string,
 *   helper: string, last_visit: string, names: string[], tails: string[], pending?: number,
 * }} Row
 */

export const TAIL = 6;

/** @param {any} value */
const text = (value) => (typeof value === 'string' ? value : '');

/**
 * @param {RuhuRecord} household @param {RuhuRecord[]} members
 * @returns {Row}
 */
export function rowOf(household, members) {
  const { fields } = household;
  const here = members.filter((member) => !member.deleted && ['', 'active'].includes(text(member.fields.state)));
  const tails = [fields.phone, ...here.flatMap((member) => [member.fields.id_no, member.fields.phone])];
  return {
    id: household.id,
    area: household.area,
    code: text(fields.code),
    ...(fields.other_codes ? { other_codes: text(fields.other_codes) } : {}),
    head: text(fields.head_name),
    group: text(fields.group),
    house_no: text(fields.house_no),
    status: text(fields.status),
    helper: text(fields.helper),
    last_visit: text(fields.last_visit),
    names: here.map((member) => text(member.fields.full_name)).filter(Boolean),
    tails: tails.map((value) => text(value).slice(-TAIL)).filter(Boolean),
    ...(household.pending ? { pending: household.pending } : {}),
  };
}
