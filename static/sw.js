/**
 * Keeps the app's files so that it opens with no network. GET only; records, forms and answers
 * are in IndexedDB and never pass through here.
 */
/// <reference lib="webworker" />
const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));
const VERSION = '{version}';
/** @type {string[]} */
const ASSETS = ['{assets}'];
const CACHE = `ruhu-${VERSION}`;
const SHELL = '/';
const SCREENS = /^\/($|H\/|S\/|F\/)/;

worker.addEventListener('install', (event) => {
  // addAll is all or nothing: a half-filled cache would open to a broken page in the field.
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll([SHELL, ...ASSETS])));
});

worker.addEventListener('activate', (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) if (name.startsWith('ruhu-') && name !== CACHE) await caches.delete(name);
    await worker.clients.claim();
  })());
});

worker.addEventListener('message', (event) => {
  // The page asks for this only when no form is open.
  if (event.data === 'take-over') void worker.skipWaiting();
});

worker.addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.method !== 'GET') return;
  const url = new URL(request.url);
  if (url.origin !== worker.location.origin) return;
  if (request.mode === 'navigate') {
    if (SCREENS.test(url.pathname)) event.respondWith(shell(request));
  } else if (url.pathname.startsWith('/static/dist/')) {
    event.respondWith(kept(request));
  }
});

/** @param {Request} request */
async function shell(request) {
  const cache = await caches.open(CACHE);
  return (await cache.match(SHELL)) ?? fetch(request);
}

/** @param {Request} request */
async function kept(request) {
  const cache = await caches.open(CACHE);
  return (await cache.match(request, { ignoreVary: true })) ?? fetch(request);
}
