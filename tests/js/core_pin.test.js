// Which unlock codes are fit, and how long wrong ones make one wait.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LAST_TRY, NO_TRIES, afterWrong, counted, left, unfit, waitMs } from '../../static/js/core/pin.js';

test('what anybody would guess first is not taken', () => {
  for (const pin of ['111111', '123456', '654321', '121212', '123123', '000000']) assert.equal(unfit(pin), 'simple', pin);
  for (const pin of ['', '12345', '1234567', '12a456', '１２３４５６']) assert.equal(unfit(pin), 'length', pin);
  for (const pin of ['284719', '135790', '100200', '246813']) assert.equal(unfit(pin), '', pin);
});

test('the wait grows from the fifth wrong try, and the tenth is the last', () => {
  let tries = NO_TRIES;
  const waits = [];
  for (let n = 1; n <= LAST_TRY; n++) {
    tries = afterWrong(counted(tries, 1000));
    waits.push(waitMs(tries, 1000) / 1000);
    assert.equal(Boolean(tries.burnt), n === LAST_TRY, String(n));
    assert.equal(left(tries), LAST_TRY - n);
  }
  assert.deepEqual(waits, [0, 0, 0, 0, 30, 60, 300, 900, 3600, 3600]);
});

test('a clock put back makes no wait longer, one put forward ends it', () => {
  const tries = { count: 5, at: 1_000_000 };
  assert.equal(waitMs(tries, 0), 30_000);
  assert.equal(waitMs(tries, 1_010_000), 20_000);
  assert.equal(waitMs(tries, 2_000_000), 0);
});
