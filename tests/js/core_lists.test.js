// Search in the register and the list of today.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lettersOf } from '../../static/js/core/pinyin.js';
import { rowOf } from '../../static/js/core/search-row.js';
import { compareRows, search } from '../../static/js/core/search.js';
import { addMonths, dueOn, today } from '../../static/js/core/today.js';

const member = (full_name, id_no = '', state = 'active') => ({ kind: 'member', fields: { full_name, id_no, state } });
const household = (id, fields, members = []) =>
  rowOf({ kind: 'household', id, area: '500240102203', rev: 1, seq: 1, since: {}, fields }, members);

const rows = [
  household('h1', { head_name: '单田芳', group: '一组', house_no: '12', code: '8NY7D7SSV1J436H5Q9MWQGDHRH' },
    [member('单田芳', '500240195001011234'), member('王秀英', '50024019520202567X')]),
  household('h2', { head_name: '张三', group: '二组', house_no: '3', phone: '13912345678' }, [member('张三'), member('张四', '', 'left')]),
  household('h3', { head_name: '曾建国', group: '二组', house_no: '21' }, [member('曾建国')]),
];
const ids = (query) => search(rows, query, 10, lettersOf).map((row) => row.id);

test('found by name, initials with surname readings, ID tail, phone tail, house number, group, code', () => {
  assert.deepEqual(ids('张三'), ['h2']);
  assert.deepEqual(ids('秀英'), ['h1']);
  assert.deepEqual(ids('zs'), ['h2']);
  assert.deepEqual(ids('stf'), ['h1']);
  assert.deepEqual(ids('dtf'), ['h1']);
  assert.deepEqual(ids('zjg'), ['h3']);
  assert.deepEqual(ids('WXY'), ['h1']);
  assert.deepEqual(ids('567x'), ['h1']);
  assert.deepEqual(ids('5678'), ['h2']);
  assert.deepEqual(ids('21'), ['h3']);
  assert.deepEqual(ids('二组'), ['h2', 'h3']);
  assert.deepEqual(ids('二组 zjg'), ['h3']);
  assert.deepEqual(ids('8ny7'), ['h1']);
  assert.deepEqual(ids('张四'), [], 'who left is not found');
  assert.deepEqual(ids(''), ['h1', 'h2', 'h3']);
});

test('groups stand in the order of their numbers', () => {
  const groups = ['十二组', '二组', '十组', '一组', '二十组', '3组'].map((group) => household(group, { group }));
  assert.deepEqual(groups.sort(compareRows).map((row) => row.group), ['一组', '二组', '3组', '十组', '十二组', '二十组']);
});

test('a row keeps only the tail of numbers', () => {
  assert.ok(!JSON.stringify(rows).includes('500240195001011234'));
});

test('the pinyin table covers both levels of GB 2312', () => {
  assert.equal(lettersOf('啊'), 'a');
  assert.equal(lettersOf('座'), 'z');
  assert.equal(lettersOf('齄'), 'z');
  assert.equal(lettersOf('仇'), 'cq');
  assert.equal(lettersOf('B'), 'b');
  assert.equal(lettersOf('。'), '');
});

test('due: monitored monthly, exited quarterly, others yearly, month ends kept', () => {
  assert.equal(dueOn({ status: 'monitored', last_visit: '2026-01-31' }), '2026-02-28');
  assert.equal(dueOn({ status: 'exited', last_visit: '2026-08-24' }), '2026-11-24');
  assert.equal(dueOn({ status: 'ordinary', last_visit: '2024-02-29' }), '2025-02-28');
  assert.equal(dueOn({ status: 'monitored', last_visit: '' }), '');
  assert.equal(addMonths('2026-11-30', 3), '2027-02-28');
});

test('today: only mine, overdue first, what comes within a week, assignments always', () => {
  const of = (id, status, last_visit, helper = 'u1') => ({ id, status, last_visit, helper });
  const list = today({
    households: [
      of('later', 'ordinary', '2026-10-01'), of('soon', 'monitored', '2026-10-28'), of('over', 'monitored', '2026-09-01'),
      of('never', 'exited', ''), of('other', 'monitored', '2026-01-01', 'u2'), of('task', 'ordinary', '2026-11-24', 'u2'),
      of('mine-by-name', 'exited', '2026-08-01', 'wang'),
    ],
    assignments: [{ household_id: 'task', assignee: 'u1' }, { household_id: 'other', assignee: 'u2' }],
    user: { id: 'u1', username: 'wang' }, today: '2026-11-24',
  });
  assert.deepEqual(list.due.map((item) => item.household.id), ['never', 'over', 'mine-by-name', 'soon', 'task']);
  assert.equal(list.mine, 6);
  assert.equal(list.visitedToday, 1);
  assert.equal(list.due[1].overdue, 54);
  assert.equal(list.due[3].overdue, 0);
});
