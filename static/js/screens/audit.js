/**
 * The log of how a form was filled, as ODK's audit.csv: which question or page, from when to when, and where asked,
 * what changed and where the phone was. Rows live in the draft, so a killed page keeps them. Pure: the clock comes in.
 */

/**
 * place: latitude, longitude, accuracy. A row without end was cut off (the phone died, or it has no length).
 * @typedef {{event: string, node?: string, start: number, end?: number, place?: [number, number, number], old?: string, new?: string}} AuditRow
 * @typedef {ReturnType<typeof createAudit>} Audit
 */

/** Enough for a day on one form; a log that grows without end would weigh down every save. */
const MOST_ROWS = 5000;

/** @param {{[name: string]: string} | undefined} parameters of the audit question */
export function auditSettings(parameters = {}) {
  const seconds = (/** @type {string | undefined} */ text) => (Number(text) > 0 ? Number(text) : 0);
  return {
    changes: parameters['track-changes'] === 'true',
    user: parameters['identify-user'] === 'true',
    location: parameters['location-priority']
      ? { priority: parameters['location-priority'], interval_s: seconds(parameters['location-min-interval']), max_age_s: seconds(parameters['location-max-age']) }
      : null,
  };
}

/**
 * @param {{rows: AuditRow[], now: () => number, settings: ReturnType<typeof auditSettings>, place?: () => [number, number, number] | null}} use
 * rows: the log so far; grows in place
 */
export function createAudit({ rows, now, settings, place = () => null }) {
  /** @type {AuditRow | null} */
  let page = null;
  /** @type {AuditRow | null} */
  let question = null;

  /** @param {AuditRow} row */
  function add(row) {
    if (rows.length >= MOST_ROWS) return row;
    const here = settings.location ? place() : null;
    rows.push(here ? Object.assign(row, { place: here }) : row);
    return row;
  }

  /** Something that happens at once. @param {string} event @param {string} [node] */
  const event = (event, node) => void add(node ? { event, node, start: now() } : { event, start: now() });

  function endQuestion() {
    if (question) question.end ??= now();
    question = null;
  }

  function endPage() {
    endQuestion();
    if (page) page.end = now();
    page = null;
  }

  return {
    rows,
    event,
    /** A page or an instance of a repeat comes into view. @param {string} node @param {string} [kind] */
    arrived(node, kind = 'group questions') {
      if (page?.node === node) return;
      endPage();
      page = add({ event: kind, node, start: now() });
    },
    /** A person turns to a question. @param {string} node */
    at(node) {
      if (question?.node === node) return;
      endQuestion();
      question = add({ event: 'question', node, start: now() });
    },
    /** @param {string} node @param {string} old @param {string} value */
    answered(node, old, value) {
      this.at(node);
      if (!question || !settings.changes) return;
      question.old ??= old;
      question.new = value;
    },
    /** The form is left, or done. */
    leave: endPage,
  };
}

/**
 * @param {AuditRow[]} rows @param {ReturnType<typeof auditSettings>} settings @param {string} user
 * @returns {string} the file, as ODK writes it
 */
export function auditCsv(rows, settings, user) {
  const head = ['event', 'node', 'start', 'end'];
  if (settings.location) head.push('latitude', 'longitude', 'accuracy');
  if (settings.changes) head.push('old-value', 'new-value');
  if (settings.user) head.push('user');
  const lines = rows.map((row) => {
    const cells = [row.event, row.node ?? '', String(row.start), row.end === undefined ? '' : String(row.end)];
    if (settings.location) cells.push(...(row.place ? row.place.map(String) : ['', '', '']));
    // A change back and forth is none.
    if (settings.changes) cells.push(...(row.old === row.new ? ['', ''] : [row.old ?? '', row.new ?? '']));
    if (settings.user) cells.push(user);
    return cells.map(cell).join(',');
  });
  return `${[head.join(','), ...lines].join('\n')}\n`;
}

/** @param {string} text */
const cell = (text) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
