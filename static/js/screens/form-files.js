/** The files of a form being filled: stored by their SHA-256 before the answer that names them, and found again. */

import { sha256Hex } from '../data/sha256.js';

/** @typedef {import('../data/drafts.js').Drafts} Drafts */
/** @typedef {import('../data/drafts.js').Row} Row */
/** @typedef {{name?: string, origin?: Row['origin']}} About */
/** @typedef {ReturnType<typeof createFiles>} Files */

/**
 * @param {{drafts: Drafts, draftId: string, now: () => Date, trial: boolean}} use
 * trial: nothing is written; files last as long as the page
 */
export function createFiles({ drafts, draftId, now, trial }) {
  /** Made in this sitting, to show without reading them back. @type {Map<string, {blob: Blob} & About>} */
  const made = new Map();

  /**
   * @param {Blob} blob @param {string} extension @param {About} [about]
   * @returns {Promise<string>} the answer that names it
   * @throws {import('../data/db.js').NotSaved}
   */
  async function keep(blob, extension, about = {}) {
    const bytes = await blob.arrayBuffer();
    const sha256 = await sha256Hex(bytes);
    if (!trial) {
      await drafts.putBlob({ sha256, size: bytes.byteLength, type: blob.type, bytes, draft_id: draftId, kept: now().toISOString(), ...about });
    }
    made.set(sha256, { blob, ...about });
    return `${sha256}.${extension}`;
  }

  /** @param {string} name @returns {Promise<({blob: Blob} & About) | null>} null: not on this phone */
  async function open(name) {
    const sha256 = name.split('.')[0] ?? '';
    const kept = made.get(sha256);
    if (kept) return kept;
    const row = sha256 ? await drafts.getBlob(sha256) : undefined;
    return row ? { blob: new Blob([row.bytes], { type: row.type }), name: row.name, origin: row.origin } : null;
  }

  /** Pieces of a recording under way. @param {string} path */
  function recording(path) {
    const pieces = drafts.recording(draftId, path);
    return {
      /** @param {number} n @param {Blob} piece */
      add: async (n, piece) => {
        if (!trial) await pieces.add(n, { type: piece.type, bytes: await piece.arrayBuffer() }, now().toISOString());
      },
      /** What an earlier sitting left behind, or null. @returns {Promise<Blob | null>} */
      left: async () => {
        const rows = trial ? [] : await pieces.read();
        return rows.length ? new Blob(rows.map((row) => row.bytes), { type: rows[0]?.type }) : null;
      },
      drop: () => (trial ? Promise.resolve() : pieces.drop()),
    };
  }

  return { keep, open, recording };
}
