/**
 * A problem of a household until it is closed: states, steps, what a step writes, lateness.
 * The same as forms/issues.py; tests/vectors/issues.json holds both together.
 */

/** @typedef {{[name: string]: string}} Issue */

const SOON_DAYS = 3;
export const DAYS_TO_FIX = 15;
/** @type {Record<string, string[]>} */
const FIELD_STEPS = { open: ['progress', 'submit'], fixing: ['progress', 'submit'] };
/** @type {Record<string, string[]>} */
const OFFICE_STEPS = { submitted: ['return', 'close'], closed: ['reopen'] };

/** @param {Issue} issue */
export const stateOf = (issue) => issue.state || 'open';

/** So many days after. @param {string} day @param {number} days */
export const daysAfter = (day, days) => new Date(Date.parse(`${day}T00:00:00Z`) + days * 86400000).toISOString().slice(0, 10);

/** 'overdue', 'soon' or ''. @param {Issue} issue @param {string} today */
export function lateness(issue, today) {
  const { deadline } = issue;
  if (!deadline || ['submitted', 'closed'].includes(stateOf(issue))) return '';
  if (deadline < today) return 'overdue';
  return deadline <= daysAfter(today, SOON_DAYS) ? 'soon' : '';
}

/** @param {Issue} issue @param {string} actor @param {boolean} office a township or county answers for the place */
export function steps(issue, actor, office) {
  const state = stateOf(issue);
  const found = [...(FIELD_STEPS[state] ?? []), ...(office ? OFFICE_STEPS[state] ?? [] : [])];
  return found.filter((step) => step !== 'close' || ![issue.owner_id, issue.submitted_by].includes(actor));
}

/**
 * The fields a step sets.
 * @param {string} step @param {Issue} issue
 * @param {{actor: string, today: string, note?: string, evidence?: string[]}} said
 * @returns {Issue}
 */
export function changes(step, issue, { actor, today, note = '', evidence = [] }) {
  const result = { result: note || issue.result || '', evidence: joined(issue.evidence ?? '', evidence) };
  switch (step) {
    case 'progress': return { state: 'fixing', ...result };
    case 'submit': return { state: 'submitted', ...result, submitted_by: actor, submitted_on: today };
    case 'return': return { state: 'fixing', returned_why: note };
    case 'close': return { state: 'closed', closed_by: actor, closed_on: today, closing_note: note };
    case 'reopen': return { state: 'fixing', returned_why: note, closed_by: '', closed_on: '', closing_note: '' };
    default: throw new Error(step);
  }
}

/** @param {string} before @param {string[]} more */
const joined = (before, more) => [...new Set([...before.split(' ').filter(Boolean), ...more])].join(' ');

/**
 * The open issues this person answers for, and the others of the place; the nearest deadline first.
 * @template {{id: string, fields: Issue}} T
 * @param {T[]} issues @param {{id: string, name?: string}} user
 */
export function sorted(issues, user) {
  const open = issues.filter((one) => stateOf(one.fields) !== 'closed').sort(byDeadline);
  const mine = open.filter((one) => isMine(one.fields, user));
  return { mine, others: open.filter((one) => !mine.includes(one)) };
}

/** A form knows the name of the helper only. @param {Issue} issue @param {{id: string, name?: string}} user */
export const isMine = (issue, user) => (issue.owner_id ? issue.owner_id === user.id : Boolean(user.name) && issue.owner === user.name);

/** @param {{id: string, fields: Issue}} a @param {{id: string, fields: Issue}} b */
function byDeadline(a, b) {
  const waits = (/** @type {{fields: Issue}} */ one) => (stateOf(one.fields) === 'submitted' ? 1 : 0);
  const day = (/** @type {{fields: Issue}} */ one) => one.fields.deadline || '9999';
  return waits(a) - waits(b) || (day(a) < day(b) ? -1 : day(a) > day(b) ? 1 : a.id < b.id ? -1 : 1);
}
