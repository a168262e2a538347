// A form instance: 1 recalculation, 2 relevance, 3 repeats, 4 defaults and triggers, 5 choices,
// 6 checks, 7 drafts, 8 texts, 9 notices, 10 cost and limits.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { needsRare } from '../../static/js/core/rare.js';
import { createInstance } from '../../static/js/core/instance.js';
import { changes } from '../../static/js/core/entities.js';

const q = (path, more = {}) => node(path, 'question', { type: 'text', ...more });
const group = (path, more) => node(path, 'group', more);
const repeat = (path, more) => node(path, 'repeat', more);
function node(path, kind, more) {
  const at = path.lastIndexOf('/');
  return { path: `/data${path}`, name: path.slice(at + 1), kind, parent: `/data${path.slice(0, at)}`, ...more };
}
const ref = (path) => ['ref', `/data${path}`];
const fn = (name, ...args) => ['fn', name, ...args];
const own = ['path', '.'];
const column = (list, key, value, want) =>
  ['path', fn('instance', list), ['child', 'root'], ['child', 'item', ['=', ['path', '.', ['child', key]], value]], ['child', want]];

function form(nodes, more = {}) {
  return {
    format: 1, form_id: 't', version: '1', title: {}, languages: ['zh', 'en'], default_language: 'zh', root: '/data',
    nodes, lists: {}, instances: {}, entities: [], order: [], ...more,
  };
}
function open(nodes, { definition = {}, ...options } = {}) {
  let n = 0;
  return createInstance(form(nodes, definition), { now: 1750000000000, ids: () => `id-${++n}`, random: () => 0.5, ...options });
}

test('1 calculations follow in any order of the sheet, each once', () => {
  const f = open([
    q('/c', { calculation: ['+', ref('/b'), 1], type: 'calculate' }),
    q('/b', { calculation: ['*', ref('/a'), 2], type: 'calculate' }), q('/a'),
  ]);
  assert.equal(f.value('/data/c'), '');
  assert.equal(f.set('/data/a', '5'), 'ok');
  assert.equal(f.value('/data/c'), '11');
  assert.equal(f.set('/data/c', '1'), 'not allowed');
});

test('1 an edit over a calculation stays until the calculation gives another result', () => {
  const f = open([q('/a', { default: '7' }), q('/b', { calculation: fn('if', ['>', ref('/a'), 5], 'x', 'y') })]);
  f.set('/data/b', 'mine');
  f.set('/data/a', '8');
  assert.equal(f.value('/data/b'), 'mine');
  f.set('/data/a', '1');
  assert.equal(f.value('/data/b'), 'y');
});

test('1 a long sum keeps its cents', () => {
  const f = open([repeat('/m'), q('/m/x', { default: '0.1' }), q('/sum', { calculation: fn('sum', ref('/m/x')) })]);
  for (let i = 0; i < 9; i++) f.addRepeat('/data/m');
  assert.equal(f.value('/data/sum'), '1');
});

test('1 a failing calculation is blank and named, the form goes on', () => {
  const f = open([q('/a'), q('/b', { calculation: fn('date', ref('/a')) }), q('/c', { calculation: ref('/a') })]);
  f.set('/data/a', 'x');
  assert.equal(f.value('/data/b'), '');
  assert.equal(f.value('/data/c'), 'x');
  assert.deepEqual(f.errors().map(({ path, part }) => [path, part]), [['/data/b', 'calculation']]);
});

test('2 hidden answers read blank, are kept, left out, and come back', () => {
  const f = open([
    q('/met', { default: 'yes' }), group('/g', { relevant: ['=', ref('/met'), 'yes'] }), q('/g/n'),
    q('/copy', { calculation: ref('/g/n') }),
  ]);
  f.set('/data/g/n', '3');
  f.set('/data/met', 'no');
  assert.equal(f.isRelevant('/data/g/n'), false);
  assert.equal(f.value('/data/copy'), '');
  assert.deepEqual(f.answers(), { met: 'no', copy: '' });
  assert.deepEqual(f.answers({ all: true }).g, { n: '3' });
  f.set('/data/met', 'yes');
  assert.equal(f.value('/data/copy'), '3');
  assert.deepEqual(f.answers().g, { n: '3' });
});

