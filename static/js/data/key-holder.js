/** The worker as the place where an opened key outlives a reload: in its memory only, which the browser ends soon after the last page. */

/** How long a worker that sleeps may take to answer; then the PIN is asked for. */
const PATIENCE_MS = 600;

/** @returns {import('./lock.js').Holder} */
export function createKeyHolder() {
  const container = globalThis.navigator?.serviceWorker;
  /** @type {{user: string, key: CryptoKey} | null} */
  let mine = null;
  const tell = () => mine && container?.controller?.postMessage({ keep: mine.user, key: mine.key });
  // The worker may have slept and forgotten: it is told once more when this page goes.
  globalThis.addEventListener?.('pagehide', tell);
  container?.addEventListener('controllerchange', tell);
  return {
    keep(user, key) {
      mine = { user, key };
      tell();
    },
    ask(user) {
      const { controller } = container ?? {};
      if (!controller) return Promise.resolve(null);
      const { port1, port2 } = new MessageChannel();
      return new Promise((done) => {
        const give = (/** @type {CryptoKey | null} */ key) => {
          if (key) mine = { user, key };
          done(key);
        };
        port1.onmessage = ({ data }) => give(data ?? null);
        setTimeout(done, PATIENCE_MS, null);
        controller.postMessage({ key_of: user }, [port2]);
      });
    },
    forget() {
      mine = null;
      container?.controller?.postMessage({ forget: true });
    },
  };
}
