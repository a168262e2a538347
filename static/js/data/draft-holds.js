/**
 * The right to write a draft: one page has it at a time (Web Locks). Another page may ask for it;
 * who has it writes down what was typed and lets go. A page that does not answer (frozen by the
 * phone) has it taken away, and may not write any more.
 */

/** How long a page that answers needs to write its last answers down. */
const ANSWER_MS = 3_000;

/**
 * @typedef {Pick<BroadcastChannel, 'postMessage' | 'addEventListener'>} Channel
 * @typedef {(asked: boolean) => Promise<boolean>} OnTaken asked: answers whether all is on disk and the right may go;
 *   otherwise it is gone already
 */

/**
 * @param {{locks?: LockManager, channel?: Channel | null, wait_ms?: number}} use  without Web Locks every page may write
 */
export function createHolds({ locks = globalThis.navigator?.locks, channel = channelOf(), wait_ms = ANSWER_MS } = {}) {
  /** What this page holds, with what to do when it is asked for. @type {Map<string, {release: () => void, taken: OnTaken}>} */
  const held = new Map();
  /** Taken over by this page, for the form that opens next. @type {Map<string, () => void>} */
  const handed = new Map();

  channel?.addEventListener('message', async ({ data }) => {
    const mine = held.get(data);
    if (mine && await mine.taken(true)) mine.release();
  });

  /**
   * A way to give the right back, or null when another page has it.
   * @param {string} draftId @param {OnTaken} [taken] without it the right is kept when asked for
   * @returns {Promise<(() => void) | null>}
   */
  function hold(draftId, taken = async () => false) {
    const ready = handed.get(draftId);
    handed.delete(draftId);
    if (ready && held.has(draftId)) {
      held.set(draftId, { release: ready, taken });
      return Promise.resolve(ready);
    }
    return request(draftId, { ifAvailable: true }, taken);
  }

  /**
   * Get the right for this page, whoever has it; the next hold() in this page finds it.
   * @param {string} draftId
   */
  async function takeOver(draftId) {
    if (!locks) return;
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), wait_ms);
    const waiting = request(draftId, { signal: patience.signal }, async () => true).catch(() => null);
    channel?.postMessage(draftId);
    const release = await waiting ?? await request(draftId, { steal: true }, async () => true);
    clearTimeout(timer);
    if (release) handed.set(draftId, release);
  }

  /** @param {string} draftId @param {LockOptions} options @param {OnTaken} taken @returns {Promise<(() => void) | null>} */
  function request(draftId, options, taken) {
    if (!locks) return Promise.resolve(() => {});
    return new Promise((resolve, reject) => {
      let got = false;
      locks.request(`ruhu-draft:${draftId}`, options, (lock) => {
        if (!lock) return resolve(null);
        got = true;
        return new Promise((end) => {
          const release = () => {
            held.delete(draftId);
            end(undefined);
          };
          held.set(draftId, { release, taken });
          resolve(release);
        });
      }).catch((error) => {
        if (!got) return reject(error);
        const mine = held.get(draftId);
        held.delete(draftId);
        void mine?.taken(false);
      });
    });
  }

  return { hold, takeOver };
}

/** @returns {Channel | null} */
function channelOf() {
  return typeof BroadcastChannel === 'undefined' || typeof document === 'undefined' ? null : new BroadcastChannel('ruhu-draft');
}