test('3 repeats: references stay in the instance, sums over all, removal shifts', () => {
  const f = open([
    repeat('/m'), q('/m/age', { type: 'integer' }), q('/m/next', { calculation: ['+', ref('/m/age'), 1] }),
    q('/m/place', { calculation: fn('position', ['path', '.', ['parent', '*']]) }), q('/sum', { calculation: fn('sum', ref('/m/age')) }),
  ]);
  assert.equal(f.count('/data/m'), 1);
  f.set('/data/m/age', '30');
  assert.equal(f.addRepeat('/data/m'), 2);
  f.set('/data/m[2]/age', '40');
  assert.deepEqual([f.value('/data/m[1]/next'), f.value('/data/m[2]/next'), f.value('/data/m[2]/place')], ['31', '41', '2']);
  assert.equal(f.value('/data/sum'), '70');
  assert.ok(f.removeRepeat('/data/m', 1));
  assert.deepEqual([f.value('/data/m[1]/next'), f.value('/data/m[1]/place'), f.value('/data/sum')], ['41', '1', '40']);
});

test('3 repeat_count grows and shrinks, brings back what was typed, and locks adding', () => {
  const f = open([q('/n', { type: 'integer', default: '2' }), repeat('/m', { count: ref('/n') }), q('/m/x'), q('/all', { calculation: fn('join', ',', ref('/m/x')) })]);
  f.set('/data/m[1]/x', 'a');
  f.set('/data/m[2]/x', 'b');
  f.set('/data/n', '1');
  assert.deepEqual([f.count('/data/m'), f.value('/data/all')], [1, 'a']);
  f.set('/data/n', '3');
  assert.deepEqual([f.count('/data/m'), f.value('/data/all')], [3, 'a,b,']);
  f.set('/data/m[2]/x', 'c');
  assert.equal(f.value('/data/all'), 'a,c,');
  assert.equal(f.addRepeat('/data/m'), 0);
  assert.equal(f.removeRepeat('/data/m', 1), false);
});

test('3 an inner repeat of a new outer instance starts empty', () => {
  const f = open([repeat('/o'), repeat('/o/i'), q('/o/i/x')]);
  assert.equal(f.count('/data/o[1]/i'), 1);
  f.addRepeat('/data/o');
  assert.equal(f.count('/data/o[2]/i'), 0);
});

const MEMBERS = [{ name: 'm1', household_id: 'h', full_name: '张三' }, { name: 'm2', household_id: 'h', full_name: '李四' }];
const memberForm = () => [
  q('/h', { type: 'hidden' }),
  repeat('/m', { count: fn('count', column('member', 'household_id', ref('/h'), 'name')) }),
  q('/m/full_name', { dynamic_default: column('member', 'name', ref('/m/id'), 'full_name') }),
  q('/m/id', { type: 'calculate', calculation: ['path', fn('instance', 'member'), ['child', 'root'],
    ['child', 'item', ['=', ['path', '.', ['child', 'household_id']], ref('/h')],
      ['=', fn('position'), fn('position', ['path', fn('current'), ['parent', '*']])]], ['child', 'name']] }),
];

test('4 dynamic defaults of an instance come after the calculations they read', () => {
  const f = open(memberForm(), { external: { member: MEMBERS }, prefill: { h: 'h' } });
  assert.equal(f.count('/data/m'), 2);
  assert.deepEqual([f.value('/data/m[1]/full_name'), f.value('/data/m[2]/full_name')], ['张三', '李四']);
  assert.deepEqual(f.errors(), []);
});

