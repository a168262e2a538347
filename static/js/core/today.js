/**
 * Which households are due: monitored ones every month, exited ones every quarter, others once a
 * year after the last visit. A plan for the person who goes, not a measure of them.
 */

/** Months between visits by household status. @type {Record<string, number>} */
const MONTHS = { monitored: 1, exited: 3 };
const OTHERS = 12;
/** Shown this many days before the day. */
const AHEAD_DAYS = 7;

/** The same day so many months later, or the last of that month. @param {string} date @param {number} months */
export function addMonths(date, months) {
  const [y, m, d] = date.split('-').map(Number);
  const last = new Date(Date.UTC(y, m - 1 + months + 1, 0)).getUTCDate();
  return new Date(Date.UTC(y, m - 1 + months, Math.min(d, last))).toISOString().slice(0, 10);
}

/** Whole days from one date to another. @param {string} from @param {string} to */
export const daysBetween = (from, to) => Math.round((Date.parse(to) - Date.parse(from)) / 86400000);

/** The day by which a household should be seen again; '' when it never was. @param {{status?: string, last_visit?: string}} household */
export function dueOn({ status = '', last_visit: last = '' }) {
  return /^\d{4}-\d\d-\d\d$/.test(last) ? addMonths(last, MONTHS[status] ?? OTHERS) : '';
}

/**
 * @template {{id: string, status?: string, last_visit?: string, helper?: string}} T
 * @param {{
 *   households: Iterable<T>,
 *   assignments?: Iterable<{household_id: string, assignee?: string, due?: string, state?: string}>,
 *   user: {id: string, username?: string}, today: string,
 * }} known
 * @returns {{mine: number, due: {household: T, due: string, overdue: number, never: boolean, assigned: boolean}[], visitedToday: number}}
 *   due: overdue first (never visited, then the longest), then what comes up; overdue in days
 */
export function today({ households, assignments = [], user, today: date }) {
  const me = new Set([user.id, user.username].filter(Boolean));
  const tasks = new Map([...assignments]
    .filter((task) => task.state !== 'done' && me.has(task.assignee ?? ''))
    .map((task) => [task.household_id, task]));
  let mine = 0;
  let visitedToday = 0;
  const due = [];
  for (const household of households) {
    const task = tasks.get(household.id);
    if (!task && !me.has(household.helper ?? '')) continue;
    mine++;
    if (household.last_visit === date) visitedToday++;
    const day = task?.due || dueOn(household);
    const left = day === '' ? -Infinity : daysBetween(date, day);
    if (left > AHEAD_DAYS && !task) continue;
    due.push({ household, due: day, overdue: day && left < 0 ? -left : 0, never: day === '', assigned: Boolean(task), left });
  }
  due.sort((a, b) => a.left - b.left || (a.household.id < b.household.id ? -1 : 1));
  return { mine, due: due.map(({ left, ...item }) => item), visitedToday };
}
