/**
 * One round of syncing, and when to start one.
 *
 * A round: hello, ops up, blobs up, receipts, records down, forms. Only one tab
 * does it at a time (Web Locks); every failure becomes one line in the log with
 * one cause and one next step, and the next try waits longer.
 */
import { waitMs } from './backoff.js';
import { explain, explainError } from './explain.js';
import { askBlobs, fetchReceipts, isOurServer, pushAll, pushBlobs } from './push.js';

/** @typedef {import('./push.js').Trouble} Trouble */
/** @typedef {{running: boolean, step: string, records: number, last_ok: string|null,
 *   trouble: ReturnType<typeof explain>|null, next_try: number|null}} SyncState */

const LOCK = 'ruhu-sync';
/** Records of a page: a slow line gets small ones, for a page that is cut begins anew. */
const SMALL_PAGE = 500;
const LARGE_PAGE = 2000;
const QUICK_MS = 1_000;
const EVERY_MS = 5 * 60_000;
/** The first look for the centre's word on what was just sent; each one in vain doubles the wait. */
const CONFIRM_MS = 3_000;

/**
 * @param {{api: import('./api.js').Api, outbox: import('./outbox.js').Outbox, store: import('./store.js').Store,
 *   session: import('./session.js').Session, formstore: import('./formstore.js').Formstore,
 *   log: import('./log.js').Log, db?: {outbox: import('./db.js').Connection}, keeping?: import('./keeping.js').Keeping, now: () => Date, random?: () => number,
 *   locks?: Pick<LockManager, 'request'> | null,
 *   timers?: {set: (fn: () => void, ms: number) => any, clear: (timer: any) => void},
 *   afterRound?: () => void, ready?: () => boolean}} parts  ready: false while nothing may come onto the phone
 */