test('4 prefill wins over defaults; a trigger runs after recalculation and not while loading', () => {
  const f = open([
    q('/a', { default: '1' }), q('/twice', { calculation: ['*', ref('/a'), 2] }),
    q('/t', { trigger: ['/data/a'], calculation: ['+', ref('/twice'), 1] }),
  ], { prefill: { a: '7' } });
  assert.deepEqual([f.value('/data/a'), f.value('/data/t')], ['7', '']);
  f.set('/data/a', '8');
  assert.equal(f.value('/data/t'), '17');
  f.set('/data/t', 'mine');
  f.set('/data/a', '8');
  assert.equal(f.value('/data/t'), 'mine', 'the same value does not fire');
});

const choices = (...rows) => rows.map(([name, of]) => ({ name, label: { zh: `字${name}`, en: `L${name}` }, extra: { of } }));

test('5 cascading selects: what is no longer offered goes, of several only that', () => {
  const f = open([
    q('/k'), q('/one', { type: 'select_one', list: 'l', choice_filter: ['=', ['path', '.', ['child', 'of']], ref('/k')] }),
    q('/many', { type: 'select_multiple', list: 'l', choice_filter: ['!=', ['path', '.', ['child', 'of']], ref('/k')] }),
  ], { definition: { lists: { l: choices(['a', 'x'], ['b', 'x'], ['c', 'y']) } } });
  f.set('/data/k', 'x');
  assert.deepEqual(f.choices('/data/one').map((choice) => choice.label), ['字a', '字b']);
  f.set('/data/one', 'b');
  f.set('/data/k', 'z');
  assert.equal(f.value('/data/one'), '');
  f.set('/data/many', 'c a');
  f.set('/data/k', 'y');
  assert.equal(f.value('/data/many'), 'a');
});

test('5 choices from a repeat', () => {
  const f = open([
    repeat('/p'), q('/p/name'), q('/p/age'),
    q('/head', { type: 'select_one', items: { repeat: '/data/p/name' }, choice_filter: ['>', ref('/p/age'), 17] }),
  ]);
  f.set('/data/p/name', '张三');
  f.set('/data/p/age', '40');
  f.addRepeat('/data/p');
  f.set('/data/p[2]/name', '小宝');
  f.set('/data/p[2]/age', '4');
  assert.deepEqual(f.choices('/data/head').map((choice) => choice.name), ['张三']);
  f.set('/data/head', '张三');
  f.set('/data/p[1]/name', '张山');
  assert.equal(f.value('/data/head'), '');
});

test('6 required, constraint, readonly; blank never breaks a constraint; hidden is skipped', () => {
  const f = open([
    q('/a', { required: true, required_message: { zh: '必填' } }),
    q('/n', { constraint: ['<', own, ref('/max')], constraint_message: { zh: ['小于', { tree: ref('/max') }] } }), q('/max', { default: '10' }),
    q('/r', { readonly: true, calculation: ref('/max') }), q('/h', { required: true, relevant: ['=', ref('/a'), 'x'] }),
  ]);
  assert.equal(f.set('/data/a', ''), 'required');
  assert.equal(f.set('/data/n', '12'), 'constraint');
  assert.equal(f.value('/data/n'), '12', 'kept all the same');
  assert.equal(f.set('/data/r', '1'), 'readonly');
  assert.deepEqual(f.finalize().violations, [
    { path: '/data/a', code: 'required', message: '必填' }, { path: '/data/n', code: 'constraint', message: '小于10' },
  ]);
  f.set('/data/max', '20');
  assert.equal(f.violation('/data/n'), null);
  f.set('/data/n', '');
  f.set('/data/a', 'y');
  assert.equal(f.finalize().valid, true);
});

