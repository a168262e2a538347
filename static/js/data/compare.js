/**
 * Once a day, after a quiet round: compare the records on this phone with the node's by digest, and fetch again
 * only the buckets that differ. A record the node does not have goes, unless an op of it is still open.
 */
import { bucketOf, createSums, differing, fingerprint, placeOf } from '../core/digest.js';
import { hex } from '../core/sha256.js';
import { isOurServer } from './push.js';

/** @typedef {import('./push.js').Trouble} Trouble */
/** @typedef {import('../types.js').RuhuRecord} RuhuRecord */
/** @typedef {{at: string, result: 'same' | 'mended' | 'moved' | 'unsupported', mended: number, why: [string, string, string][]}} Compared */

export const EVERY_MS = 24 * 3600_000;
const AT_ONCE = 16;
const TOLD = 20;

/**
 * @param {{api: import('./api.js').Api, store: import('./store.js').Store, outbox: import('./outbox.js').Outbox,
 *   session: import('./session.js').Session, now: () => Date}} parts
 * @param {string} token
 * @returns {Promise<Trouble | null>} the result is kept under the meta key `compared`
 */
export async function compare(parts, token) {
  const { store, now } = parts;
  const found = await difference(parts, token);
  if ('kind' in found) {
    if (found.kind !== 'refused' || found.status !== 404) return found;
    await keep({ result: 'unsupported', mended: 0, why: [] });
    return null;
  }
  if (found.moved) {
    await keep({ result: 'moved', mended: 0, why: [] });
    return null;
  }
  const why = await mend(parts, found);
  await keep({ result: why.length ? 'mended' : 'same', mended: why.length, why: why.slice(0, TOLD) });
  return null;

  /** @param {Omit<Compared, 'at'>} result */
  async function keep(result) {
    await store.setMeta('compared', { at: now().toISOString(), ...result });
  }
}

/** Whether it is time; a clock that went back makes it so. @param {import('./store.js').Store} store @param {Date} now */
export async function isDue(store, now) {
  const last = /** @type {Compared | null} */ (await store.meta('compared'));
  const passed = last ? now.getTime() - Date.parse(last.at) : EVERY_MS;
  return !(passed >= 0 && passed < (last?.result === 'moved' ? EVERY_MS / 144 : EVERY_MS));
}

/**
 * The records of the buckets that differ: the node's, and the fingerprints of ours.
 * @param {Parameters<typeof compare>[0]} parts @param {string} token
 * @returns {Promise<Trouble | {moved: true} | {moved: false, records: RuhuRecord[], here: Map<string, string>}>}
 */
async function difference({ api, store, session }, token) {
  const cursor = encodeURIComponent(await store.cursor() ?? '');
  const sums = createSums();
  await store.each((record) => sums.add(record));
  /** @type {Record<string, Record<string, import('../core/digest.js').Sum>>} */
  const above = {};
  for (let after = ''; ;) {
    const answer = await api.get(`/sync/v1/digest?cursor=${cursor}&after=${after}`, token);
    if (answer.kind !== 'ok') return answer;
    // Whoever answers something else must not empty the register.
    if (!isOurs(session, answer.data) || typeof answer.data.places !== 'object') return { kind: 'offline', cause: 'wrong_server' };
    if (answer.data.moved) return { moved: true };
    const names = Object.keys(answer.data.places ?? {});
    for (const name of names) above[name] = answer.data.places[name].buckets;
    const last = names.sort().pop() ?? after;
    if (!answer.data.more || last <= after) break;
    after = last;
  }
  /** @type {RuhuRecord[]} */
  const records = [];
  /** @type {Map<string, Set<number>>} */
  const wrong = new Map();
  for (const place of new Set([...sums.places(), ...Object.keys(above)])) {
    const buckets = differing(sums.of(place), above[place] ?? {});
    if (!buckets.length) continue;
    wrong.set(place, new Set(buckets));
    for (let at = 0; at < buckets.length && above[place]; at += AT_ONCE) {
      const some = buckets.slice(at, at + AT_ONCE);
      const answer = await api.get(`/sync/v1/bucket?cursor=${cursor}&place=${place}&buckets=${some.join(',')}`, token);
      if (answer.kind !== 'ok') return answer;
      if (!isOurs(session, answer.data)) return { kind: 'offline', cause: 'wrong_server' };
      if (answer.data.moved) return { moved: true };
      records.push(...answer.data.records);
    }
  }
  /** Fingerprints of what is here of those buckets. @type {Map<string, string>} */
  const here = new Map();
  await store.each((record) => {
    const suspect = wrong.get(placeOf(String(record.area)))?.has(bucketOf(record.kind, record.id));
    if (suspect) here.set(`${record.kind} ${record.id}`, hex(fingerprint(record)));
  });
  return { moved: false, records, here };
}

/**
 * Records as the node has them are put, those it has not are dropped, all in one transaction.
 * @param {Parameters<typeof compare>[0]} parts
 * @param {{records: RuhuRecord[], here: Map<string, string>}} found
 * @returns {Promise<[string, string, string][]>} kind, id, and why: missing, differs or extra
 */
async function mend({ store, outbox }, { records, here }) {
  /** @type {[string, string, string][]} */
  const why = [];
  const changed = records.filter((record) => {
    const key = `${record.kind} ${record.id}`;
    const known = here.get(key);
    here.delete(key);
    if (known === hex(fingerprint(record))) return false;
    why.push([record.kind, record.id, known ? 'differs' : 'missing']);
    return true;
  });
  const open = await outbox.openRecords();
  for (const key of here.keys()) {
    if (open.has(key)) continue;
    const [kind, id] = [key.slice(0, key.indexOf(' ')), key.slice(key.indexOf(' ') + 1)];
    changed.push(/** @type {any} */ ({ kind, id, fields: {}, deleted: true }));
    why.push([kind, id, 'extra']);
  }
  if (changed.length) {
    await store.applyPage(/** @type {any} */ ({ records: changed, cursor: await store.cursor(), more: false }));
  }
  return why;
}

/** @param {import('./session.js').Session} session @param {any} reply */
const isOurs = (session, reply) => isOurServer(session, reply) && reply.epoch === session.server?.epoch;
