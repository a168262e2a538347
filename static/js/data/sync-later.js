/**
 * Syncing that is loaded after the first screen: the same face from the start, the work when it is here.
 */

/** @typedef {import('./sync-loop.js').Sync} Sync */
/** @typedef {import('./sync-loop.js').SyncState} SyncState */

/** @param {() => Promise<Sync>} load asked again after it failed @returns {Sync} */
export function laterSync(load) {
  /** @type {SyncState} */
  const idle = { running: false, step: '', records: 0, last_ok: null, trouble: null, next_try: null };
  /** @type {Set<(state: SyncState) => void>} */
  const listeners = new Set();
  /** @type {Sync | null} */
  let here = null;
  /** @type {Promise<Sync> | null} */
  let loading = null;

  function loaded() {
    loading ??= load().then((sync) => {
      here = sync;
      sync.subscribe((state) => listeners.forEach((listener) => listener(state)));
      return sync;
    }, (error) => {
      loading = null;
      throw error;
    });
    return loading;
  }

  return {
    run: () => loaded().then((sync) => sync.run(), () => false),
    soon: () => void loaded().then((sync) => sync.soon(), () => {}),
    listen: () => void loaded().then((sync) => sync.listen(), () => {}),
    get state() { return here?.state ?? idle; },
    /** @param {(state: SyncState) => void} listener */
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
