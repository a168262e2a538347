/**
 * Who is signed in on this phone, and as which install.
 *
 * Signing out never throws away a key that unsent work still needs: an install
 * with unconfirmed ops stays listed as `leaving` until the centre has them all.
 *
 * It is kept in `ruhu-data` and once more beside the outbox, so that finished work
 * can be sent also while `ruhu-data` cannot be opened. A mark outside both, in
 * localStorage, tells a phone that was never used from one whose browser threw the
 * databases away; beside it stand two counts, never anything about people.
 */
import { sent, whole } from './db.js';

/**
 * @typedef {{role: string, area: string}} Grant
 * @typedef {{id: string, name: string, username: string, grants: Grant[]}} SignedInUser
 * @typedef {{install_id: string, token: string, user: SignedInUser, leaving?: boolean,
 *   refused?: boolean, since: string, key?: CryptoKey}} Install  key: signs its log; installs of older versions have none
 * @typedef {{sign: string, seal: string}} PublicKeys
 * @typedef {{server: PublicKeys, centre: PublicKeys | null}} Keys
 * @typedef {{server_id: string, epoch: string, tier: string, clock_offset_ms: number, keys?: Keys | null}} Server
 *   keys: as this server told them when it was first met, for ever
 */

const MARKER = 'ruhu-install';
const COUNTS = 'ruhu-open';
/** The row beside the outbox. */
const SPARE = 'session';

/** What a wiped phone still knows of what it had: its install, and how much the centre had not confirmed at the last count. */
/** @typedef {{install_id: string, open: number, drafts: number, at: string}} Lost */

/**
 * @param {{db: {data: import('./db.js').Connection, outbox: import('./db.js').Connection}, marker?: Pick<Storage, 'getItem'|'setItem'|'removeItem'>}} parts
 */
