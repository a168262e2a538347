/** Builds the parts, joins them, and shows the screen that the address names. */
import { createApi } from './data/api.js';
import { createCipher } from './data/cipher.js';
import { openDatabases } from './data/db.js';
import { createDrafts } from './data/drafts.js';
import { createFormstore } from './data/formstore.js';
import { uuid7 } from './data/ids.js';
import { createKeeping } from './data/keeping.js';
import { createKeyHolder } from './data/key-holder.js';
import { createLock } from './data/lock.js';
import { createLog } from './data/log.js';
import { createOutbox } from './data/outbox.js';
import { createSession } from './data/session.js';
import { everyShelf, openShelf } from './data/shelves.js';
import { createStore } from './data/store.js';
import { laterSync } from './data/sync-later.js';
import { language, t, useLanguage } from './i18n.js';
import { readAhead } from './screens/form-pages.js';
import { createRouter } from './screens/router.js';
import { element } from './screens/widgets/dom.js';

const now = () => new Date();
const ids = () => uuid7();
/** A database that opens later than this is held by another page, or broken. */
const OPEN_MS = 8_000;
const PAINT_MS = 500;

async function start() {
  const db = openDatabases();
  // At once: the browser opens them while the rest is built. Whoever needs one hears what went wrong.
  for (const one of [db.base, db.outbox]) one.open().catch(() => {});
  const shared = { data: db.base, outbox: db.outbox };
  const session = createSession({ db: shared });
  const cipher = createCipher();
  const lock = createLock({ db: shared, cipher, now, holder: createKeyHolder(), recovery: async (raw, user, vault) =>
    (await import('./data/recovery.js')).closedForOffice(raw, { user, vault, centre: session.centre_seal }) });
  const outbox = createOutbox({ db, session, now, ids, cipher, bootId: crypto.randomUUID() });
  const store = createStore({ db, outbox, cipher });
  const api = createApi({ language });
  const formstore = createFormstore({ db, store, api });
  const drafts = createDrafts({ run: db.data.run, user: () => session.user?.id ?? '', cipher, everywhere: (work) => everyShelf(db, (one) => one.run(work)) });
  const log = createLog({ db: shared, now });
  const keeping = createKeeping();
  const sync = laterSync(async () => {
    const { createSync } = await import('./data/sync-loop.js');
    return createSync({ api, outbox, store, session, formstore, log, db, keeping, now, ready: () => !lock.asking });
  });
  await useLanguage(localStorage.getItem('ruhu-lang') ?? 'zh');
  document.documentElement.classList.toggle('large', localStorage.getItem('ruhu-large') === '1');
  const page = document.body.dataset.form;
  const named = /^\/forms\/([^/]+)\//.exec(page ?? '')?.[1] ?? /^\/F\/([a-z0-9-]+)$/.exec(location.pathname)?.[1];
  // The address says which form is wanted, and the shell may know its page: it comes while the rest starts.
  let early = named ? formstore.open(named, undefined, page) : null;
  early?.then(readAhead).catch(() => {});
  // Who is at home here comes to today most of the time.
  if (!named && localStorage.getItem('ruhu-install') && /^(#\/today)?$/.test(location.hash)) void import('./screens/today.js').catch(() => {});
  const root = /** @type {HTMLElement} */ (document.getElementById('app'));
  const gate = async () => {
    if (!session.user || lock.state() === 'open') return;
    const { passGate } = await import('./screens/gate.js');
    await passGate(root, { t, now, ids, db, api, session, outbox, store, lock });
  };
  /** @type {Promise<unknown>} */
  let locking = Promise.resolve();
  let stuck = false;
  try {
    const known = session.load();
    // The vault lies in the shared databases: it is read while the person's own are opened.
    locking = known.then(async () => {
      if (!stuck) await lock.load(session.user?.id ?? '');
    });
    locking.catch(() => {});
    await Promise.all([within(OPEN_MS, known.then(() => openShelf(db, session.user?.id ?? ''))), outbox.lastDseq('')]);
  } catch (error) {
    stuck = true;
    const { showRescue } = await import('./screens/rescue.js');
    await within(OPEN_MS, session.loadSpare());
    // Who has no code yet is not asked for one here: what matters is that finished work goes out.
    if (await lock.load(session.user?.id ?? '', { alone: true }) !== 'none') await gate();
    return showRescue(root, { t, error, api, outbox, session, now });
  }
  await locking;
  await gate();
  if (session.user) await finishedDraftsGone(outbox, drafts);
  const form = {
    ...formstore,
    /** @param {string} id @param {string} [version] */
    async open(id, version) {
      // What was read early was read from the first person's store.
      const here = id === named && !version && db.data.name === db.base.name ? early : null;
      early = null;
      return here ?? formstore.open(id, version);
    },
    /** Attached lists are not shipped with any form yet. @param {string} _name */
    file: async (_name) => null,
  };
  /** @type {any} */
  const ctx = {
    db, store, outbox, session, lock, cipher, formstore: form, drafts, sync, api, log, keeping, t, now, ids,
    get lang() {
      return language();
    },
  };
  const router = createRouter(root, ctx);
  addEventListener('unhandledrejection', ({ reason }) => {
    // A form has its own wall, with what was typed behind it.
    if (reason?.name === 'NotSaved' && !router.busy()) void import('./screens/wall.js').then(({ raiseWall }) => raiseWall(ctx, reason));
  });
  ctx.lockNow = async () => {
    // Something typed is not on disk: it outranks the lock.
    if (!await router.rest()) return;
    lock.close();
    location.reload();
  };
  await router.show();
  await painted();
  // Named late, so that it and its icon do not travel before the first question.
  document.head.append(element('link', { rel: 'manifest', href: '/manifest.webmanifest' }));
  sync.listen();
  // Also for someone who signed out with work still on this phone.
  if (session.installs.length) sync.soon();
  countForLater(outbox, drafts, session);
  void outbox.prune(now()).catch(() => {});
  void drafts.sweepBlobs(now()).catch(() => {});
  if (cipher.on) void import('./data/seal-old.js').then(({ sealOld }) => sealOld(ctx)).catch(() => {});
  void import('./screens/auto-lock.js').then(({ lockWhenAway }) => lockWhenAway(ctx)).catch(() => {});
  if ('serviceWorker' in navigator) void import('./update.js').then(({ keepUpToDate }) => keepUpToDate(ctx)).catch(() => {});
}

/**
 * A draft whose submission is already in the outbox was finished just before the app was killed.
 * @param {import('./data/outbox.js').Outbox} outbox @param {import('./data/drafts.js').Drafts} drafts
 */
async function finishedDraftsGone(outbox, drafts) {
  const begun = (await drafts.list()).map((draft) => draft.draft_id);
  for (const id of begun.length ? await outbox.finished(begun) : []) await drafts.remove(id);
}

/**
 * The counts that a wiped phone would show stand outside the databases.
 * @param {import('./data/outbox.js').Outbox} outbox @param {import('./data/drafts.js').Drafts} drafts @param {import('./data/session.js').Session} session
 */
function countForLater(outbox, drafts, session) {
  const count = () => void Promise.all([outbox.unconfirmed(), drafts.count()])
    .then(([open, begun]) => session.installs.length && session.noteOpen({ open, drafts: begun }, now())).catch(() => {});
  outbox.subscribe(count);
  document.addEventListener('visibilitychange', count);
  count();
}

/** The first screen is on the glass; a page in the background paints nothing and goes on. */
const painted = () => Promise.race([
  new Promise((done) => { requestAnimationFrame(() => setTimeout(done)); }), new Promise((done) => { setTimeout(done, PAINT_MS); })]);

/**
 * @template T @param {number} ms @param {Promise<T>} work
 * @returns {Promise<T>} rejects with null when it takes longer
 */
const within = (ms, work) => Promise.race([work, new Promise((_done, fail) => setTimeout(fail, ms, null))]);

void start().catch((error) => {
  const app = document.getElementById('app');
  if (app) {
    app.textContent = `${t('打不开手机里的数据,请关闭其他页面后刷新;未上报的内容仍在手机里。')} (${error?.name ?? error})`;
  }
});
