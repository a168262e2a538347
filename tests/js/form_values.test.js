/** What people type into number and date fields, and how it is stored. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { dateParts, dateText, grouped, momentText, numberText, onStep, unreadable } from '../../static/js/screens/widgets/values.js';

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

test('a date typed in one run falls into its parts; a part of one does not', () => {
  for (const typed of ['19410305', '1941-3-5', '1941年3月5日', '1941.03.05']) assert.deepEqual(dateParts(typed), ['1941', '03', '05'], typed);
  for (const typed of ['', '1941', '194103', '1941-3', '19410230', '昨天']) assert.equal(dateParts(typed), null, typed);
});

test('times bear the offset of their own day', () => {
  assert.match(momentText('', '08:30', new Date(2026, 5, 1)), /^08:30:00\.000[+-]\d\d:\d\d$/);
  assert.match(momentText('2026-11-24', '08:30'), /^2026-11-24T08:30:00\.000[+-]\d\d:\d\d$/);
  assert.equal(momentText('2026-11-24', ''), '');
  assert.equal(new Date(momentText('2026-07-01', '08:30')).getHours(), 8);
});

test('a slider gives values of the range, not of floating point', () => {
  assert.equal(onStep('0.30000000000000004', '0', '0.1'), '0.3');
  assert.equal(onStep('7', '1', '2'), '7');
  assert.equal(onStep('6.2', '1', '2'), '7');
  assert.equal(onStep('-3', '-10', '0.5'), '-3');
  assert.equal(onStep('5', '10', '-1'), '5');
});
