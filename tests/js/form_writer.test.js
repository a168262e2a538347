/**
 * The write-ahead of a draft.
 * 1. However fast the typing goes on, the first key is written within the delay.
 * 2. Saves never overlap, and the last one holds the newest state.
 * 3. A failed save is told, keeps the draft dirty, and a later one heals it.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { RETRY_MS, createWriter } from '../../static/js/data/drafts-writer.js';

function setUp() {
  let typed = '';
  /** @type {string[]} */
  const disk = [];
  /** @type {{run: () => void, ms: number}[]} */
  const timers = [];
  /** @type {string[]} */
  const states = [];
  let failing = false;
  let writing = 0;
  const writer = createWriter({
    now: () => new Date(0),
    delay_ms: 250,
    onState: (state) => states.push(state.kind),
    timer: { set: (run, ms) => timers.push({ run, ms }), clear: () => timers.splice(0) },
    write: async () => {
      assert.equal(++writing, 1, 'two saves at once');
      const taken = typed;
      await Promise.resolve();
      writing -= 1;
      if (failing) throw new Error('full');
      disk.push(taken);
    },
  });
  const type = (/** @type {string} */ text) => {
    typed = text;
    writer.touch();
  };
  return { writer, disk, timers, states, type, fail: (/** @type {boolean} */ on) => (failing = on) };
}

test('typing on does not put the save off', async () => {
  const { disk, timers, type, writer } = setUp();
  for (const text of ['一', '一二', '一二三']) type(text);
  assert.equal(timers.length, 1);
  assert.equal(timers[0]?.ms, 250);
  timers[0]?.run();
  await writer.flush();
  assert.deepEqual(disk, ['一二三']);
});

test('what is typed during a save is saved right after it, before flush answers', async () => {
  const { disk, type, writer } = setUp();
  type('a');
  const flushed = writer.flush();
  type('ab');
  assert.equal(await flushed, true);
  assert.equal(await writer.flush(), true);
  assert.equal(disk.at(-1), 'ab');
  assert.equal(writer.dirty(), false);
});

test('a failed save is told and healed', async () => {
  const { disk, states, type, writer, fail } = setUp();
  fail(true);
  type('a');
  assert.equal(await writer.flush(), false);
  assert.equal(writer.state().kind, 'failed');
  assert.equal(writer.dirty(), true);
  assert.equal(await writer.flush(), false, 'nothing new was typed, yet nothing is on disk');
  fail(false);
  assert.equal(await writer.flush(), true);
  assert.deepEqual(disk, ['a']);
  assert.equal(states.at(-1), 'saved');
});

test('a failed save is tried again by itself, until somebody closes the form', async () => {
  const { disk, timers, type, writer, fail } = setUp();
  fail(true);
  type('a');
  await writer.flush();
  assert.deepEqual(timers.map(({ ms }) => ms), [RETRY_MS]);
  fail(false);
  timers[0]?.run();
  await writer.flush();
  assert.deepEqual([disk, writer.state().kind], [['a'], 'saved']);
  fail(true);
  type('b');
  await writer.flush();
  writer.stop();
  assert.deepEqual(timers, []);
});

test('the state is taken before the first await: the page may be going away', () => {
  const { type, writer } = setUp();
  type('a');
  let taken = false;
  const late = createWriter({
    now: () => new Date(0),
    write: async () => {
      taken = true;
    },
  });
  late.touch();
  void late.flush();
  assert.equal(taken, true);
  void writer.flush();
});

test('without a delay a save begins when the event is dealt with, once for all it changed, and not before', async () => {
  /** @type {string[]} */
  const disk = [];
  let typed = '';
  const writer = createWriter({
    now: () => new Date(0),
    write: async () => {
      disk.push(typed);
    },
  });
  for (const text of ['a', 'ab']) {
    typed = text;
    writer.touch();
  }
  assert.deepEqual(disk, []);
  await Promise.resolve();
  assert.deepEqual(disk, ['ab'], 'no timer, no frame in between');
  await writer.flush();
  typed = 'abc';
  writer.touch();
  writer.stop();
  await new Promise((done) => setTimeout(done));
  assert.deepEqual(disk, ['ab'], 'a form that was closed writes nothing any more');
});

test('what is typed in the very moment a save ends begins one of its own', async () => {
  /** @type {string[]} */
  const disk = [];
  let typed = 'a';
  const writer = createWriter({
    now: () => new Date(0),
    write: async () => void disk.push(typed),
    onState: ({ kind }) => {
      if (kind !== 'saved' || typed === 'ab') return;
      queueMicrotask(() => {
        typed = 'ab';
        writer.touch();
      });
    },
  });
  writer.touch();
  await new Promise((done) => setTimeout(done, 5));
  assert.deepEqual(disk, ['a', 'ab']);
});