export function createSync(parts) {
  const {
    api, outbox, store, session, formstore, log, db, keeping, now, random = Math.random, locks = globalThis.navigator?.locks,
    timers = { set: (fn, ms) => setTimeout(fn, ms), clear: (timer) => clearTimeout(timer) }, afterRound = () => {}, ready = () => true,
  } = parts;
  /** @type {SyncState} */
  const state = { running: false, step: '', records: 0, last_ok: null, trouble: null, next_try: null };
  /** @type {Set<(state: SyncState) => void>} */
  const listeners = new Set();
  let failures = 0;
  let again = false;
  /** What still lacked the centre's word after the last round, and how often in a row it was the same. */
  let open = { count: 0, looks: 0 };
  /** @type {any} */
  let timer = null;
  let quiet = false;

  /** @param {Partial<SyncState>} change */
  function show(change) {
    Object.assign(state, change);
    listeners.forEach((listener) => listener(state));
  }

  /**
   * Run a round now, unless one is running (then once more after it).
   * @returns {Promise<boolean>} true when it went through to the end
   */
  async function run() {
    if (state.running) {
      again = true;
      return false;
    }
    if (!session.installs.length || !ready()) return false;
    timers.clear(timer);
    show({ running: true, next_try: null });
    let done = false;
    try {
      done = await alone(locks, round);
    } catch (error) {
      await fail(explainError(error));
    }
    show({ running: false, step: '' });
    afterRound();
    if (again) {
      again = false;
      soon();
    } else {
      plan(done ? await pauseMs() : state.next_try ?? waitMs(failures, random()));
    }
    return done;
  }

  /** A person looks for the third tick: the centre's word takes moments when the node above is in reach. */
  async function pauseMs() {
    const count = await outbox.unconfirmed();
    open = { count, looks: count === open.count ? open.looks + 1 : 0 };
    return count ? Math.min(EVERY_MS, CONFIRM_MS * 2 ** open.looks) : EVERY_MS;
  }

  /** @param {number} ms */
  function plan(ms) {
    timers.clear(timer);
    timer = timers.set(() => void run(), ms);
  }

  /** Run shortly, without making the caller wait; asked for by people and events, so at once. */
  function soon() {
    if (state.running) again = true;
    else plan(0);
  }

  async function round() {
    for (const install of session.installs) {
      const trouble = await roundOf(install) ?? (install === session.install ? null : await closed());
      if (!trouble) continue;
      await fail(explain(trouble), trouble);
      if (trouble.kind === 'refused' && trouble.status === 401) {
        await session.refuse(install.install_id);
        continue;
      }
      return false;
    }
    if (session.install?.refused) return false;
    await adopt();
    await forgetLeavers();
    await outbox.prune(now());
    failures = 0;
    await store.setMeta('last_sync', now().toISOString());
    if (state.trouble) await log.add(true, '同步恢复正常');
    show({ trouble: null, last_ok: now().toISOString() });
    return true;
  }

  /**
   * @param {import('./session.js').Install} install
   * @returns {Promise<Trouble | null>}
   */
  async function roundOf({ install_id: id, token }) {
    show({ step: 'hello' });
    const before = session.server;
    const ops = await outbox.unconfirmedOps(id);
    const hello = await api.post('/sync/v1/hello', {
      install_id: id, dseq: await outbox.lastDseq(id), unconfirmed: ops, ...(id === session.install_id && await aboutThisPhone()),
    }, token);
    if (hello.kind !== 'ok') return hello;
    if (!isOurServer(session, hello.data)) return { kind: 'offline', cause: 'wrong_server' };
    if (!session.keysAgree(hello.data)) return { kind: 'offline', cause: 'wrong_key' };
    await noteEpoch(id, before, hello.data);
    await session.noteServer(hello.data, now());
    const sending = (await outbox.toOffer(id, 1)).length > 0;
    await session.noteGrants(id, hello.data.grants);
    show({ step: 'push' });
    let trouble = await pushAll({ api, outbox, session, now }, id, token, (line) => log.add(false, line.text, line.next, line.values));
    if (trouble?.kind === 'offline' || (trouble && trouble.status === 401)) return trouble;
    show({ step: 'blobs' });
    if (!trouble) trouble = await pushBlobs({ api, outbox, session, now }, id, token, hello.data.tier);
    if (trouble?.kind === 'offline') return trouble;
    show({ step: 'receipts' });
    trouble = await fetchReceipts({ api, outbox, session, now }, id, token) ?? trouble;
    trouble = await askBlobs({ api, outbox, session, now }, id, token) ?? trouble;
    if (id !== session.install_id) return trouble;
    show({ step: 'pull' });
    const scope = await store.meta('scope_version');
    // What was made under the old areas goes up before they are left.
    if (trouble && scope && hello.data.scope_version && scope !== hello.data.scope_version) return trouble;
    // Else a refused push must not keep the phone from getting news.
    return await pull(token) ?? await forms() ?? trouble ?? (sending || !quiet ? null : await compareOnce(token));
  }

  /** What others on this phone finished and only they could open. @returns {Promise<Trouble | null>} */
  async function closed() {
    if (!db) return null;
    const { sendClosed } = await import('./send-closed.js');
    const { handed, trouble } = await sendClosed({ outbox, session, now, api, db, ids: () => crypto.randomUUID() });
    if (handed) await log.add(true, '把别人锁着的 {n} 份走访封好送出了', '', { n: handed });
    // A node of before does not know the way; the work waits for its person then.
    return trouble?.kind === 'refused' && trouble.status === 404 ? null : trouble;
  }

  /** What the office is told of this phone beside its numbers; nothing about people. */
  async function aboutThisPhone() {
    return {
      time: now().toISOString(), app: version(), photos: (await outbox.blobsToSend()).length,
      compared: await store.meta('compared'), ...(keeping && { storage: await keeping.state() }),
    };
  }

  /**
   * @param {string} installId
   * @param {import('./session.js').Server | null} before
   * @param {{server_id: string, epoch: string, acked_dseq: Record<string, number>}} hello
   */
  async function noteEpoch(installId, before, hello) {
    if (!before || before.epoch === hello.epoch) return;
    const acked = hello.acked_dseq?.[installId] ?? 0;
    await outbox.offerAgain(installId, acked, hello);
    await log.add(true, '服务器从备份恢复过，正从第 {n} 条起重新上传', '', { n: acked + 1 });
  }

  /** Once a day, after a round in which nothing moved. @param {string} token @returns {Promise<Trouble | null>} */
  async function compareOnce(token) {
    const { compare, isDue } = await import('./compare.js');
    if (!await isDue(store, now())) return null;
    show({ step: 'compare' });
    const trouble = await compare({ api, store, outbox, session, now }, token);
    const found = await store.meta('compared');
    if (!trouble && found?.mended) {
      await log.add(false, '与服务器核对,发现 {n} 条不一致,已按服务器的改正', '没有上报的不受影响。办公室会看到这次核对', { n: found.mended });
    }
    return trouble;
  }

  /**
   * Page after page; the next two travel while the last is written, and on a good line pages grow.
   * @param {string} token @returns {Promise<Trouble | null>}
   */
  async function pull(token) {
    quiet = false;
    let limit = SMALL_PAGE;
    /** @param {string | null} cursor */
    const fetched = async (cursor) => {
      const began = now().getTime();
      const answer = await api.get(`/sync/v1/pull?dates=brief&limit=${limit}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`, token);
      limit = now().getTime() - began < QUICK_MS ? Math.min(limit * 2, LARGE_PAGE) : Math.max(limit / 2, SMALL_PAGE);
      return answer;
    };
    /** What is asked for as soon as a page has come. @param {ReturnType<typeof fetched>} page */
    const after = (page) => page.then((answer) =>
      (answer.kind === 'ok' && answer.data.more && isOurServer(session, answer.data) ? fetched(answer.data.cursor) : answer));
    let coming = fetched(await store.cursor());
    let next = after(coming);
    for (let restarts = 0, pages = 0, all = 0; ;) {
      const answer = await coming;
      if (answer.kind === 'refused' && answer.code === 'cursor_stale' && restarts++ < 1) {
        await store.startAfresh();
        const told = AFRESH[answer.reason];
        if (told) await log.add(true, told);
        coming = fetched(null);
        next = after(coming);
        continue;
      }
      if (answer.kind !== 'ok') return answer;
      if (!isOurServer(session, answer.data)) return { kind: 'offline', cause: 'wrong_server' };
      coming = next;
      next = after(coming);
      const dropped = await store.applyPage(answer.data);
      if (dropped) await log.add(true, '重新下载完成，手机上去掉了 {n} 条不再由您负责或已作废的记录', '', { n: dropped });
      pages = answer.data.records.length;
      show({ records: state.records + pages });
      all += pages;
      quiet = all === 0;
      if (answer.data.more) continue;
      await store.packOld();
      return null;
    }
  }

  /** @returns {Promise<Trouble | null>} */
  async function forms() {
    show({ step: 'forms' });
    const { here, wanted } = await formstore.prefetch();
    await store.setMeta('forms_ready', { here, wanted });
    return here < wanted ? { kind: 'offline', cause: 'network' } : null;
  }

  /** Work of an install whose key is refused goes up with the present key; the server sets it aside for a person. */
  async function adopt() {
    const current = session.install;
    if (!current) return;
    const known = new Map(session.installs.map((install) => [install.install_id, install]));
    for (const id of await outbox.openInstalls()) {
      if (id === current.install_id || (known.has(id) && !known.get(id)?.refused)) continue;
      const trouble = await pushAll({ api, outbox, session, now }, id, current.token, async () => {})
        ?? await fetchReceipts({ api, outbox, session, now }, id, current.token);
      if (trouble) await log.add(false, explain(trouble).text, explain(trouble).next, explain(trouble).values);
    }
  }

  /** Give back the keys of people who signed out once all their work is safe. */
  async function forgetLeavers() {
    const open = new Set(await outbox.openInstalls());
    for (const install of session.installs) {
      if (!install.leaving || open.has(install.install_id)) continue;
      await api.post('/api/sign-out', {}, install.token);
      await session.forget(install.install_id);
    }
  }

  /**
   * @param {ReturnType<typeof explain>} line
   * @param {Trouble} [trouble]
   */
  async function fail(line, trouble) {
    failures += 1;
    const wait = waitMs(failures, random(), trouble?.kind === 'refused' ? trouble.retry_after_s : 0);
    // The same trouble again and again is one line, not a hundred.
    // A full phone cannot write the line either; it is shown all the same.
    if (state.trouble?.text !== line.text) await log.add(false, line.text, line.next, line.values).catch(() => {});
    show({ trouble: line, next_try: wait });
  }

  /** React to the network coming back and to the app being looked at again. */
  function listen() {
    globalThis.addEventListener?.('online', soon);
    globalThis.document?.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') soon();
    });
  }

  return {
    run, soon, listen, get state() { return state; },
    /** @param {(state: SyncState) => void} listener */
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Why everything is downloaded anew, by the server's reason. @type {Record<string, string>} */
const AFRESH = {
  scope: '您负责的区域变了，手上的已先上传，正在下载新的区域；草稿都在',
  away: '半年多没有同步，登记册正在重新下载；草稿和没上传的都在',
};

/** @typedef {ReturnType<typeof createSync>} Sync */

/**
 * Run work only if no other tab is doing it; another tab's round counts as ours.
 * @param {Pick<LockManager, 'request'> | null | undefined} locks
 * @param {() => Promise<boolean>} work
 * @returns {Promise<boolean>}
 */
function alone(locks, work) {
  if (!locks) return work();
  return /** @type {Promise<boolean>} */ (locks.request(LOCK, { ifAvailable: true }, (lock) => (lock ? work() : true)));
}

/** The build that runs, as its file is named; '' in tests. */
function version() {
  const script = globalThis.document?.querySelector('script[src*="/main-"]');
  return /main-(\w+)\.js/.exec(script?.getAttribute('src') ?? '')?.[1] ?? '';
}
