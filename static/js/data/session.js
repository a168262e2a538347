/**
 * Who is signed in on this phone, and as which install.
 *
 * Signing out never throws away a key that unsent work still needs: an install
 * with unconfirmed ops stays listed as `leaving` until the centre has them all.
 */
import { sent, whole } from './db.js';

/**
 * @typedef {{role: string, area: string}} Grant
 * @typedef {{id: string, name: string, username: string, grants: Grant[]}} SignedInUser
 * @typedef {{install_id: string, token: string, user: SignedInUser, leaving?: boolean,
 *   refused?: boolean, since: string}} Install
 * @typedef {{server_id: string, epoch: string, tier: string, clock_offset_ms: number}} Server
 */

const MARKER = 'ruhu-install';

/**
 * @param {{db: {data: import('./db.js').Connection}, marker?: Pick<Storage, 'getItem'|'setItem'|'removeItem'>}} parts
 */
export function createSession({ db, marker = globalThis.localStorage }) {
  /** @type {Install | null} */
  let current = null;
  /** @type {Install[]} */
  let installs = [];
  /** @type {Server | null} */
  let server = null;
  let evicted = false;

  /** All in one transaction: this stands before the first screen. @param {string[]} keys @returns {Promise<any[]>} */
  const read = (keys) => db.data.run((idb) => {
    const { store } = idb.transaction('meta');
    return Promise.all(keys.map(async (key) => (await store.get(key))?.value ?? null));
  });
  /** @param {Record<string, unknown>} values */
  const write = (values) => db.data.run((idb) => whole(idb, ['meta'], async (tx) => {
    for (const [key, value] of Object.entries(values)) sent(tx.objectStore('meta').put({ key, value }));
  }));

  async function load() {
    const [known, itsServer, id] = await read(['installs', 'server', 'install_id']);
    installs = known ?? [];
    server = itsServer;
    current = installs.find((install) => install.install_id === id) ?? null;
    // A mark outside the database tells "never used" from "wiped by the browser" (ndb-core #4179).
    evicted = installs.length === 0 && Boolean(marker?.getItem(MARKER));
  }

  /**
   * Keep a successful sign-in.
   * @param {{token: string, install_id: string, user: SignedInUser, server_id: string, epoch: string,
   *   tier: string, time: string}} reply
   * @param {Date} now
   */
  async function signIn(reply, now) {
    const install = { install_id: reply.install_id, token: reply.token, user: reply.user, since: now.toISOString() };
    installs = [...installs.filter((one) => one.install_id !== install.install_id), install];
    server = serverOf(reply, now);
    current = install;
    await write({ installs, server, install_id: install.install_id });
    marker?.setItem(MARKER, install.install_id);
    evicted = false;
  }

  /** @param {boolean} keepKey true while the install still has unconfirmed ops */
  async function signOut(keepKey) {
    if (!current) return;
    const id = current.install_id;
    installs = keepKey
      ? installs.map((one) => (one.install_id === id ? { ...one, leaving: true } : one))
      : installs.filter((one) => one.install_id !== id);
    current = null;
    await write({ installs, install_id: null });
    if (!installs.length) marker?.removeItem(MARKER);
  }

  /** Forget the key of an install that has nothing left to send. @param {string} installId */
  async function forget(installId) {
    installs = installs.filter((one) => one.install_id !== installId || one === current);
    await write({ installs });
  }

  /** The server no longer takes this install's key. @param {string} installId */
  async function refuse(installId) {
    installs = installs.map((one) => (one.install_id === installId ? { ...one, refused: true } : one));
    current = installs.find((one) => one.install_id === current?.install_id) ?? null;
    await write({ installs });
  }

  /** @param {{server_id: string, epoch: string, tier?: string, time: string}} reply @param {Date} now */
  async function noteServer(reply, now) {
    server = serverOf({ tier: server?.tier ?? 'node', ...reply }, now);
    await write({ server });
  }

  return {
    load, signIn, signOut, forget, refuse, noteServer,
    get user() {
      return current && { ...current.user, area: current.user.grants[0]?.area ?? '' };
    },
    get install() { return current; },
    get installs() { return installs; },
    get install_id() { return current?.install_id ?? null; },
    get server() { return server; },
    get evicted() { return evicted; },
  };
}

/** @typedef {ReturnType<typeof createSession>} Session */

/**
 * @param {{server_id: string, epoch: string, tier?: string, time: string}} reply
 * @param {Date} now
 * @returns {Server}
 */
function serverOf(reply, now) {
  const offset = Date.parse(reply.time) - now.getTime();
  return {
    server_id: reply.server_id, epoch: reply.epoch, tier: reply.tier ?? 'node',
    clock_offset_ms: Number.isFinite(offset) ? offset : 0,
  };
}
