/**
 * Carry-over.
 * 1. A question that reads the register starts unconfirmed, with the date of the value behind it.
 * 2. One step confirms what is on a page; an edit is 已改, the old value again is 不变.
 * 3. Irrelevant ones need no confirmation. Removing an instance moves the later ones down.
 * 4. Nothing that was not confirmed is told to the register as confirmed.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { createInstance } from '../../static/js/core/instance.js';
import { afterAnswer, afterRemoval, afterReturn, carriedAtOpening, confirmed, unconfirmed } from '../../static/js/screens/form-carried.js';
import { createModel } from '../../static/js/screens/form-model.js';
import { onlySaid, opsOf } from '../../static/js/screens/form-ops.js';
import { definition, external, household, members } from './form_fixture.js';

function setUp() {
  const model = createModel(/** @type {any} */ (definition));
  /** @type {any} */
  const instance = createInstance(/** @type {any} */ (definition), { now: 0, external, ids: () => 'id', prefill: { household_id: 'h1' } });
  const base = /** @type {any} */ ({ household, member: members, visit: [], issue: [] });
  return { model, instance, base, carried: carriedAtOpening(model, instance, base) };
}

test('what comes from the register starts unconfirmed, with its date', () => {
  const { carried } = setUp();
  assert.deepEqual(carried['/data/living/water'], { value: 'well', date: '2026-03-12', state: 'unconfirmed' });
  assert.deepEqual(carried['/data/people/member[2]/health'], { value: '02', date: '2025-01-01', state: 'unconfirmed' });
  assert.equal(carried['/data/people/member[1]/member_id'], undefined);
});

test('one step confirms a page and leaves the others', () => {
  const { carried, instance } = setUp();
  const people = unconfirmed(carried, instance, (path) => path.startsWith('/data/people'));
  const after = confirmed(carried, people);
  assert.equal(after['/data/people/member[1]/health']?.state, 'same');
  assert.deepEqual(unconfirmed(after, instance), ['/data/living/water']);
});

test('an edit is changed; the old value again is unchanged', () => {
  const entry = /** @type {const} */ ({ value: 'well', date: '', state: 'unconfirmed' });
  assert.equal(afterAnswer(entry, 'tap').state, 'changed');
  assert.equal(afterAnswer(entry, 'tap').value, 'well');
  assert.equal(afterAnswer(afterAnswer(entry, 'tap'), 'well').state, 'same');
});

test('a hidden question needs no confirmation', () => {
  const { carried, instance } = setUp();
  instance.set('/data/outcome', 'nobody');
  assert.deepEqual(unconfirmed(carried, instance), []);
});

test('removing an instance moves the later ones down', () => {
  const entry = (/** @type {string} */ value) => ({ value, date: '', state: /** @type {const} */ ('same') });
  const after = afterRemoval(
    { '/data/m[1]/a': entry('1'), '/data/m[2]/a': entry('2'), '/data/m[3]/n[4]/a': entry('3'), '/data/x': entry('x') }, '/data/m', 2);
  assert.deepEqual(Object.keys(after).sort(), ['/data/m[1]/a', '/data/m[2]/n[4]/a', '/data/x']);
});

test('nobody said it is unchanged: no confirmation goes out', () => {
  /** @type {any} */
  const changes = [{ entity: 'household', id: 'h1', kind: 'update',
    fields: { water: { old: 'well', new: 'well' }, road: { old: 'mud', new: 'mud' }, phone: { old: '1', new: '2' } } }];
  const said = onlySaid(changes, new Set(['household/h1/water', 'household/h1/phone']));
  assert.deepEqual(Object.keys(said[0]?.fields ?? {}), ['road', 'phone']);
  assert.deepEqual(onlySaid([{ ...changes[0], fields: { water: { old: 'well', new: 'well' } } }], new Set(['household/h1/water'])), []);
});

test('the ops of a finished form: submission, visit, household, then the others', () => {
  /** @type {any} */
  const draft = { draft_id: 's1', form_id: 'visit', version: '1', hash: 'h', household_id: 'h1', sheet: '', started: '1', carried: {},
    base: { household, member: members, visit: [], issue: [] } };
  const ops = opsOf({
    draft, answers: {}, carried: {}, instanceName: 'n', outcome: 'met', note: '', blobs: [], today: '2026-11-24', ended: '2', visitId: 'v1',
    user: { id: 'u1', name: '李', area: '500156' },
    changes: /** @type {any} */ ([
      { entity: 'issue', id: 'i1', kind: 'create', fields: { description: { old: null, new: '漏雨' } } },
      { entity: 'household', id: 'h1', kind: 'update', fields: { water: { old: 'well', new: 'tap' } } },
      { entity: 'member', id: 'm2', kind: 'update', fields: { health: { old: '02', new: '01' } } },
    ]),
  });
  assert.deepEqual(ops.map((op) => `${op.entity} ${op.kind} ${op.id} ${op.base_rev}`),
    ['submission create s1 0', 'visit create v1 0', 'household update h1 4', 'issue create i1 0', 'member update m2 7']);
  assert.ok(ops.every((op) => op.area === household.area));
  assert.deepEqual(ops[2]?.fields, { water: { old: 'well', new: 'tap' }, last_visit: { old: '2026-03-12', new: '2026-11-24' } });
  assert.equal(ops[3]?.fields.household_id?.new, 'h1');
  assert.equal(ops[3]?.fields.submission_id?.new, 's1');
  assert.equal(ops[3]?.fields.state?.new, 'open');
});

test('an instance that is taken out and put back has its carried answers again, in its place', () => {
  const { carried } = setUp();
  const own = Object.fromEntries(Object.entries(carried).filter(([path]) => path.startsWith('/data/people/member[1]/')));
  const without = afterRemoval(carried, '/data/people/member', 1);
  assert.deepEqual(without['/data/people/member[1]/health']?.value, '02');
  assert.deepEqual(afterReturn(without, '/data/people/member', 1, own), carried);
});
