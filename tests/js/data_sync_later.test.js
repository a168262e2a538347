/** Syncing that loads late: nothing asked for before it is here is lost, and a failed load is tried again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { laterSync } from '../../static/js/data/sync-later.js';

function setUp() {
  /** @type {string[]} */
  const asked = [];
  /** @type {Set<Function>} */
  const listeners = new Set();
  const real = /** @type {any} */ ({
    state: { running: true }, run: async () => asked.push('run') > 0, soon: () => asked.push('soon'), listen: () => asked.push('listen'),
    subscribe: (/** @type {Function} */ listener) => listeners.add(listener),
  });
  let loads = 0;
  const sync = laterSync(async () => {
    loads += 1;
    if (loads === 1) throw new Error('no network');
    return real;
  });
  return { sync, asked, tell: () => listeners.forEach((one) => one(real.state)), loads: () => loads };
}

test('what was asked before the code came is done when it comes', async () => {
  const { sync, asked, tell, loads } = setUp();
  const heard = /** @type {any[]} */ ([]);
  const stop = sync.subscribe((state) => heard.push(state));
  assert.equal(sync.state.running, false);
  assert.equal(await sync.run(), false);
  sync.soon();
  assert.equal(await sync.run(), true);
  assert.deepEqual(asked, ['soon', 'run']);
  assert.equal(loads(), 2);
  assert.equal(sync.state.running, true);
  tell();
  stop();
  tell();
  assert.equal(heard.length, 1);
});