test('7 a draft comes back as it was: hidden answers, cleared defaults, instances, typed-over calculations', () => {
  const nodes = [
    q('/a', { default: 'd' }), q('/dyn', { dynamic_default: fn('concat', 'now', '') }), q('/hid', { relevant: ['=', ref('/a'), 'x'] }),
    q('/calc', { calculation: fn('concat', ref('/a'), '!') }), repeat('/m'), q('/m/x'), q('/id', { type: 'calculate', calculation: fn('once', fn('uuid')) }),
    q('/new', { default: 'n' }),
  ];
  const f = open(nodes);
  f.set('/data/dyn', '');
  f.set('/data/a', '');
  f.set('/data/calc', 'mine');
  f.removeRepeat('/data/m', 1);
  const { new: _, ...draft } = { ...f.draft(), hid: 'kept' };
  const g = open(nodes, { answers: draft, ids: () => 'another' });
  assert.deepEqual(g.draft(), { ...draft, new: 'n' });
  g.set('/data/a', 'x');
  assert.deepEqual([g.value('/data/calc'), g.value('/data/hid')], ['x!', 'kept']);
});

test('7 start, today and end are filled', () => {
  const f = open([q('/s', { type: 'start' }), q('/d', { type: 'today' }), q('/e', { type: 'end' })]);
  assert.match(f.value('/data/s'), /^2025-06-1\dT/);
  assert.match(f.value('/data/d'), /^2025-06-1\d$/);
  assert.equal(f.value('/data/e'), '');
  assert.match(String(f.finalize().answers.e), /^2025-06-1\dT/);
});

test('8 labels show answers and follow the language', () => {
  const f = open([q('/n', { label: { zh: ['你好', { tree: ref('/n') }], en: 'Hello' }, hint: { zh: '提示' } })]);
  f.set('/data/n', '王');
  assert.equal(f.label('/data/n'), '你好王');
  f.setLanguage('en');
  assert.equal(f.label('/data/n'), 'Hello');
  assert.equal(f.hint('/data/n'), '提示');
});

test('9 a notice names what changed and nothing else', () => {
  const f = open([
    q('/a'), q('/b', { calculation: ref('/a') }), q('/c', { label: { zh: ['x', { tree: ref('/a') }] } }), q('/d'), q('/e', { relevant: ref('/a') }),
    q('/f', { relevant: ['=', ref('/a'), '1'] }),
  ]);
  f.label('/data/c');
  const seen = [];
  const stop = f.subscribe((changed) => seen.push([...changed].sort()));
  f.set('/data/a', '1');
  assert.deepEqual(seen, [['/data/a', '/data/b', '/data/c', '/data/f']]);
  f.set('/data/a', '1');
  assert.equal(seen.length, 1, 'the same value is no change');
  stop();
  f.set('/data/a', '2');
  assert.equal(seen.length, 1);
});

test('10 the 30th instance costs like the 2nd', () => {
  let calls = 0;
  const f = open([repeat('/m'), q('/m/a'), q('/m/b', { calculation: ['+', ref('/m/a'), fn('random')] })], { random: () => ++calls });
  const cost = () => {
    const before = calls;
    f.set(`/data/m[${f.addRepeat('/data/m')}]/a`, '1');
    return calls - before;
  };
  const second = cost();
  for (let i = 3; i < 30; i++) cost();
  assert.equal(cost(), second);
});

test('10 register lookups go through an index', () => {
  let reads = 0;
  const rows = Array.from({ length: 3000 }, (_, i) => ({ get name() { reads++; return `r${i}`; }, v: String(i) }));
  const f = open([q('/k'), q('/v', { calculation: column('big', 'name', ref('/k'), 'v') })], { external: { big: rows } });
  for (let i = 0; i < 50; i++) {
    f.set('/data/k', `r${i * 7}`);
    assert.equal(f.value('/data/v'), String(i * 7));
  }
  assert.ok(reads <= 3000 + 100, `${reads} reads`);
});

