/** What people type, as it is stored: numbers and dates. Pure. */

const WIDE = '0123456789.-,。';
const NARROW = '0123456789.-,.';

/** Full-width characters as the keyboard's Latin ones. @param {string} text */
const narrow = (text) => [...text].map((one) => (WIDE.includes(one) ? NARROW[WIDE.indexOf(one)] : one)).join('');

/** A number as typed, without thousands marks or spaces; what is no number stays as it is. @param {string} text */
export const numberText = (text) => {
  const bare = narrow(text).replace(/[\s,,]/g, '');
  return /^-?(\d+\.?\d*|\.\d+)$/.test(bare) ? bare.replace(/\.$/, '').replace(/^(-?)0+(?=\d)/, '$1') : bare;
};

/**
 * A large number made readable: 12000 → "12,000(1.2 万)"; '' below a thousand.
 * @param {string} text @param {string} tenThousand the word 万, '' to leave it out
 */
export function grouped(text, tenThousand) {
  const number = Number(text);
  if (text === '' || !Number.isFinite(number) || Math.abs(number) < 1000) return '';
  const [whole = '', part] = text.split('.');
  const marked = whole.replace(/\B(?=(\d{3})+$)/g, ',') + (part ? `.${part}` : '');
  if (Math.abs(number) < 10_000 || tenThousand !== '万') return marked;
  return `${marked}(${Math.round(number / 100) / 100} 万)`;
}

/**
 * A date however it was typed (19520312, 1952-3-12, 1952.3.12, 1952年3月12日), as YYYY-MM-DD;
 * a month alone gets day 1, a year alone 1 January. '' when it is no date.
 * @param {string} text
 */
export function dateText(text) {
  const bare = narrow(text).trim();
  const run = /^(\d{4})(\d{2})?(\d{2})?$/.exec(bare);
  const marked = /^(\d{4})[-./年](\d{1,2})(?:[-./月](\d{1,2})?日?)?$/.exec(bare);
  const found = run ?? marked ?? /^(\d{4})年$/.exec(bare);
  if (!found) return '';
  const [year, month, day] = [Number(found[1]), Number(found[2] ?? 1), Number(found[3] ?? 1)];
  const date = new Date(Date.UTC(year, month - 1, day));
  if (year < 1000 || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return '';
  return date.toISOString().slice(0, 10);
}

/** Year, month and day of a whole date however it was typed, as typed; null when it is none. @param {string} text @returns {string[] | null} */
export function dateParts(text) {
  const found = /\D/.test(text.trim()) || text.trim().length >= 6 ? dateText(text) : '';
  return found && /\d{8}|\d\D+\d{1,2}\D+\d/.test(narrow(text)) ? found.split('-') : null;
}

/**
 * A time (and its day) as it is stored: seconds, and the offset this phone has at that moment.
 * @param {string} day '' for a time alone @param {string} time HH:MM @param {Date} [now] whose offset a time alone gets
 */
export function momentText(day, time, now = new Date()) {
  if (!/^\d\d:\d\d/.test(time)) return '';
  const minutes = -(day ? new Date(`${day}T${time.slice(0, 5)}:00`) : now).getTimezoneOffset();
  const two = (/** @type {number} */ n) => String(Math.trunc(n)).padStart(2, '0');
  const zone = `${minutes < 0 ? '-' : '+'}${two(Math.abs(minutes) / 60)}:${two(Math.abs(minutes) % 60)}`;
  return `${day && `${day}T`}${time.slice(0, 5)}:00.000${zone}`;
}

/**
 * The nearest value of a range, with as many digits as its step: 0.30000000000000004 is 0.3.
 * @param {string} value @param {string} start @param {string} step
 */
export function onStep(value, start, step) {
  const by = Math.abs(Number(step)) || 1;
  const digits = Math.max(...[start, step].map((one) => (one.split('.')[1] ?? '').length));
  return String(Number((Number(start) + Math.round((Number(value) - Number(start)) / by) * by).toFixed(digits)));
}

/**
 * Why a text cannot be an answer of that type, in a cadre's words ('' when it can): what was typed
 * is kept, and named, rather than dropped.
 * @param {string} type @param {string} value
 */
export function unreadable(type, value) {
  if (value === '') return '';
  if (type === 'integer' && !/^-?\d+$/.test(value)) return '这里要填整数。';
  if ((type === 'decimal' || type === 'range') && !/^-?(\d+\.?\d*|\.\d+)$/.test(value)) return '这里要填数字。';
  if (type === 'date' && dateText(value) !== value) return '日期看不懂,请按 19520312 这样填。';
  if (type === 'dateTime' && !/^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(value)) return '日期和时间要填全。';
  // A shape ends where it began, so three corners are four points.
  if (type === 'geotrace' && value.split(';').length < 2) return '至少要记两个点。';
  if (type === 'geoshape' && value.split(';').length < 4) return '至少要记三个点。';
  return '';
}
