import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { entriesOf, goneTo, movedWithCode } from '../../static/js/core/lives.js';

const cases = JSON.parse(readFileSync(new URL('../vectors/lives.json', import.meta.url), 'utf8'));

test('where a household went', () => {
  for (const { why, entries, area, place } of cases.gone_to) assert.equal(goneTo(entries, area)?.place ?? null, place, why);
});

test('the latest entry first, of one day the later in the log; what is not sent yet is the newest', () => {
  const record = (what, date, seq) => ({ area: '1', seq, fields: { what, date } });
  const sorted = entriesOf([record('a', '2020-01-01', 1), record('b', '2021-01-01', 2), record('c', '2021-01-01', 3), record('d', '2021-01-01')]);
  assert.deepEqual(sorted.map((one) => one.what), ['d', 'c', 'b', 'a']);
});

test('a code leads to where its household went, also that of one merged into it', () => {
  const entries = entriesOf([{ area: '1', seq: 1, fields: { what: 'moved_out', date: '2020-01-01', code: 'AA BB', place_name: '关滩村' } }]);
  assert.equal(movedWithCode(entries, 'BB')?.place_name, '关滩村');
  assert.equal(movedWithCode(entries, 'A'), null);
});
