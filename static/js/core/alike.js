/**
 * Who of the register somebody typed in may be, and which household; the same rule as the office's
 * (app/tables/duplicates.py), held together by tests/vectors/alike.json. A hint for a person, nothing is decided here.
 */

/** @typedef {'number' | 'name' | 'sound' | 'door'} Why */
/** @typedef {{[field: string]: string}} Typed */
/** @typedef {{id: string, area: string, fields: {[field: string]: any}}} Known */

export const SHOWN = 8;
const NUMERALS = '零一二三四五六七八九';
const COUNTED = /([一二三四五六七八九]?十[一二三四五六七八九]?|[一二三四五六七八九])([组社队号])/g;

/** @param {Known} known @param {string} name */
const text = ({ fields }, name) => (typeof fields[name] === 'string' ? fields[name] : '');

/**
 * By ID number anywhere; by name where neither birth date nor number speaks against it; in the village by the same
 * birth date and a name that sounds the same. The surest first.
 * @param {Typed} typed full_name, id_no, birth_date @param {string} area the village @param {Iterable<Known>} people
 * @param {(name: string) => string} soundOf @returns {{id: string, why: Why}[]}
 */
export function likePeople(typed, area, people, soundOf) {
  const { full_name: name = '', id_no: number = '', birth_date: born = '' } = typed;
  const named = /[\p{L}\p{N}]/u.test(name);
  const sound = named && born ? soundOf(name) : '';
  return surest(people, (one) => {
    if (number && text(one, 'id_no') === number) return 'number';
    if (!named || !mayBe(one, typed)) return '';
    if (text(one, 'full_name') === name) return 'name';
    return sound && one.area === area && text(one, 'birth_date') === born && soundOf(text(one, 'full_name')) === sound ? 'sound' : '';
  });
}

/**
 * By the national number anywhere, by the head's name or by the door in the village.
 * @param {Typed} typed head_name, group, house_no, national_no @param {string} area @param {Iterable<Known>} households
 * @param {(name: string) => string} soundOf @returns {{id: string, why: Why}[]}
 */
export function likeHouseholds(typed, area, households, soundOf) {
  const { head_name: head = '', national_no: number = '' } = typed;
  const door = typed.house_no ? doorOf(typed.group ?? '', typed.house_no) : '';
  return surest(households, (one) => {
    if (number && text(one, 'national_no') === number) return 'number';
    if (one.area !== area) return '';
    if (head && text(one, 'head_name') === head) return 'name';
    if (!door || !text(one, 'house_no') || doorOf(text(one, 'group'), text(one, 'house_no')) !== door) return '';
    return soundOf(text(one, 'head_name')) === soundOf(head) ? 'sound' : 'door';
  });
}

/** @param {Iterable<Known>} known @param {(one: Known) => Why | ''} reason @returns {{id: string, why: Why}[]} */
function surest(known, reason) {
  const order = ['number', 'name', 'sound', 'door'];
  /** @type {{id: string, why: Why}[]} */
  const found = [];
  for (const one of known) {
    const why = reason(one);
    if (why) found.push({ id: one.id, why });
  }
  return found.sort((a, b) => order.indexOf(a.why) - order.indexOf(b.why)).slice(0, SHOWN);
}

/** @param {Known} one @param {Typed} typed */
const mayBe = (one, typed) => ['birth_date', 'id_no'].every((name) => !text(one, name) || !typed[name] || text(one, name) === typed[name]);

/** A door, however its numbers are written: 十二组 is 12组. @param {string} group @param {string} house */
export const doorOf = (group, house) => `${natural(group)} ${natural(house)}`;

/** @param {string} written */
const natural = (written) => written.normalize('NFKC').toLowerCase()
  .replace(COUNTED, (_all, numeral, unit) => `${digits(numeral)}${unit}`).replace(/\d+/g, (run) => run.padStart(6, '0'));

/** @param {string} numeral */
function digits(numeral) {
  const [tens, ones] = numeral.split('十');
  if (ones === undefined) return String(NUMERALS.indexOf(numeral));
  return String((tens ? NUMERALS.indexOf(tens) : 1) * 10 + (ones ? NUMERALS.indexOf(ones) : 0));
}
