/**
 * Dates, times and dateTimes as text, as days and as instants.
 * Text without a zone is local time, by the device's time zone; the clock itself is always passed in.
 */

const DAY = 86400000;
const DATE = /^(\d{4})-(\d\d?)-(\d\d?)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:?\d\d)?)?$/;
const TIME = /^(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:?\d\d)?$/;

/** @param {string|undefined} zone  @returns {number} minutes east of UTC; NaN for an offset that no clock has */
function zoneMinutes(zone) {
  if (!zone || zone === 'Z') return 0;
  const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(-2))];
  if (hours > 23 || minutes > 59) return NaN;
  return (zone[0] === '-' ? -1 : 1) * (hours * 60 + minutes);
}

/** @param {string|undefined} digits fraction of a second */
const milliseconds = (digits) => Number((digits ?? '').slice(0, 3).padEnd(3, '0'));

/**
 * @param {string} text
 * @returns {{day: number, time: boolean, instant: number}|'impossible'|null}
 *   day: the date's own number of days since 1970-01-01; instant: ms since 1970 UTC; null when not a date
 */
export function parseDate(text) {
  const match = DATE.exec(text);
  if (!match) return null;
  const [y, m, d] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const utc = new Date(0);
  utc.setUTCFullYear(y, m - 1, d);
  if (y < 1 || utc.getUTCMonth() !== m - 1 || utc.getUTCDate() !== d) return 'impossible';
  const [H, M, S] = [Number(match[4] ?? 0), Number(match[5] ?? 0), Number(match[6] ?? 0)];
  if (H > 23 || M > 59 || S > 59 || Number.isNaN(zoneMinutes(match[8]))) return 'impossible';
  const ms = milliseconds(match[7]);
  let instant;
  if (match[8]) {
    instant = utc.getTime() + ((H * 60 + M - zoneMinutes(match[8])) * 60 + S) * 1000 + ms;
  } else {
    const local = new Date(2000, 0, 1);
    local.setFullYear(y, m - 1, d);
    local.setHours(H, M, S, ms);
    instant = local.getTime();
  }
  return { day: utc.getTime() / DAY, time: match[4] !== undefined, instant };
}

/** Strict text → days since 1970-01-01: dates count calendar days, dateTimes are UTC days with a fraction. @param {string} text */
export function calendarDays(text) {
  if (!/^\d{4}-\d\d-\d\d(T|$)/.test(text)) return NaN;
  const date = parseDate(text);
  return date && date !== 'impossible' ? (date.time ? date.instant / DAY : date.day) : NaN;
}

/** Instants of two date or dateTime texts, or null when one of them is none. @param {string} a @param {string} b */
export function bothInstants(a, b) {
  if (Number.isNaN(calendarDays(a)) || Number.isNaN(calendarDays(b))) return null;
  return [a, b].map((text) => /** @type {{instant: number}} */ (parseDate(text)).instant);
}

const two = (/** @type {number} */ n) => String(n).padStart(2, '0');

/** @param {number} year */
const yearText = (year) => (year < 0 ? '-' : '') + String(Math.abs(year)).padStart(4, '0');

/** @param {Date} at */
const localDate = (at) => `${yearText(at.getFullYear())}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;

/** Local date of an instant. @param {number} instant ms */
export const dateText = (instant) => localDate(new Date(instant));

/** Local dateTime of an instant, with milliseconds and offset; at midnight the date alone. @param {number} instant ms */
export function momentText(instant) {
  const text = dateTimeText(instant);
  return text.includes('T00:00:00.000') ? text.slice(0, 10) : text;
}

/** Local dateTime of an instant, with milliseconds and offset. @param {number} instant ms */
export function dateTimeText(instant) {
  const at = new Date(instant);
  const east = -at.getTimezoneOffset();
  const size = Math.abs(east);
  return `${localDate(at)}T${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}` +
    `.${String(at.getMilliseconds()).padStart(3, '0')}${east < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/**
 * Midnight of a calendar day (whole number) or the instant of a fraction, as an instant; null beyond the years 1 to 9999.
 * @param {number} days
 */
export function instantOfDays(days) {
  if (days < -719162 || days >= 2932897) return null;
  if (!Number.isInteger(days)) return Math.round(days * DAY);
  const utc = new Date(days * DAY);
  const local = new Date(2000, 0, 1);
  local.setFullYear(utc.getUTCFullYear(), utc.getUTCMonth(), utc.getUTCDate());
  local.setHours(0, 0, 0, 0);
  return local.getTime();
}

/** Days since 1970-01-01 UTC with fraction; a date alone is local midnight. @param {string} text */
export function decimalDateTime(text) {
  return Number.isNaN(calendarDays(text)) ? NaN : /** @type {{instant: number}} */ (parseDate(text)).instant / DAY;
}

/** Fraction of the local day. @param {string} text  @param {number} now ms, for the zone's offset */
export function decimalTime(text, now) {
  const match = TIME.exec(text);
  if (!match) {
    const date = parseDate(text);
    if (!date || date === 'impossible' || !date.time || Number.isNaN(calendarDays(text))) return NaN;
    const at = new Date(date.instant);
    return (((at.getHours() * 60 + at.getMinutes()) * 60 + at.getSeconds()) * 1000 + at.getMilliseconds()) / DAY;
  }
  const [H, M, S] = [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
  if (H > 23 || M > 59 || S > 59) return NaN;
  const shift = match[5] ? -new Date(now).getTimezoneOffset() - zoneMinutes(match[5]) : 0;
  const ms = ((H * 60 + M + shift) * 60 + S) * 1000 + milliseconds(match[4]);
  return (((ms % DAY) + DAY) % DAY) / DAY;
}

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');
const WEEKDAYS = 'Sun Mon Tue Wed Thu Fri Sat'.split(' ');

/**
 * @param {number} instant ms @param {string} format @param {string} lang
 * @returns {string|null} null: an unknown token
 */
export function formatDate(instant, format, lang) {
  const at = new Date(instant);
  const zh = lang.startsWith('zh');
  const [y, m, d, H] = [at.getFullYear(), at.getMonth(), at.getDate(), at.getHours()];
  /** @type {Record<string, string|number>} */
  const tokens = {
    Y: yearText(y), y: yearText(y).slice(-2), m: two(m + 1), n: m + 1, b: zh ? m + 1 + '月' : MONTHS[m], d: two(d), e: d,
    a: zh ? '周' + '日一二三四五六'[at.getDay()] : WEEKDAYS[at.getDay()],
    H: two(H), h: H, M: two(at.getMinutes()), S: two(at.getSeconds()), 3: String(at.getMilliseconds()).padStart(3, '0'), '%': '%',
  };
  let known = true;
  const text = format.replace(/%(.?)/g, (_, token) => {
    known &&= token in tokens;
    return String(tokens[token]);
  });
  return known ? text : null;
}
