/**
 * The app's own new versions: taken at once when the app has just started, otherwise offered on
 * the first screen. The worker refuses while a form is open in any window.
 */

const LOOK_EVERY_MS = 3600_000;
/** After the first screen, so that the QR decoder and the like do not hold it up. */
const EXTRAS_MS = 1_500;

/** @param {any} ctx */
export async function keepUpToDate(ctx) {
  const { serviceWorker } = navigator;
  const registration = await serviceWorker.register('/sw.js');
  const extras = () => void serviceWorker.ready.then(({ active }) => active?.postMessage('extras'));
  setTimeout(extras, EXTRAS_MS);
  // What the line was too bad for the first time: who is out for weeks needs the QR decoder.
  addEventListener('online', extras);
  ctx.update = { ready: false, apply };
  // What waited since the last time comes in with the next page; this one goes on with its own files.
  if (registration.waiting && !await ask(registration.waiting)) offer();
  registration.addEventListener('updatefound', () => {
    const coming = registration.installing;
    coming?.addEventListener('statechange', () => {
      if (coming.state === 'installed' && serviceWorker.controller) offer();
    });
  });
  // A phone keeps the app open for days.
  let looked = Date.now();
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState !== 'visible' || Date.now() - looked < LOOK_EVERY_MS) return;
    looked = Date.now();
    void registration.update().catch(() => {});
  });

  function offer() {
    ctx.update.ready = true;
    document.dispatchEvent(new Event('ruhu-update'));
  }

  /** @returns {Promise<boolean>} */
  async function apply() {
    const { waiting } = registration;
    if (!waiting) return false;
    serviceWorker.addEventListener('controllerchange', () => location.reload(), { once: true });
    return ask(waiting);
  }
}

/** @param {ServiceWorker} waiting @returns {Promise<boolean>} whether it takes over, as soon as the old one is done */
function ask(waiting) {
  const { port1, port2 } = new MessageChannel();
  return new Promise((done) => {
    port1.onmessage = ({ data }) => done(data);
    waiting.postMessage('take-over', [port2]);
  });
}