test('10 endless expressions stop', () => {
  const rows = Array.from({ length: 2000 }, (_, i) => ({ name: `r${i}` }));
  const all = (...predicates) => ['path', fn('instance', 'l'), ['child', 'root'], ['child', 'item', ...predicates]];
  const f = open([q('/n', { calculation: fn('count', all(['>', fn('count', all(['!=', ['path', '.', ['child', 'name']], 'x'])), 0])) })], { external: { l: rows } });
  assert.equal(f.value('/data/n'), '');
  assert.match(f.errors()[0].message, /steps/);
});

test('10 triggers that set each other off stop, and the form goes on', () => {
  const f = open([
    q('/a', { trigger: ['/data/b'], calculation: ['+', fn('coalesce', ref('/b'), 0), 1] }),
    q('/b', { trigger: ['/data/a'], calculation: ['+', fn('coalesce', ref('/a'), 0), 1] }), q('/c'),
  ]);
  f.set('/data/a', '1');
  assert.match(f.errors()[0].message, /rest/);
  assert.equal(f.set('/data/c', 'x'), 'ok');
});

test('10 rare functions are known by the definition', () => {
  assert.equal(needsRare(form([q('/a', { calculation: fn('digest', ref('/b'), 'MD5') })])), true);
  assert.equal(needsRare(form([q('/area', { calculation: fn('concat', 'x') })])), false);
});

test('entities: update with confirmations, create without blanks, hidden left alone, by instance', () => {
  const f = open([
    q('/h', { type: 'hidden' }), q('/water'), q('/road', { relevant: ['=', ref('/water'), 'x'] }),
    repeat('/m'), q('/m/id'), q('/m/full_name'), q('/m/phone'),
  ], {
    prefill: { h: 'h1' },
    definition: { entities: [
      { list: 'household', scope: '/data', entity_id: ref('/h'), label: null, create_if: null, update_if: ['=', ref('/water'), 'tap'], save_to: { water_source: '/data/water', road: '/data/road' } },
      { list: 'member', scope: '/data/m', entity_id: ref('/m/id'), label: ref('/m/full_name'), create_if: ['=', ref('/m/id'), 'new'], update_if: ['!=', ref('/m/id'), 'new'], save_to: { full_name: '/data/m/full_name', phone: '/data/m/phone' } },
    ] },
  });
  f.set('/data/water', 'tap');
  f.set('/data/m/id', 'm1');
  f.set('/data/m/full_name', '张三');
  f.addRepeat('/data/m');
  f.set('/data/m[2]/id', 'new');
  f.set('/data/m[2]/full_name', '小宝');
  const base = { household: [{ id: 'h1', fields: { water_source: 'well' } }], member: [{ id: 'm1', fields: { full_name: '张三', phone: '138' } }] };
  assert.deepEqual(changes(f.definition, f, base), [
    { entity: 'household', id: 'h1', kind: 'update', fields: { water_source: { old: 'well', new: 'tap' } } },
    { entity: 'member', id: 'm1', kind: 'update', fields: { full_name: { old: '张三', new: '张三' }, phone: { old: '138', new: '' } } },
    { entity: 'member', id: 'new', kind: 'create', fields: { full_name: { old: null, new: '小宝' } } },
  ]);
});

