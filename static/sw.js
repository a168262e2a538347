/**
 * Keeps the app's files so that it opens with no network. GET only: a worker that
 * re-issues a POST can send it empty (enketo PR #1584). Records, forms and answers
 * are in IndexedDB and never pass through here.
 *
 * The build fills in the lists. CORE is taken whole or not at all; EXTRAS (the QR
 * decoder, English) come when the page asks, so that they do not hold up the first screen.
 *
 * A new version waits while a form is open in any window, and the version before stays
 * kept beside it: a page that still runs the old code finds its files, and a server put
 * back to the old version costs no traffic.
 */
/// <reference lib="webworker" />
const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));
const VERSION = '{version}';
const SHELL = '{shell}';
/** @type {string[]} */
const CORE = ['{core}'];
/** @type {string[]} */
const EXTRAS = ['{extras}'];
/** What each file's bytes must be. @type {Record<string, string>} */
const DIGESTS = JSON.parse('{digests}');
const CACHE = `ruhu-${VERSION}`;
const SCREENS = /^\/($|H\/|S\/|F\/)/;

worker.addEventListener('install', (event) => {
  event.waitUntil((async () => {
    try {
      await fill([SHELL, ...CORE]);
    } catch (error) {
      // A half-filled cache would open to a broken page in the field.
      await caches.delete(CACHE);
      throw error;
    }
    await fill(EXTRAS, { onlyKept: true });
  })());
});

worker.addEventListener('activate', (event) => {
  event.waitUntil((async () => {
    // In the order they were made: the last before this one is what open pages may still run.
    const older = (await caches.keys()).filter((name) => name.startsWith('ruhu-') && name !== CACHE);
    for (const name of older.slice(0, -1)) await caches.delete(name);
    await worker.clients.claim();
  })());
});

/** The key of whoever unlocked a page: in memory only, and gone with this worker. @type {{user: string, key: CryptoKey} | null} */
let opened = null;

worker.addEventListener('message', (event) => {
  const { keep, key, key_of: asked, forget } = Object(event.data);
  if (keep) opened = { user: keep, key };
  if (forget) opened = null;
  if (asked) event.ports[0]?.postMessage(opened?.user === asked ? opened?.key : null);
  if (event.data === 'take-over') event.waitUntil(takeOver().then((done) => event.ports[0]?.postMessage(done)));
  if (event.data === 'extras') {
    event.waitUntil(fill(EXTRAS).then(() => true, () => false).then((ready) => event.ports[0]?.postMessage(ready)));
  }
});

worker.addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.method !== 'GET') return;
  const url = new URL(request.url);
  if (url.origin !== worker.location.origin) return;
  if (request.mode === 'navigate') {
    if (!SCREENS.test(url.pathname)) return;
    event.respondWith(kept(SHELL, request));
    wakeDatabases();
  } else if (url.pathname.startsWith('/static/dist/')) {
    event.respondWith(kept(url.pathname, request));
  }
});

/** The browser opens their files while the page is still being read; the page then finds them open. Nothing is made or changed. */
function wakeDatabases() {
  for (const name of ['ruhu-data', 'ruhu-outbox']) {
    const asked = indexedDB.open(name);
    asked.onupgradeneeded = () => asked.transaction?.abort();
    asked.onerror = (event) => event.preventDefault();
    asked.onsuccess = () => asked.result.close();
  }
}

/** Unless a form is open in any window, frozen ones too: each holds the lock `ruhu-form`. @returns {Promise<boolean>} */
async function takeOver() {
  const { held = [] } = await worker.navigator.locks?.query() ?? {};
  if (held.some(({ name }) => name === 'ruhu-form')) return false;
  // Not waited for: the browser ends the old worker first, and gives a busy one minutes; whoever asked wants an answer.
  void worker.skipWaiting();
  return true;
}

/**
 * Put files into this version's cache. Names carry their content's hash, so what an
 * older version kept under the same name is the same file and costs no traffic.
 * @param {string[]} paths
 * @param {{onlyKept?: boolean}} [options]
 */
async function fill(paths, { onlyKept = false } = {}) {
  const cache = await caches.open(CACHE);
  await Promise.all(paths.map(async (path) => {
    if (await cache.match(path, { ignoreVary: true })) return;
    const before = await caches.match(path, { ignoreVary: true });
    if (before) return cache.put(path, before);
    if (onlyKept) return;
    const response = await fetch(path, { redirect: 'error', integrity: DIGESTS[path] });
    // A captive portal's page must not be kept as a script.
    if (!response.ok || !isOurs(path, response)) throw new Error(`${path}: ${response.status}`);
    await cache.put(path, response);
  }));
}

/** @param {string} path @param {Response} response */
function isOurs(path, response) {
  const html = (response.headers.get('Content-Type') ?? '').includes('html');
  return html === path.endsWith('.html');
}

/** @param {string} path @param {Request} request */
async function kept(path, request) {
  const cache = await caches.open(CACHE);
  const found = await cache.match(path, { ignoreVary: true }) ?? await caches.match(path, { ignoreVary: true });
  if (found) return found;
  const response = await fetch(request);
  if (EXTRAS.includes(path) && response.ok && isOurs(path, response)) await cache.put(path, response.clone());
  return response;
}
