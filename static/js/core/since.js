/**
 * When the fields of a record were last said. On the wire and on the phone the dates may be brief, as the server keeps
 * them (sync/store/dates.py): `[day, {field: other day}]`, where every field has a date. tests/vectors/dates.json.
 * @import {Since} from '../types.js'
 */

/** @typedef {{since?: Since, fields: Record<string, any>}} Dated */

/** Field → day, spelled out. @param {Dated} record @returns {Record<string, string>} */
export function datesOf({ since = {}, fields }) {
  if (!Array.isArray(since)) return since;
  const [usual, others] = since;
  return { ...Object.fromEntries(Object.keys(fields).map((name) => [name, usual])), ...others };
}

/** The day of one field, '' where there is none. @param {Dated} record @param {string} name */
export function dateOf({ since = {}, fields }, name) {
  if (!Array.isArray(since)) return has(since, name) ? since[name] : '';
  const [usual, others] = since;
  if (has(others, name)) return others[name];
  return has(fields, name) ? usual : '';
}

/** @param {object} map @param {string} name */
const has = (map, name) => Object.prototype.hasOwnProperty.call(map, name);
