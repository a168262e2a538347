/**
 * The two databases of the phone, and the one rule for every access to them.
 *
 * `ruhu-data` holds what can be fetched again or is still being typed; its
 * migrations may change it. `ruhu-outbox` holds what only this phone has; it
 * was made once, at version 1, and no migration may ever touch it.
 *
 * Phones close a connection under memory pressure (enketo PR #1576): `run`
 * opens it again and repeats the work once. What still fails is a `NotSaved`,
 * which screens must show and never swallow.
 */
import { openDB, unwrap } from 'idb';
import { DATA, OUTBOX } from './stores.js';

/** @typedef {import('idb').IDBPDatabase<any>} Database */
/** @typedef {import('idb').IDBPTransaction<any, string[], 'readwrite'>} Writing */
/** @typedef {'quota' | 'closed' | 'other'} SaveCause */

/** Something was not written (or could not be read); `cause_code` says why. */
export class NotSaved extends Error {
  /** @param {SaveCause} causeCode @param {unknown} cause */
  constructor(causeCode, cause) {
    super(MESSAGES[causeCode]);
    this.name = 'NotSaved';
    this.cause_code = causeCode;
    this.cause = cause;
  }
}

/** @type {Record<SaveCause, string>} */
const MESSAGES = {
  quota: '手机存储已满，没有保存。请删除一些照片或视频，再点重试。',
  closed: '手机关闭了本应用的存储，没有保存。请关掉其他应用，再点重试。',
  other: '写入手机失败，没有保存。请不要关闭本页，先抄下内容，再点重试。',
};

/** Options of every write: on disk before it is called done. Since Chrome 121 the browser's own choice is less. */
const STRICT = /** @type {const} */ ({ durability: 'strict' });

/**
 * A write whose own answer nobody waits for: its failure ends the transaction, and that is waited for.
 * @param {Promise<unknown> | void} write
 */
export const sent = (write) => void write?.catch(() => {});

/**
 * The only way to write: one strict transaction, all of work(tx) or nothing. A transaction
 * commits what it was given before work threw, so it must be told to forget it.
 * @template T
 * @param {Database} db
 * @param {string[]} stores
 * @param {(tx: import('idb').IDBPTransaction<any, string[], 'readwrite'>) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function whole(db, stores, work) {
  const tx = db.transaction(stores, 'readwrite', STRICT);
  try {
    const result = await work(tx);
    await tx.done;
    return result;
  } catch (error) {
    tx.done.catch(() => {});
    try {
      tx.abort();
    } catch {
      // It has ended by itself.
    }
    throw error;
  }
}

/**
 * One row, in a strict transaction of its own. What is typed goes this way with every key, so the browser is told
 * directly, and to commit at once: the page may be going away.
 * @param {Database} db @param {string} store @param {unknown} row
 * @returns {Promise<void>}
 */
export const putAlone = (db, store, row) => new Promise((done, fail) => {
  const tx = /** @type {IDBDatabase} */ (unwrap(db)).transaction(store, 'readwrite', STRICT);
  tx.oncomplete = () => done();
  tx.onabort = () => fail(tx.error ?? new DOMException('the write was ended', 'AbortError'));
  try {
    tx.objectStore(store).put(row);
  } catch (error) {
    fail(error);
    return tx.abort();
  }
  tx.commit?.();
});

/**
 * One database that survives being closed under us.
 * @param {string} name
 * @param {number} version
 * @param {(db: Database, from: number) => void} upgrade
 */
export function connection(name, version, upgrade) {
  /** @type {Promise<Database> | null} */
  let opened = null;

  function open() {
    // Where storage is forbidden the browser throws instead of answering: that is told as any other failure.
    opened ??= (async () => openDB(name, version, {
      upgrade(db, from, _to, tx) {
        // A migration that fails is told by the opening.
        tx.done.catch(() => {});
        upgrade(db, from);
      },
      // Another tab wants a newer version: let go, and open again when next needed.
      blocking(_current, _blocked, event) {
        /** @type {IDBDatabase} */ (event.target).close();
        opened = null;
      },
      terminated() {
        opened = null;
      },
    }))().catch((error) => {
      opened = null;
      throw error;
    });
    return opened;
  }

  /**
   * work(db), repeated once on a fresh connection if the old one was closed.
   * work must be safe to repeat: one transaction, or reads.
   * @template T
   * @param {(db: Database) => Promise<T>} work
   * @returns {Promise<T>}
   * @throws {NotSaved}
   */
  async function run(work) {
    try {
      return await work(await open());
    } catch (first) {
      if (!isClosed(first)) throw asNotSaved(first);
      opened = null;
      try {
        return await work(await open());
      } catch (second) {
        throw asNotSaved(second);
      }
    }
  }

  return { open, run, name };
}

/** @typedef {ReturnType<typeof connection>} Connection */

/**
 * base: ruhu-data itself. data: the store of whoever the shelf was opened for; theirs is ruhu-data until told otherwise.
 */
export function openDatabases() {
  const base = connection(DATA.name, DATA.version, DATA.upgrade);
  /** @type {Map<string, Connection>} */
  const others = new Map();
  let current = base;

  /** @param {string} id @returns {Connection} */
  function shelfOf(id) {
    const found = others.get(id) ?? connection(`${DATA.name}-${id}`, DATA.version, DATA.upgrade);
    others.set(id, found);
    return found;
  }

  /** @type {Connection} */
  const data = {
    open: () => current.open(),
    run: (work) => current.run(work),
    get name() { return current.name; },
  };
  return {
    base, data, shelfOf, outbox: connection(OUTBOX.name, OUTBOX.version, OUTBOX.upgrade),
    /** @param {string} id '' for ruhu-data itself */
    shelf(id) { current = id ? shelfOf(id) : base; },
  };
}

/** @param {any} error */
function isClosed(error) {
  return error?.name === 'InvalidStateError'
    || error?.name === 'AbortError' && !isQuota(error)
    || /closing|closed|Connection to Indexed Database server lost/i.test(String(error?.message ?? ''));
}

/** @param {any} error */
function isQuota(error) {
  return error?.name === 'QuotaExceededError' || error?.inner?.name === 'QuotaExceededError'
    || /quota/i.test(String(error?.message ?? ''));
}

/**
 * Storage failures become NotSaved; a programming error stays what it is.
 * @param {any} error
 */
function asNotSaved(error) {
  if (error instanceof NotSaved) return error;
  if (isQuota(error)) return new NotSaved('quota', error);
  if (isClosed(error)) return new NotSaved('closed', error);
  const storage = typeof DOMException !== 'undefined' && error instanceof DOMException;
  return storage ? new NotSaved('other', error) : error;
}
