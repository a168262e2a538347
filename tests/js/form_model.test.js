/** What the form's screen reads from a definition: paths, pages, names, the way to add a row. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { createInstance } from '../../static/js/core/instance.js';
import { asText, blankInstance, countQuestion, createModel, inWords, nodePath, pageFinder, pageShown, pathWithin, summary } from '../../static/js/screens/form-model.js';
import { definition, external } from './form_fixture.js';

const model = createModel(/** @type {any} */ (definition));
/** @returns {any} */
const open = () => createInstance(/** @type {any} */ (definition), { now: 0, external, ids: () => 'id', prefill: { household_id: 'h1' } });
const pages = [
  { path: '/data/people', paths: new Set(['/data/people', '/data/people/joined', '/data/people/member']) },
  { path: '/data/living', paths: new Set(['/data/living', '/data/living/water']) },
];

test('paths take the indexes of the instance they are seen from', () => {
  assert.equal(pathWithin('/data/m/name', '/data/m[2]'), '/data/m[2]/name');
  assert.equal(pathWithin('/data/m/n/x', '/data/m[2]/n[3]/y'), '/data/m[2]/n[3]/x');
  assert.equal(pathWithin('/data/other', '/data/m[2]'), '/data/other');
  assert.equal(pathWithin('/data/m/name', ''), '/data/m/name');
  assert.equal(nodePath('/data/m[2]/n[3]/x'), '/data/m/n/x');
});

test('a question inside a repeat is on the page of its repeat', () => {
  assert.equal(pageFinder(pages)('/data/people/member[2]/health')?.path, '/data/people');
  assert.equal(pageFinder(pages)('/data/living/water')?.path, '/data/living');
  assert.equal(pageFinder(pages)('/data/elsewhere'), undefined);
});

test('pages follow relevance', () => {
  const instance = open();
  assert.deepEqual(pages.map((page) => pageShown(model, instance, page)), [true, true]);
  instance.set('/data/outcome', 'nobody');
  assert.deepEqual(pages.map((page) => pageShown(model, instance, page)), [false, false]);
});

test('every instance of a question, and how a member is called', () => {
  const instance = open();
  assert.deepEqual(model.instancesOf(instance, '/data/people/member/health'), ['/data/people/member[1]/health', '/data/people/member[2]/health']);
  assert.deepEqual(summary(model, instance, '/data/people/member[2]', 'zh'), { name: '李四', facts: ['慢性病'] });
  assert.deepEqual(summary(model, instance, '/data/people/member[2]', 'en').facts, ['Ill']);
});

test('a counted repeat grows by the question its count is made from', () => {
  const repeat = /** @type {any} */ (model.node('/data/people/member'));
  assert.equal(countQuestion(model, repeat)?.path, '/data/people/joined');
});

test('answers as lines to copy out', () => {
  const lines = asText(model, open(), 'zh');
  assert.match(lines, /饮水: 井水/);
  assert.match(lines, /姓名: 李四/);
  assert.equal(inWords(model, '/data/living/water', '', 'zh'), '');
});

test('an instance nobody answered is found', () => {
  const blank = { ...definition, nodes: definition.nodes.map((node) => ({ ...node, dynamic_default: undefined })) };
  const bare = createModel(/** @type {any} */ (blank));
  /** @type {any} */
  const instance = createInstance(/** @type {any} */ (blank), { now: 0, external, ids: () => 'id' });
  assert.equal(blankInstance(bare, instance, '/data/people/member[1]'), true);
  instance.set('/data/people/member[1]/health', '01');
  assert.equal(blankInstance(bare, instance, '/data/people/member[1]'), false);
  assert.equal(blankInstance(bare, instance, '/data/people/member[2]'), true);
  assert.equal(blankInstance(bare, instance, '/data/people/member[3]'), false);
});

test('the instances of a question inside one instance of a repeat', () => {
  const instance = open();
  assert.deepEqual(model.instancesOf(instance, '/data/people/member/health', '/data/people/member[2]'), ['/data/people/member[2]/health']);
  assert.deepEqual(model.askedIn('/data/people/member[1]').map((node) => node.name), ['full_name', 'health']);
});
