import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { changes, lateness, sorted, steps } from '../../static/js/core/issues.js';

const cases = JSON.parse(readFileSync(new URL('../vectors/issues.json', import.meta.url), 'utf8'));

test('lateness of an issue', () => {
  for (const { issue, late } of cases.lateness) assert.equal(lateness(issue, cases.today), late, JSON.stringify(issue));
});

test('who may take which step', () => {
  for (const one of cases.steps) assert.deepEqual(steps(one.issue, one.actor, one.office), one.steps, JSON.stringify(one));
});

test('what a step writes', () => {
  for (const one of cases.changes) {
    assert.deepEqual(changes(one.step, one.issue, { actor: 'a', today: cases.today, note: one.note, evidence: one.evidence }), one.set);
  }
});

test('my issues first, the nearest deadline on top, what was handed in last', () => {
  const { mine, others } = sorted(cases.sorted.issues, cases.sorted.user);
  assert.deepEqual(mine.map((one) => one.id), cases.sorted.mine);
  assert.deepEqual(others.map((one) => one.id), cases.sorted.others);
});
