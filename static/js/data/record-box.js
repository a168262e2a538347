/**
 * Pulled records and search rows as they lie on the phone. Of a record in a box of its own only ids, its place and its
 * numbers stand beside it; of a pack (packing.js) only marks. Search rows lie in blocks, since one box for each of
 * 20,000 households would take seconds to open: every page that comes adds a block, and a later one says the newer thing.
 */
import { PLAIN } from './cipher.js';

/**
 * @typedef {import('../types.js').RuhuRecord} RuhuRecord
 * @typedef {import('./envelope.js').Closed} Closed
 * @typedef {RuhuRecord & {round?: number, box?: Closed}} Kept
 * @typedef {{n?: number, id: string, rows?: any[], box?: Closed, gone: string[]}} Block  gone: ids of households that are no more
 */

/** Nothing in these is about people, the app needs them before anybody unlocks, and no phone says anything of them. */
export const OPEN_KINDS = new Set(['area', 'form', 'rules']);
/** How many of a kind are opened once and remembered. */
const REMEMBERED = 60_000;

/** @param {import('./cipher.js').Cipher} [cipher] */
export function createRecordBox(cipher = PLAIN) {
  /** Opened records by kind and id; good while rev and seq are the same. @type {Map<string, RuhuRecord>} */
  const known = new Map();

  /** @param {RuhuRecord & {round?: number}} record @returns {Promise<Kept>} */
  async function close(record) {
    if (!cipher.on || OPEN_KINDS.has(record.kind)) return record;
    const { kind, id, area, rev, seq, round, fields } = record;
    const { household_id, code } = fields;
    const box = await cipher.close(record, `record|${kind}|${id}`);
    return /** @type {any} */ ({ kind, id, area, rev, seq, ...(round && { round }), fields: { ...(household_id && { household_id }), ...(code && { code }) }, box });
  }

  /** @param {Kept | undefined} kept @param {boolean} [remember] @returns {Promise<RuhuRecord | null>} null: not here, or not ours to open */
  async function open(kept, remember = false) {
    if (!kept?.box) return kept ?? null;
    const name = `${kept.kind} ${kept.id}`;
    const before = known.get(name);
    if (before && before.rev === kept.rev && before.seq === kept.seq) return before;
    const record = await cipher.open(kept.box, `record|${kept.kind}|${kept.id}`);
    if (!record) return null;
    if (remember && known.size < REMEMBERED) known.set(name, record);
    return record;
  }

  /** @param {Kept[]} kept @param {boolean} [remember] they are wanted again and again @returns {Promise<RuhuRecord[]>} */
  const openAll = async (kept, remember) => (await Promise.all(kept.map((one) => open(one, remember)))).flatMap((record) => record ?? []);

  /** In their places, null where nothing is or it is not ours to open. @param {(Kept | undefined)[]} kept @returns {Promise<(RuhuRecord | null)[]>} */
  const openSome = (kept) => Promise.all(kept.map((one) => open(one)));

  /** @param {any[]} rows @param {string[]} gone @param {string} id its own, for the seal @returns {Promise<Block>} */
  const closeBlock = async (rows, gone, id) => (cipher.on && rows.length ? { id, gone, box: await cipher.close(rows, `rows|${id}`) } : { id, gone, rows });

  /** What blocks say is laid over the rows. @param {Map<string, any>} byId @param {Block[]} blocks in order */
  async function openBlocks(byId, blocks) {
    const opened = await Promise.all(blocks.map((block) => (block.box ? cipher.open(block.box, `rows|${block.id}`) : block.rows)));
    blocks.forEach(({ gone }, i) => {
      for (const row of opened[i] ?? []) byId.set(row.id, row);
      for (const id of gone) byId.delete(id);
    });
    return byId;
  }

  /** @param {string} id @param {RuhuRecord[]} records @returns {Promise<import('./packs.js').Pack>} */
  const closePack = async (id, records) => (cipher.on ? { id, box: await cipher.close(records, `pack|${id}`) } : { id, records });

  /** @param {import('./packs.js').Pack | undefined} pack @returns {Promise<RuhuRecord[] | null>} null: not here, or not ours to open */
  const openPack = async (pack) => (pack?.box ? await cipher.open(pack.box, `pack|${pack.id}`) ?? null : pack?.records ?? null);

  return { close, open, openAll, openSome, closeBlock, openBlocks, closePack, openPack, get on() { return cipher.on; }, forget: () => known.clear() };
}

/** @typedef {ReturnType<typeof createRecordBox>} RecordBox */
