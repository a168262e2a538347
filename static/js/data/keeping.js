/**
 * What the browser promises about this phone's storage. A browser may throw away what it has not
 * promised to keep, and it promises more easily once an app has been used: so it is asked again.
 */

/** @typedef {{persisted: boolean, usage: number, quota: number}} StorageState bytes; 0 where the browser does not tell */

/** @param {{storage?: Partial<Pick<StorageManager, 'persist' | 'persisted' | 'estimate'>>}} [parts] */
export function createKeeping({ storage = globalThis.navigator?.storage } = {}) {
  /** Ask for the promise, unless it is given. @returns {Promise<boolean>} whether it is */
  async function ask() {
    try {
      return Boolean(await storage?.persisted?.() || await storage?.persist?.());
    } catch {
      return false;
    }
  }

  /** @returns {Promise<StorageState>} */
  async function state() {
    const [persisted, { usage = 0, quota = 0 }] = await Promise.all([
      Promise.resolve(storage?.persisted?.()).catch(() => false),
      Promise.resolve(storage?.estimate?.()).then((told) => told ?? {}, () => /** @type {StorageEstimate} */ ({})),
    ]);
    return { persisted: Boolean(persisted), usage: Math.round(usage), quota: Math.round(quota) };
  }

  return { ask, state };
}

/** @typedef {ReturnType<typeof createKeeping>} Keeping */
