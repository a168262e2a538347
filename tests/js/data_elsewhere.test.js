// Somebody typed in who stands in another household already.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rowOf } from '../../static/js/core/search-row.js';
import { elsewhere } from '../../static/js/data/elsewhere.js';

const NUMBER = '50023219700101002X';
const person = (household, fields) => ({ kind: 'member', id: `m-${household}`, fields: { household_id: household, ...fields } });
const PEOPLE = {
  h1: [person('h1', { full_name: '冉光荣', id_no: NUMBER })],
  h2: [person('h2', { full_name: '冉光荣', id_no: NUMBER, state: 'active' })],
  h3: [person('h3', { full_name: '田秀英', id_no: '50023219800202102X' })], // the same last six
  h4: [person('h4', { full_name: '曾四', id_no: '500232196003030031', state: 'dead' })],
};

function register() {
  const opened = [];
  const rows = Object.entries(PEOPLE).map(([id, people]) => rowOf({ id, area: '', fields: { head_name: `户主${id}` } }, people));
  return { opened, rows: async () => rows, members: async (id) => { opened.push(id); return PEOPLE[id]; } };
}

test('a number of another household is found, its own household does not count', async () => {
  assert.deepEqual([...await elsewhere(register(), [NUMBER], 'h1')], [[NUMBER, '户主h2']]);
  assert.deepEqual([...(await elsewhere(register(), [NUMBER], 'h9')).keys()], [NUMBER]);
  assert.equal((await elsewhere(register(), ['500232198002020011'], 'h9')).size, 0);
});

test('who died or left is nobody twice, and without a number no household is opened', async () => {
  assert.equal((await elsewhere(register(), ['500232196003030031'], 'h9')).size, 0);
  const store = register();
  assert.equal((await elsewhere(store, ['', undefined], 'h1')).size, 0);
  assert.deepEqual(store.opened, []);
});
