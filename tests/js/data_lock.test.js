// The unlock code: who opens what, what wrong tries cost, and that no window, restart or lost database changes it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newVault, openVault } from '../../static/js/data/vault.js';
import { PIN, ROUNDS, lockedPhone, partsOf, restarted } from './locked_phone.js';

test('the code opens the key, another does not, nor does the code without the phone\'s own key', async () => {
  const { vault, raw } = await newVault(PIN, undefined, ROUNDS);
  assert.deepEqual(await openVault(vault, PIN), raw);
  assert.equal(await openVault(vault, '284718'), null);
  const other = await newVault(PIN, undefined, ROUNDS);
  await assert.rejects(openVault({ ...vault, device: other.vault.device }, PIN));
});

test('no less than 600,000 rounds, and every vault remembers its own', async () => {
  const { ROUNDS: real } = await import('../../static/js/data/vault.js');
  assert.ok(real >= 600_000);
  const { vault, raw } = await newVault(PIN, undefined, 10);
  assert.deepEqual([vault.rounds, await openVault(vault, PIN)], [10, raw]);
});

test('a restart locks; the code opens again', async () => {
  const phone = await restarted(await lockedPhone());
  assert.equal(phone.lock.state(), 'locked');
  assert.equal((await phone.lock.unlock('000001')).kind, 'wrong');
  assert.equal(phone.lock.state(), 'locked');
  assert.equal((await phone.lock.unlock(PIN)).kind, 'open');
  assert.equal(phone.lock.state(), 'open');
});

test('a try is counted before it is made: killing the app in the middle wins nothing', async () => {
  const phone = await restarted(await lockedPhone());
  const derive = crypto.subtle.deriveKey;
  crypto.subtle.deriveKey = () => new Promise(() => {});
  try {
    void phone.lock.unlock('000001');
    await new Promise((done) => { setTimeout(done, 50); });
  } finally {
    crypto.subtle.deriveKey = derive;
  }
  assert.equal((await restarted(phone)).lock.vault.tries.count, 1);
});

test('two windows cannot make one try of two', async () => {
  const one = await restarted(await lockedPhone());
  const other = await restarted(one);
  await Promise.all([one.lock.unlock('000001'), other.lock.unlock('000002')]);
  assert.equal((await restarted(one)).lock.vault.tries.count, 2);
});

test('five wrong tries make one wait, also after a restart; the right code is not even tried', async () => {
  const phone = await restarted(await lockedPhone());
  for (let n = 0; n < 5; n++) await phone.lock.unlock('000001');
  const again = await restarted(phone);
  assert.deepEqual(await again.lock.unlock(PIN), { kind: 'wait', wait_ms: 30_000 });
  again.at.now = new Date(again.at.now.getTime() + 30_000);
  assert.equal((await again.lock.unlock(PIN)).kind, 'open');
  assert.equal((await restarted(again)).lock.vault.tries.count, 0);
});

test('the tenth wrong try destroys the key in both places', async () => {
  const phone = await restarted(await lockedPhone());
  for (let n = 0; n < 10; n++) {
    phone.at.now = new Date(phone.at.now.getTime() + 3600_000);
    await phone.lock.unlock('000001');
  }
  const again = await restarted(phone);
  assert.equal(again.lock.state(), 'burnt');
  assert.equal((await again.lock.unlock(PIN)).kind, 'burnt');
  for (const [connection, store] of [[phone.db.outbox, 'counter'], [phone.db.data, 'meta']]) {
    assert.equal((await connection.run((idb) => idb.get(store, 'vault:u1'))).value.closed, null, store);
  }
});

test('either database alone has the key', async () => {
  for (const [connection, store] of [['outbox', 'counter'], ['data', 'meta']]) {
    const phone = await lockedPhone();
    await phone.db[connection].run((idb) => idb.delete(store, 'vault:u1'));
    assert.equal((await (await restarted(phone)).lock.unlock(PIN)).kind, 'open', connection);
  }
  const phone = await lockedPhone();
  const alone = partsOf({ outbox: phone.db.outbox, data: { run: () => new Promise(() => {}) } });
  await alone.lock.load('u1', { alone: true });
  assert.equal((await alone.lock.unlock(PIN)).kind, 'open');
});

test('another code, the same data', async () => {
  const phone = await lockedPhone();
  const { id } = phone.lock.vault;
  assert.equal((await phone.lock.changePin('000001', '975318')).kind, 'wrong');
  assert.equal((await phone.lock.changePin(PIN, '975318')).kind, 'open');
  const again = await restarted(phone);
  assert.equal((await again.lock.unlock(PIN)).kind, 'wrong');
  assert.equal((await again.lock.unlock('975318')).kind, 'open');
  assert.equal(again.lock.vault.id, id);
});

test('a reload finds the key where the worker keeps it, for this person and this key only', async () => {
  const held = new Map();
  const holder = { keep: (user, key) => held.set(user, key), ask: async (user) => held.get(user) ?? null, forget: () => held.clear() };
  const phone = await lockedPhone({ holder });
  assert.equal((await restarted(phone, { holder })).lock.state(), 'open');
  phone.lock.close();
  assert.equal((await restarted(phone, { holder })).lock.state(), 'locked');
});
