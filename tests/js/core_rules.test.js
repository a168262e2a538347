// The checks over the register on the phone, against the cases that Python runs. The compiled rules come from Python.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { membersFacts } from '../../static/js/core/facts.js';
import { checkHousehold, checkVisit } from '../../static/js/core/rules.js';

const vectors = (name) => JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url)));
const { now, limits, clean, cases, visits } = vectors('rules');
const at = new Date(now);
const set = process.env.RULES ? JSON.parse(readFileSync(process.env.RULES)) : null;
const rules = set && { ...set, limits: { ...set.limits, ...limits } };

for (const [place, { members, facts }] of vectors('facts').households.entries()) {
  test(`facts of household ${place}`, () => assert.deepEqual(membersFacts(members, vectors('facts').today), facts));
}

const built = (one) => [
  { ...clean.household, ...one.household },
  clean.members.map((member) => ({ ...member, ...one.members[member.id] })),
  { now: at, today: now.slice(0, 10), last: { ...clean.last, ...one.last } },
];

test('a clean household raises nothing', { skip: !rules }, () => {
  assert.deepEqual(checkHousehold(rules, ...built({ household: {}, members: {}, last: {} })), []);
});

for (const one of cases) {
  test(`${one.rule} ${one.raised ? 'raised' : 'silent'}`, { skip: !rules }, () => {
    const found = checkHousehold(rules, ...built(one));
    if (one.raised) assert.ok(found.some(({ rule, member }) => rule === one.rule && member === one.who), JSON.stringify(found));
    else assert.ok(!found.some(({ rule }) => rule === one.rule));
  });
}

for (const one of visits) {
  test(`${one.rule} ${one.raised ? 'raised' : 'silent'} of a visit`, { skip: !rules }, () => {
    assert.equal(checkVisit(rules, one.facts, at).some(({ rule }) => rule === one.rule), one.raised);
  });
}
