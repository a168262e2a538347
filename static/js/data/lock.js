/**
 * Who may see what is on this phone: a vault for each person, opened by a PIN. The vault lies beside the outbox and
 * once more in ruhu-data, so that losing one of the two databases loses no key. An opened key is handed to the
 * worker, which forgets it soon after the last page has gone: so a reload does not ask for the PIN again.
 */
import { NO_TRIES, afterWrong, counted, left, waitMs } from '../core/pin.js';
import { sent, whole } from './db.js';

/**
 * @typedef {import('./vault.js').Vault} Vault
 * @typedef {'none' | 'locked' | 'open' | 'burnt'} LockState  none: no PIN was ever set
 * @typedef {{kind: 'open'} | {kind: 'wrong', left: number, wait_ms: number} | {kind: 'wait', wait_ms: number} | {kind: 'burnt'}} Tried
 * @typedef {{keep: (user: string, key: CryptoKey) => void, ask: (user: string) => Promise<CryptoKey | null>, forget: () => void}} Holder
 * @typedef {ReturnType<typeof createLock>} Lock
 */

/** Needed where a code is typed or chosen, and not before the first question. */
const vaults = () => import('./vault.js');
const NOWHERE = { keep() {}, ask: async () => null, forget() {} };
/** @param {Vault | null | undefined} a @param {Vault | null | undefined} b */
const newer = (a, b) => ((b?.n ?? 0) > (a?.n ?? 0) ? b : a) ?? null;
/** @param {string} user */
const rowKey = (user) => `vault:${user}`;

/**
 * @param {{db: {data: import('./db.js').Connection, outbox: import('./db.js').Connection}, cipher: import('./cipher.js').Cipher,
 *   now: () => Date, holder?: Holder, rounds?: number, recovery?: (raw: Uint8Array, user: string, vault: string) => Promise<{recovery: Uint8Array, to: string} | {}>}} parts
 *   recovery closes a data key for the office
 */
export function createLock({ db, cipher, now, rounds, holder = NOWHERE, recovery = async () => ({}) }) {
  let user = '';
  let stranded = false;
  /** @type {Vault | null} */
  let vault = null;

  /** @param {string} whose @returns {Promise<Vault | null>} the newer of the two */
  async function read(whose) {
    const [beside, other] = await Promise.all([
      db.outbox.run((idb) => idb.get('counter', rowKey(whose))), stranded ? null : db.data.run((idb) => idb.get('meta', rowKey(whose))).catch(() => null)]);
    return newer(beside?.value, other?.value);
  }

  /**
   * Writes what change makes of the vault that lies there; two windows cannot count one try between them.
   * @param {(here: Vault | null) => Vault | null} change null: nothing to write
   * @returns {Promise<Vault | null>}
   */
  async function write(change) {
    const key = rowKey(user);
    const other = await read(user);
    const value = await db.outbox.run((idb) => whole(idb, ['counter'], async (tx) => {
      const here = newer((await tx.objectStore('counter').get(key))?.value, other);
      const next = change(here);
      if (!next) return null;
      const value = { ...next, n: (here?.n ?? 0) + 1 };
      sent(tx.objectStore('counter').put({ key, value }));
      return value;
    }));
    if (!value) return null;
    if (!stranded) await db.data.run((idb) => whole(idb, ['meta'], async (tx) => sent(tx.objectStore('meta').put({ key, value })))).catch(() => {});
    vault = value;
    return value;
  }

  /**
   * Whose phone it is now.
   * @param {string} whose @param {{alone?: boolean}} [how] alone: ruhu-data cannot be opened
   * @returns {Promise<LockState>}
   */
  async function load(whose, { alone = false } = {}) {
    if (whose !== user) cipher.use(null);
    user = whose;
    stranded = alone;
    vault = whose ? await read(whose) : null;
    if (vault && !cipher.on) {
      const key = await holder.ask(`${user} ${vault.id}`);
      if (key) cipher.use(key);
    }
    return state();
  }

  /** @returns {LockState} */
  function state() {
    if (!vault) return 'none';
    if (cipher.on) return 'open';
    return vault.closed ? 'locked' : 'burnt';
  }

  /** A first PIN, or a new one after the old was forgotten. @param {string} pin @param {Uint8Array} [raw] a data key the office gave back */
  async function setPin(pin, raw) {
    // What only the old key opens can still come back by the office.
    if (vault && !cipher.on && !raw) await keepOld(vault);
    const { newVault } = await vaults();
    const made = await newVault(pin, raw, rounds);
    const extra = await recovery(made.raw, user, made.vault.id);
    await write(() => ({ ...made.vault, ...extra }));
    await opened(made.raw);
  }

  /** @param {Vault} old */
  const keepOld = (old) => db.outbox.run((idb) => whole(idb, ['counter'], async (tx) =>
    sent(tx.objectStore('counter').put({ key: `vault-old:${user}:${old.id}`, value: old }))));

  /** @param {Uint8Array} raw */
  async function opened(raw) {
    await cipher.useRaw(raw);
    holder.keep(`${user} ${vault?.id}`, /** @type {CryptoKey} */ (cipher.key));
  }

  /** @param {string} pin @returns {Promise<Tried & {raw?: Uint8Array}>} */
  async function attempt(pin) {
    const { burnt, openVault } = await vaults();
    // Counted before it is made.
    const at = now().getTime();
    const mine = await write((here) => (here?.closed && !waitMs(here.tries, at) ? { ...here, tries: counted(here.tries, at) } : null));
    if (!mine) {
      vault = await read(user);
      return vault?.closed ? { kind: 'wait', wait_ms: waitMs(vault.tries, at) } : { kind: 'burnt' };
    }
    const raw = await openVault(mine, pin);
    if (raw) {
      const extra = mine.recovery ? {} : await recovery(raw, user, mine.id);
      await write((here) => here && { ...here, tries: NO_TRIES, ...extra });
      return { kind: 'open', raw };
    }
    const tries = afterWrong(mine.tries);
    if (tries.burnt) {
      await write((here) => here && burnt(here));
      return { kind: 'burnt' };
    }
    return { kind: 'wrong', left: left(tries), wait_ms: waitMs(tries, now().getTime()) };
  }

  /** @param {string} pin @returns {Promise<Tried>} */
  async function unlock(pin) {
    const { raw, ...tried } = await attempt(pin);
    if (raw) await opened(raw);
    return tried;
  }

  /** Whether that is the PIN. @param {string} pin @returns {Promise<Tried>} */
  async function proves(pin) {
    const { raw: _raw, ...tried } = await attempt(pin);
    return tried;
  }

  /** The same data under another PIN. @param {string} old @param {string} pin @returns {Promise<Tried>} */
  async function changePin(old, pin) {
    const { raw, ...tried } = await attempt(old);
    if (raw) await setPin(pin, raw);
    return tried;
  }

  /** Nobody has unlocked any more; the page that stands must go, since its memory is full of names. */
  function close() {
    holder.forget();
    cipher.use(null);
  }

  return {
    /** A person is choosing a code just now: nothing about people may come onto the phone yet. */
    asking: false,
    load, state, setPin, unlock, proves, changePin, close,
    /** Milliseconds until the next try. */
    wait: () => (vault ? waitMs(vault.tries, now().getTime()) : 0),
    get vault() { return vault; },
    get user() { return user; },
  };
}
