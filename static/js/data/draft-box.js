/**
 * A draft and its files as they lie on the phone: ids, dates and names of files (which are hashes) in the clear, for
 * the housekeeping that needs no person; all the rest in a box.
 */
import { PLAIN } from './cipher.js';

/**
 * @typedef {import('../screens/form-types.d.ts').Draft} Draft
 * @typedef {import('./drafts.js').Row} Row
 * @typedef {import('./envelope.js').Closed} Closed
 * @typedef {Pick<Draft, 'draft_id'|'form_id'|'version'|'household_id'|'updated'|'user_id'> & {named: string[], box: Closed, base?: Closed}} ClosedDraft
 * @typedef {Pick<Row, 'sha256'|'size'|'type'|'draft_id'|'kept'> & {base?: string, about: Closed, box: Closed}} ClosedRow
 */

/** @param {import('./cipher.js').Cipher} [cipher] */
export function createDraftBox(cipher = PLAIN) {
  /**
   * What the register said when a draft was begun never changes, and is most of its bytes: closed once, not for each answer.
   * @type {WeakMap<object, {key: CryptoKey | null, closed: Promise<Closed>}>}
   */
  const bases = new WeakMap();

  /** @param {Draft['base']} base @param {string} id */
  function closeBase(base, id) {
    const before = bases.get(base);
    if (before && before.key === cipher.key) return before.closed;
    const closed = cipher.close(base, `base|${id}`);
    bases.set(base, { key: cipher.key, closed });
    closed.catch(() => bases.delete(base));
    return closed;
  }

  /** What is closed is taken from the draft before the first await. @param {Draft} draft @returns {Promise<Draft | ClosedDraft>} */
  async function close(draft) {
    if (!cipher.on) return draft;
    const { draft_id, form_id, version, household_id, updated, user_id } = draft;
    const named = namedIn(draft);
    // In its old place among the keys, so that what is opened reads as what was closed.
    const changing = cipher.close(draft.base ? { ...draft, base: null } : draft, `draft|${draft_id}`);
    const [box, base] = await Promise.all([changing, draft.base && closeBase(draft.base, draft_id)]);
    return { draft_id, form_id, version, household_id, updated, user_id, named, box, ...(base && { base }) };
  }

  /** @param {Draft | ClosedDraft | undefined} draft @returns {Promise<Draft | undefined>} undefined: not here, or not ours to open */
  async function open(draft) {
    if (!draft || !('box' in draft)) return draft;
    const [told, base] = await Promise.all([cipher.open(draft.box, `draft|${draft.draft_id}`), draft.base && cipher.open(draft.base, `base|${draft.draft_id}`)]);
    if (!draft.base) return told;
    return told && base && { ...told, base };
  }

  /** @param {Row} row @returns {Promise<Row | ClosedRow>} */
  async function closeFile(row) {
    if (!cipher.on) return row;
    const { bytes, name, origin, ...rest } = row;
    const [about, box] = await Promise.all([cipher.close({ name, origin }, `about|${row.sha256}`), cipher.closeBytes(bytes, `file|${row.sha256}`)]);
    return { ...rest, ...(origin?.base && { base: hashIn(origin.base) }), about, box };
  }

  /** @param {Row | ClosedRow | undefined} row @returns {Promise<Row | undefined>} */
  async function openFile(row) {
    if (!row || !('box' in row)) return row;
    const { about, box, base: _base, ...rest } = row;
    const [told, bytes] = await Promise.all([cipher.open(about, `about|${row.sha256}`), cipher.openBytes(box, `file|${row.sha256}`)]);
    return told && bytes && { ...rest, ...told, bytes: /** @type {ArrayBuffer} */ (bytes.buffer) };
  }

  return { close, open, closeFile, openFile };
}

/** @param {string} name of a file @returns {string} its hash */
export const hashIn = (name) => HASH.exec(name)?.[0] ?? '';
const HASH = /[0-9a-f]{64}/;

/** Names of files that the answers name. @param {Draft | ClosedDraft} draft @returns {string[]} */
export const namedIn = (draft) => ('named' in draft ? draft.named : hashesIn(draft.answers ?? '', []));

/** All answers are looked at with every answer: most are too short to name a file. @param {any} answer @param {string[]} found @returns {string[]} */
function hashesIn(answer, found) {
  if (typeof answer === 'string') {
    if (answer.length >= 64) found.push(...answer.match(/[0-9a-f]{64}/g) ?? []);
  } else {
    for (const name in answer) hashesIn(answer[name], found);
  }
  return found;
}
