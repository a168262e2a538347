/**
 * The write-ahead of one draft: typed → on disk. Saves run one after another, each with the newest
 * state; a failed one leaves the draft dirty, says so, and is tried again until one succeeds.
 */

/**
 * @typedef {{kind: 'saved', at: Date | null} | {kind: 'saving'} | {kind: 'failed', error: Error}} SaveState
 * @typedef {ReturnType<typeof createWriter>} Writer
 */

/** A phone that was full or had closed its storage may have room again at any moment. */
export const RETRY_MS = 5_000;

/**
 * write takes the state to write before its first await.
 * @param {{
 *   write: () => Promise<void>,
 *   now: () => Date,
 *   onState?: (state: SaveState) => void,
 *   delay_ms?: number,
 *   timer?: {set: (run: () => void, ms: number) => unknown, clear: (id: any) => void},
 * }} use
 */
export function createWriter({ write, now, onState = () => {}, delay_ms = 0, timer = browserTimer }) {
  let dirty = false;
  /** @type {Promise<boolean> | null} */
  let running = null;
  /** @type {unknown} */
  let waiting = null;
  /** A save begins once the running event is dealt with. */
  let soon = false;
  /** @type {SaveState} */
  let state = { kind: 'saved', at: null };

  /** @param {SaveState} next */
  function become(next) {
    state = next;
    onState(next);
  }

  async function drain() {
    while (dirty) {
      dirty = false;
      if (state.kind !== 'failed') become({ kind: 'saving' });
      try {
        await write();
      } catch (error) {
        dirty = true;
        running = null;
        become({ kind: 'failed', error: error instanceof Error ? error : new Error(String(error)) });
        waiting ??= timer.set(() => void flush(), RETRY_MS);
        return false;
      }
    }
    // Here and not a turn later: what is touched from now on begins a save of its own.
    running = null;
    become({ kind: 'saved', at: now() });
    return true;
  }

  /** Everything touched until now is on disk (true), or is not (false). */
  function flush() {
    if (waiting !== null) timer.clear(waiting);
    waiting = null;
    soon = false;
    if (!dirty && !running) return Promise.resolve(state.kind !== 'failed');
    return running ??= drain();
  }

  /**
   * Something changed: its save begins within delay_ms, however fast the typing goes on; with none, as soon as the event
   * is dealt with and before it is painted, so that the disk works meanwhile. Saves under way gather what follows, so a
   * slow disk is not asked for more.
   */
  function touch() {
    dirty = true;
    if (running || waiting !== null) return;
    if (delay_ms) waiting = timer.set(() => void flush(), delay_ms);
    else soon ||= (queueMicrotask(() => soon && void flush()), true);
  }

  /** The form is closed: nothing is tried again. */
  function stop() {
    if (waiting !== null) timer.clear(waiting);
    waiting = null;
    soon = false;
  }

  return { touch, flush, stop, state: () => state, dirty: () => dirty };
}

const browserTimer = {
  /** @param {() => void} run @param {number} ms */
  set: (run, ms) => setTimeout(run, ms),
  /** @param {ReturnType<typeof setTimeout>} id */
  clear: (id) => clearTimeout(id),
};
