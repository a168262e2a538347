/** Finding among thousands of choices: words, codes, pinyin initials; best first; never more than asked for. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { choose } from '../../static/js/core/choose.js';
import { lettersOf } from '../../static/js/core/pinyin.js';

const places = [
  { name: '500156101', label: '巷口镇' }, { name: '500156102', label: '火炉镇' }, { name: '500156103', label: '白马镇' },
  { name: '500156104', label: '白马山村' }, { name: 'x1', label: '大白马' }, { name: 'en', label: 'White Horse' },
];
/** @param {string} query */
const names = (query, limit = 20) => choose(places, query, limit, lettersOf).hits.map(({ label }) => label);

test('by words, beginnings first', () => {
  assert.deepEqual(names('白马'), ['白马镇', '白马山村', '大白马']);
  assert.deepEqual(names('镇 白'), ['白马镇']);
  assert.deepEqual(names('white'), ['White Horse']);
  assert.deepEqual(names('没有'), []);
});

test('by pinyin initials, from any character', () => {
  assert.deepEqual(names('hlz'), ['火炉镇']);
  assert.deepEqual(names('bm'), ['白马镇', '白马山村', '大白马']);
  assert.deepEqual(choose(places, 'bm', 20).hits, [], 'without the table letters are only letters');
});

test('by code', () => {
  assert.deepEqual(names('500156103'), ['白马镇']);
  assert.deepEqual(names('50015610'), ['巷口镇', '火炉镇', '白马镇', '白马山村']);
});

test('only so many, and how many there are', () => {
  const many = Array.from({ length: 5000 }, (_, i) => ({ name: `p${i}`, label: `村${i}` }));
  const { hits, count } = choose(many, '村', 20, lettersOf);
  assert.equal(hits.length, 20);
  assert.equal(count, 5000);
  assert.equal(choose(many, '', 5).count, 5000);
});
