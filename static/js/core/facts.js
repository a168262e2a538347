/**
 * What follows of a person from the register's fields alone; rules read these beside the fields.
 * forms/rules/facts.py is the other home; both read tests/vectors/facts.json.
 */

const WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECKS = '10X98765432';
const CITIZEN = /^[0-9]{17}[0-9X]$/;
const DISABILITY = /^[0-9]{17}[0-9X][1-7][1-4](?:B[0-9])?$/;
const DAY = /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/;

/** @typedef {Record<string, string>} Fields */

/**
 * The facts of every member of one household, in their order; '' is unknown.
 * @param {Fields[]} members @param {string} today
 */
export function membersFacts(members, today) {
  /** @type {Map<string, number>} */
  const numbers = new Map();
  for (const member of members) {
    const number = numberOf(member);
    if (number && isActive(member)) numbers.set(number, (numbers.get(number) ?? 0) + 1);
  }
  return members.map((member) => factsOf(member, today, numbers));
}

/** @param {Fields} member @param {string} today @param {Map<string, number>} numbers */
function factsOf(member, today, numbers) {
  const number = numberOf(member);
  const kind = idKind(number, today);
  const whole = kind === 'citizen' || kind === 'disability';
  const born = whole ? bornIn(number) : '';
  const active = isActive(member);
  return {
    active: active ? 'yes' : 'no',
    age: ageOn(member.birth_date || born, today),
    id_kind: kind,
    id_birth: born,
    id_sex: whole ? (Number(number[16]) % 2 ? '1' : '2') : '',
    id_twice: active && (numbers.get(number) ?? 0) > 1 ? 'yes' : '',
  };
}

/** @param {Fields} member */
const isActive = (member) => ['', 'active'].includes(member.state ?? '');

/** Without spaces, its X large. @param {Fields} member */
const numberOf = (member) => (member.id_no ?? '').replaceAll(' ', '').toUpperCase();

/** Nobody alive was born before. */
const OLDEST = '1880-01-01';

/** @param {string} number */
const bornIn = (number) => `${number.slice(6, 10)}-${number.slice(10, 12)}-${number.slice(12, 14)}`;

/**
 * '' | citizen (GB 11643) | disability | wrong_length | wrong_checksum | wrong_date
 * @param {string} number @param {string} today
 */
export function idKind(number, today) {
  if (!number) return '';
  const kind = CITIZEN.test(number) ? 'citizen' : DISABILITY.test(number) ? 'disability' : '';
  if (!kind) return 'wrong_length';
  const born = bornIn(number);
  if (!isDay(born) || born < OLDEST || born > today) return 'wrong_date';
  const sum = WEIGHTS.reduce((total, weight, place) => total + weight * Number(number[place]), 0);
  return CHECKS[sum % 11] === number[17] ? kind : 'wrong_checksum';
}

/** @param {string} text */
function isDay(text) {
  if (!DAY.test(text)) return false;
  const [year, month, day] = text.split('-').map(Number);
  const found = new Date(Date.UTC(year, month - 1, day));
  if (year < 100) found.setUTCFullYear(year);
  return year > 0 && found.getUTCMonth() === month - 1 && found.getUTCDate() === day;
}

/** Whole years; '' when a date is missing, wrong, or not yet there. @param {string} born @param {string} today */
export function ageOn(born, today) {
  if (!isDay(born) || !isDay(today) || born > today) return '';
  return String(Number(today.slice(0, 4)) - Number(born.slice(0, 4)) - (today.slice(5) < born.slice(5) ? 1 : 0));
}