test('3 an instance taken out comes back to its place with what was answered, and counts again', () => {
  const f = open([repeat('/m'), q('/m/x'), repeat('/m/k'), q('/m/k/y'), q('/sum', { calculation: fn('sum', ref('/m/x')) }),
    q('/m/n', { calculation: fn('position', ['path', '.', ['parent', '*']]) }), q('/m/twice', { calculation: ['*', ref('/m/x'), 2] })]);
  for (const x of ['1', '2', '4']) {
    if (x !== '1') f.addRepeat('/data/m');
    f.set(`/data/m[${f.count('/data/m')}]/x`, x);
  }
  f.addRepeat('/data/m[2]/k');
  f.set('/data/m[2]/k[1]/y', 'deep');
  assert.equal(f.restoreRepeat(), false, 'nothing was taken out');
  f.removeRepeat('/data/m', 2);
  assert.equal(f.value('/data/sum'), '5');
  assert.equal(f.restoreRepeat(), true);
  assert.equal(f.value('/data/sum'), '7');
  assert.deepEqual([1, 2, 3].map((i) => f.value(`/data/m[${i}]/x`)), ['1', '2', '4']);
  assert.deepEqual([1, 2, 3].map((i) => f.value(`/data/m[${i}]/n`)), ['1', '2', '3']);
  assert.equal(f.value('/data/m[2]/k[1]/y'), 'deep');
  f.set('/data/m[2]/x', '3');
  assert.equal(f.value('/data/sum'), '8');
  assert.equal(f.value('/data/m[2]/twice'), '6', 'its own calculations go on');
  assert.equal(f.restoreRepeat(), false, 'only once');
});

test('5 a filtered list of thousands: the equality is looked up, the rest of the filter is asked of what it leaves', () => {
  const rows = Array.from({ length: 3000 }, (_, i) => ({ name: `v${i}`, label: { zh: `${i}` }, extra: { town: `t${i % 100}`, big: String(i > 1500) } }));
  const filter = ['and', ['=', ['path', '.', ['child', 'big']], 'true'], ['=', ref('/town'), ['path', '.', ['child', 'town']]]];
  const f = open([q('/town'), q('/v', { type: 'select_one', list: 'v', choice_filter: filter })], { definition: { lists: { v: rows } } });
  assert.deepEqual(f.choices('/data/v'), []);
  f.set('/data/town', 't7');
  const offered = f.choices('/data/v').map((choice) => choice.name);
  assert.deepEqual(offered, rows.filter((row) => row.extra.town === 't7' && row.extra.big === 'true').map((row) => row.name));
  f.set('/data/v', 'v1607');
  f.set('/data/town', 't8');
  assert.equal(f.value('/data/v'), '', 'no longer offered');
});

test("5 a form's own choices go before register records of the same name, unless the form reads the register", () => {
  const nodes = [q('/v', { type: 'select_one', list: 'village', choice_filter: ['=', ['path', '.', ['child', 'name']], 'a'] }),
    q('/from', { calculation: column('village', 'name', 'a', 'label') })];
  const lists = { village: [{ name: 'a', label: { zh: '选项' } }] };
  const external = { village: [{ name: 'a', label: '登记' }] };
  const f = open(nodes, { definition: { lists }, external });
  assert.deepEqual([f.choices('/data/v').length, f.value('/data/from')], [1, '选项']);
  const reads = open(nodes, { definition: { lists, instances: { village: { kind: 'records' } } }, external });
  assert.equal(reads.value('/data/from'), '登记');
});

test('a choice list that is called like a register list stays the form\'s own', () => {
  const shadowed = {
    format: 1, form_id: 's', version: '1', title: { zh: 's' }, languages: ['zh'], default_language: 'zh', root: '/data', instance_name: null,
    nodes: [
      { path: '/data/town', name: 'town', kind: 'question', type: 'text', parent: '/data' },
      { path: '/data/village', name: 'village', kind: 'question', type: 'select_one', list: 'village', parent: '/data',
        choice_filter: ['=', ['path', '.', ['child', 'town']], ['ref', '/data/town']] },
    ],
    lists: { village: [{ name: 'v1', label: { zh: '一村' }, extra: { town: 'a' } }, { name: 'v2', label: { zh: '二村' }, extra: { town: 'b' } }] },
    instances: {}, entities: [], order: [['/data/village', 'choice_filter']],
  };
  const one = createInstance(/** @type {any} */ (shadowed), { now: 0, ids: () => '0', external: { village: [] } });
  one.set('/data/town', 'a');
  assert.deepEqual(one.choices('/data/village').map(({ name }) => name), ['v1']);
});
