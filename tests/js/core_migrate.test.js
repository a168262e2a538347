/** A draft that moves to another version of its form: by name, and nothing is lost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { migrate } from '../../static/js/core/migrate.js';

/** @param {string} version @param {any[]} nodes @param {any} [lists] */
const form = (version, nodes, lists = {}) => ({ version, root: '/data', nodes, lists });
/** @param {string} path @param {string} [type] @param {any} [more] */
const question = (path, type = 'text', more = {}) => ({
  path, name: path.slice(path.lastIndexOf('/') + 1), kind: 'question', type, parent: path.slice(0, path.lastIndexOf('/')),
  label: { zh: path }, ...more,
});
/** @param {string} path @param {string} kind */
const holder = (path, kind) => ({ ...question(path, '', { kind }) });
const draft = (/** @type {any} */ answers, carried = {}) => ({ answers, carried });

test('answers go along by name, into another group too, with what was said of them', () => {
  const old = form('1', [question('/data/a'), holder('/data/g', 'group'), question('/data/g/b', 'integer')]);
  const fresh = form('2', [holder('/data/h', 'group'), question('/data/h/a'), question('/data/b', 'integer'), question('/data/c')]);
  const moved = migrate(old, fresh, draft({ a: '甲', g: { b: '3' } }, { '/data/g/b': { state: 'same' } }));
  assert.deepEqual(moved.answers, { h: { a: '甲' }, b: '3' });
  assert.deepEqual(moved.carried, { '/data/b': { state: 'same' } });
  assert.deepEqual(moved.unplaced, []);
});

test('what has no home, another type or a lost choice is handed back with its words', () => {
  const yes = [{ name: 'yes', label: { zh: '是' } }, { name: 'no', label: { zh: '否' } }];
  const old = form('1', [question('/data/gone'), question('/data/typed'), question('/data/water', 'select_one', { list: 'l' })], { l: yes });
  const fresh = form('2', [question('/data/typed', 'integer'), question('/data/water', 'select_one', { list: 'l' })], { l: [yes[0]] });
  const moved = migrate(old, fresh, draft({ gone: '甲', typed: '乙', water: 'no', unknown: '丙', empty: '' }));
  assert.deepEqual(moved.answers, {});
  assert.deepEqual(moved.unplaced.map((one) => [one.name, one.value, one.words]), [
    ['gone', '甲', '甲'], ['typed', '乙', '乙'], ['water', 'no', { zh: '否' }], ['unknown', '丙', '丙'],
  ]);
});

test('every answer is placed or handed back, none twice', () => {
  const old = form('1', [question('/data/a'), holder('/data/m', 'repeat'), question('/data/m/n'), question('/data/m/x')]);
  const fresh = form('2', [holder('/data/m', 'repeat'), question('/data/m/n')]);
  const moved = migrate(old, fresh, draft({ a: '1', m: [{ n: '2', x: '3' }, { n: '4', x: '5' }] }));
  const seen = [...moved.placed, ...moved.unplaced].map((one) => one.value).sort();
  assert.deepEqual(seen, ['1', '2', '3', '4', '5']);
  assert.deepEqual(moved.answers, { m: [{ n: '2' }, { n: '4' }] });
  assert.deepEqual(moved.unplaced.map((one) => one.path), ['/data/a', '/data/m[1]/x', '/data/m[2]/x']);
});

test('a question that left its repeat has no home', () => {
  const old = form('1', [holder('/data/m', 'repeat'), question('/data/m/n')]);
  const moved = migrate(old, form('2', [question('/data/n')]), draft({ m: [{ n: '2' }, { n: '4' }] }));
  assert.deepEqual(moved.unplaced.map((one) => one.value), ['2', '4']);
});

test('inner repeats keep their indexes', () => {
  const old = form('1', [holder('/data/m', 'repeat'), holder('/data/m/g', 'group'), holder('/data/m/g/p', 'repeat'), question('/data/m/g/p/q')]);
  const fresh = form('2', [holder('/data/m', 'repeat'), holder('/data/m/p', 'repeat'), question('/data/m/p/q')]);
  const moved = migrate(old, fresh, draft({ m: [{ g: { p: [] } }, { g: { p: [{ q: '' }, { q: '7' }] } }] }));
  assert.deepEqual(moved.answers, { m: [{}, { p: [{}, { q: '7' }] }] });
  assert.equal(moved.placed[0]?.path, '/data/m[2]/g/p[2]/q');
});

test('renamed questions take their answers along, over several versions', () => {
  const old = form('1', [question('/data/a'), question('/data/b')]);
  const fresh = form('3', [question('/data/c'), question('/data/b')]);
  const moved = migrate(old, fresh, draft({ a: '1', b: '2' }), { 2: { x: 'a' }, 3: { c: 'x' } }, ['2', '3']);
  assert.deepEqual(moved.answers, { c: '1', b: '2' });
});

test('a name that stands twice is known by its path', () => {
  const twice = [holder('/data/g', 'group'), question('/data/g/n'), holder('/data/h', 'group'), question('/data/h/n')];
  const moved = migrate(form('1', twice), form('2', twice), draft({ g: { n: '1' }, h: { n: '2' } }));
  assert.deepEqual(moved.answers, { g: { n: '1' }, h: { n: '2' } });
});

test('calculations and times are made anew and not mourned', () => {
  const old = form('1', [question('/data/sum', 'calculate', { calculation: ['num', 1] }), question('/data/start', 'start')]);
  assert.deepEqual(migrate(old, form('2', []), draft({ sum: '1', start: 'x' })).unplaced, []);
});
