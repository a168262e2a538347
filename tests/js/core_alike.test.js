// Who somebody typed in may be, as the office finds them: tests/test_alike.py runs the same cases.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { likeHouseholds, likePeople, SHOWN } from '../../static/js/core/alike.js';
import { rowOf } from '../../static/js/core/search-row.js';
import { soundOf } from '../../static/js/core/sounds.js';
import { householdsAlike, peopleAlike } from '../../static/js/data/alike.js';

const told = JSON.parse(readFileSync(new URL('../vectors/alike.json', import.meta.url), 'utf8'));
const asMap = (found) => Object.fromEntries(found.map(({ id, why }) => [id, why]));

for (const { why, typed, found } of told.like_people) {
  test(`people: ${why}`, () => assert.deepEqual(asMap(likePeople(typed, told.area, told.people, soundOf)), found));
}
for (const { why, typed, found } of told.like_households) {
  test(`households: ${why}`, () => assert.deepEqual(asMap(likeHouseholds(typed, told.area, told.households, soundOf)), found));
}

function phone() {
  const opened = [];
  const ofHome = (id) => told.people.filter((one) => one.fields.household_id === id);
  const rows = told.households.map((one) => rowOf({ ...one, kind: 'household' }, ofHome(one.id)));
  return { opened, rows: async () => rows, members: async (id) => { opened.push(id); return ofHome(id); } };
}

test('rows lead to the same people, and no other household is opened', async () => {
  for (const { why, typed, found } of told.like_people) {
    const store = phone();
    const there = await peopleAlike(store, typed, told.area, '', soundOf);
    assert.deepEqual(Object.fromEntries(there.map((one) => [one.person.id, one.why])), found, why);
    assert.ok(store.opened.length < told.households.length - 1, why);
  }
  for (const { why, typed, found } of told.like_households) {
    const there = await householdsAlike(phone(), typed, told.area, '', soundOf);
    assert.deepEqual(Object.fromEntries(there.map((one) => [one.row.id, one.why])), found, why);
  }
});

test('whoever is typed in is not found as somebody else', async () => {
  const typed = { full_name: '冉光荣', id_no: '500232197001010010', birth_date: '1970-01-01' };
  assert.deepEqual(await peopleAlike(phone(), typed, told.area, 'm-1', soundOf), []);
  assert.deepEqual(await householdsAlike(phone(), { head_name: '冉光荣' }, told.area, 'h-1', soundOf), []);
});

test('the surest first, and no more than can be read', () => {
  const many = Array.from({ length: 20 }, (_, n) => ({ id: `n-${n}`, area: told.area, fields: { full_name: '冉光荣' } }));
  const found = likePeople({ full_name: '冉光荣', id_no: 'X' }, told.area, [...many, { id: 'sure', area: '', fields: { id_no: 'X' } }], soundOf);
  assert.equal(found.length, SHOWN);
  assert.deepEqual(found[0], { id: 'sure', why: 'number' });
});