export function createSession({ db, marker = globalThis.localStorage }) {
  /** @type {Install | null} */
  let current = null;
  /** @type {Install[]} */
  let installs = [];
  /** @type {Server | null} */
  let server = null;
  /** @type {Lost | null} */
  let lost = null;
  /** What stands beside the outbox, to write it only when it changes. */
  let spareFace = '';
  /** ruhu-data cannot be opened: only the spare is written. */
  let stranded = false;

  /** All in one transaction: this stands before the first screen. @param {string[]} keys @returns {Promise<any[]>} */
  const read = (keys) => db.data.run((idb) => {
    const { store } = idb.transaction('meta');
    return Promise.all(keys.map(async (key) => (await store.get(key))?.value ?? null));
  });
  /** @param {Record<string, unknown>} values */
  async function write(values) {
    // Beside the outbox first: the mark in ruhu-data says that it is there.
    await writeSpare();
    if (!stranded) {
      await db.data.run((idb) => whole(idb, ['meta'], async (tx) => {
        for (const [key, value] of Object.entries({ ...values, beside: true })) sent(tx.objectStore('meta').put({ key, value }));
      }));
    }
  }

  async function writeSpare() {
    const spare = { installs, server, install_id: current?.install_id ?? null };
    const face = JSON.stringify([installs, server?.server_id, server?.epoch, server?.keys, spare.install_id]);
    if (face === spareFace) return;
    await db.outbox.run((idb) => whole(idb, ['counter'], async (tx) => sent(tx.objectStore('counter').put({ key: SPARE, value: spare }))));
    spareFace = face;
  }

  const readSpare = () => db.outbox.run(async (idb) => (await idb.get('counter', SPARE))?.value ?? null);

  async function load() {
    const [[known, itsServer, id, beside], spare] = await Promise.all([read(['installs', 'server', 'install_id', 'beside']), readSpare()]);
    const data = { installs: known ?? [], server: itsServer, install_id: id };
    const mark = marker?.getItem(MARKER);
    if (data.installs.length && (spare || !beside)) return become(data);
    // The browser may also lose one database and keep the other. Without the outbox the install's numbers are gone:
    // it must not go on counting from 1.
    become(spare ?? { installs: [], server: itsServer, install_id: null });
    if (spare?.installs.length) await write({ ...spare });
    // A mark outside the databases tells "never used" from "wiped by the browser" (ndb-core #4179).
    if (mark && !installs.length) lost = lostOf(mark, marker?.getItem(COUNTS));
    else if (mark && spare?.installs.length) lost = { ...lostOf('', marker?.getItem(COUNTS)), open: 0 };
  }

  /** Who is signed in as far as the outbox knows, while ruhu-data cannot be opened. */
  async function loadSpare() {
    stranded = true;
    become(await readSpare() ?? { installs: [], server: null, install_id: null });
  }

  /** @param {{installs: Install[], server: Server | null, install_id: string | null}} found */
  function become(found) {
    ({ installs, server } = found);
    current = installs.find((install) => install.install_id === found.install_id) ?? null;
  }

  /** A person has read what was lost; somebody is signed in. */
  function readLost() {
    lost = null;
  }

  /** Keep the counts where a wipe of the databases does not reach. @param {{open: number, drafts: number}} counted @param {Date} now */
  function noteOpen({ open, drafts }, now) {
    // Of a wiped phone the last count is all that is left; it stands until somebody signs in.
    if (!lost) marker?.setItem(COUNTS, JSON.stringify({ open, drafts, at: now.toISOString() }));
  }

  /**
   * Keep a successful sign-in.
   * @param {{token: string, install_id: string, user: SignedInUser, server_id: string, epoch: string,
   *   tier: string, time: string, keys?: Keys | null}} reply
   * @param {Date} now
   * @param {CryptoKey} [key] what the install signs with
   */
  async function signIn(reply, now, key) {
    const install = { install_id: reply.install_id, token: reply.token, user: reply.user, since: now.toISOString(), ...(key && { key }) };
    // The same person on the same phone again: the earlier install only brings its work up yet.
    installs = [...installs.filter((one) => one.install_id !== install.install_id)
      .map((one) => (one.user.id === install.user.id ? { ...one, leaving: true } : one)), install];
    server = serverOf(reply, now, keptKeys(server, reply));
    current = install;
    await write({ installs, server, install_id: install.install_id });
    marker?.setItem(MARKER, install.install_id);
    lost = null;
  }

  /** @param {boolean} keepKey true while the install still has unconfirmed ops */
  async function signOut(keepKey) {
    if (!current) return;
    const id = current.install_id;
    installs = keepKey
      ? installs.map((one) => (one.install_id === id ? { ...one, leaving: true } : one))
      : installs.filter((one) => one.install_id !== id);
    current = null;
    // A phone that holds nothing more may be given to another county: it begins anew.
    if (!installs.length) server = null;
    await write({ installs, server, install_id: null });
    unmark();
  }

  /** Another person takes the phone; this one stays, locked. @param {string} [installId] whose turn it is; '' for somebody new */
  async function turnTo(installId = '') {
    current = installs.find((one) => one.install_id === installId && !one.leaving) ?? null;
    await write({ install_id: current?.install_id ?? null });
  }

  /** Forget the key of an install that has nothing left to send. @param {string} installId */
  async function forget(installId) {
    installs = installs.filter((one) => one.install_id !== installId || one === current);
    await write({ installs });
    unmark();
  }

  /** A phone that nobody uses any more has nothing to lose. */
  function unmark() {
    if (installs.length) return;
    marker?.removeItem(MARKER);
    marker?.removeItem(COUNTS);
  }

  /** The server no longer takes this install's key. @param {string} installId */
  async function refuse(installId) {
    installs = installs.map((one) => (one.install_id === installId ? { ...one, refused: true } : one));
    current = installs.find((one) => one.install_id === current?.install_id) ?? null;
    await write({ installs });
  }

  /** The areas and roles the server knows of now. @param {string} installId @param {Grant[] | undefined} grants */
  async function noteGrants(installId, grants) {
    const known = installs.find((one) => one.install_id === installId);
    if (!known || !grants?.length || JSON.stringify(known.user.grants) === JSON.stringify(grants)) return;
    installs = installs.map((one) => (one === known ? { ...one, user: { ...one.user, grants } } : one));
    current = installs.find((one) => one.install_id === current?.install_id) ?? null;
    await write({ installs });
  }

  /** @param {Reply} reply @param {Date} now */
  async function noteServer(reply, now) {
    server = serverOf({ tier: server?.tier ?? 'node', ...reply }, now, keptKeys(server, reply));
    await write({ server });
  }

  /** Whether a reply shows the keys that were noted; what was never noted agrees with all. @param {Reply} reply */
  const keysAgree = (reply) => (!server?.keys || Boolean(reply.keys))
    && (server?.server_id !== reply.server_id || same(server?.keys?.server, reply.keys?.server))
    && (!reply.keys?.centre || same(server?.keys?.centre, reply.keys.centre));

  return {
    /** What is closed for the centre is closed with this; '' while it is not known. */
    get centre_seal() { return server?.keys?.centre?.seal ?? ''; },
    load, loadSpare, noteOpen, readLost, signIn, signOut, turnTo, forget, refuse, noteServer, noteGrants, keysAgree,
    get user() {
      return current && { ...current.user, area: current.user.grants[0]?.area ?? '' };
    },
    get install() { return current; },
    get installs() { return installs; },
    /** The others who use this phone. */
    get others() { return installs.filter((one) => !one.leaving && one !== current); },
    get install_id() { return current?.install_id ?? null; },
    get server() { return server; },
    get lost() { return lost; },
  };
}

/** @typedef {ReturnType<typeof createSession>} Session */

/** @param {string} installId @param {string | null | undefined} counted @returns {Lost} */
function lostOf(installId, counted) {
  const unknown = { install_id: installId, open: 0, drafts: 0, at: '' };
  try {
    return { ...unknown, ...JSON.parse(counted ?? '{}') };
  } catch {
    return unknown;
  }
}

/** @typedef {{server_id: string, epoch: string, tier?: string, time: string, keys?: Keys | null}} Reply */

/**
 * @param {Reply} reply
 * @param {Date} now
 * @param {Keys | null} keys
 * @returns {Server}
 */
function serverOf(reply, now, keys) {
  const offset = Date.parse(reply.time) - now.getTime();
  return {
    server_id: reply.server_id, epoch: reply.epoch, tier: reply.tier ?? 'node',
    clock_offset_ms: Number.isFinite(offset) ? offset : 0, keys,
  };
}

/** The first keys told are kept; the centre's also when another node is signed in to. @param {Server | null} server @param {Reply} reply */
function keptKeys(server, reply) {
  const known = server?.keys;
  if (!reply.keys) return known ?? null;
  const node = known && server?.server_id === reply.server_id ? known.server : reply.keys.server;
  return { server: node, centre: known?.centre ?? reply.keys.centre };
}

/** @param {PublicKeys | null | undefined} noted @param {PublicKeys | null | undefined} told */
const same = (noted, told) => !noted || noted.sign === told?.sign;
