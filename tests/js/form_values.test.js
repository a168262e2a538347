/** What people type into number and date fields, and how it is stored. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { dateText, grouped, numberText, unreadable } from '../../static/js/screens/widgets/values.js';

test('numbers: full-width digits, thousands marks, what is no number stays', () => {
  for (const [typed, stored] of [
    ['12,000', '12000'], ['12000', '12000'], [' 7 ', '7'], ['007', '7'], ['3.5', '3.5'], ['3.', '3'],
    ['-5', '-5'], ['', ''], ['三', '三'], ['12元', '12元'], ['0', '0'], ['1,2', '12'],
  ]) assert.equal(numberText(/** @type {string} */ (typed)), stored, typed);
});

test('large numbers are made readable', () => {
  assert.equal(grouped('999', '万'), '');
  assert.equal(grouped('1200', '万'), '1,200');
  assert.equal(grouped('12000', '万'), '12,000(1.2 万)');
  assert.equal(grouped('12000', 'x'), '12,000');
  assert.equal(grouped('12元', '万'), '');
});

test('dates: however typed, and only real ones', () => {
  for (const typed of ['19520312', '1952-3-12', '1952.3.12', '1952/03/12', '1952年3月12日', '19520312', ' 1952-03-12 ']) {
    assert.equal(dateText(typed), '1952-03-12', typed);
  }
  assert.equal(dateText('1952'), '1952-01-01');
  assert.equal(dateText('1952年'), '1952-01-01');
  assert.equal(dateText('195203'), '1952-03-01');
  for (const typed of ['', '19520230', '1952-13-01', '52-3-12', '昨天']) assert.equal(dateText(typed), '', typed);
});

test('what cannot be an answer is named, not dropped', () => {
  assert.equal(unreadable('integer', '12'), '');
  assert.notEqual(unreadable('integer', '12.5'), '');
  assert.notEqual(unreadable('integer', '12元'), '');
  assert.equal(unreadable('decimal', '12.5'), '');
  assert.notEqual(unreadable('date', '昨天'), '');
  assert.equal(unreadable('date', '1952-03-12'), '');
  assert.equal(unreadable('text', '昨天'), '');
  assert.equal(unreadable('integer', ''), '');
});
