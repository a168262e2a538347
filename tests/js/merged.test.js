/** A card of a household that was merged into another one opens that one. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { lookup } from '../../static/js/core/code.js';
import { rowOf } from '../../static/js/core/search-row.js';

const A = 'A'.repeat(26);
const B = 'B'.repeat(26);
const kept = { id: 'h-a', area: '500156105203', fields: { code: A, other_codes: `${B} ${'C'.repeat(26)}`, head_name: '谭大海' } };

test('both codes lead to the household that stayed', () => {
  const rows = [rowOf(/** @type {any} */ (kept), [])];
  assert.equal(lookup(A, rows).household?.id, 'h-a');
  assert.equal(lookup(B, rows).household?.id, 'h-a');
  assert.equal(lookup('D'.repeat(26), rows).verdict, 'unknown');
});
