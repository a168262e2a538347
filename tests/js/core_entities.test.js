// What a finished form says to the register, and what it records by itself: the cases that the server's engine reads too.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

process.env.TZ = 'Asia/Shanghai';
const { changes } = await import('../../static/js/core/entities.js');
const { createInstance } = await import('../../static/js/core/instance.js');
const { forms, prefill, base, cases, metadata } = JSON.parse(readFileSync(new URL('../vectors/entities.json', import.meta.url), 'utf8'));

function opened(form, now = metadata.opened, answers = undefined) {
  let n = 0;
  return createInstance(forms[form].definition, { now: Date.parse(now), prefill, ids: () => `id-${++n}`, answers });
}

for (const each of cases) {
  test(each.name, () => {
    const filled = opened(each.form);
    for (const [path, value] of each.set) {
      if (path === '+') assert.ok(filled.addRepeat(value));
      else assert.equal(filled.set(path, value), 'ok');
    }
    filled.finalize();
    const told = changes(filled.definition, filled, base).map(({ entity, id, kind, fields }) =>
      [entity, id, kind, Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, [field.old, field.new]]))]);
    assert.deepEqual(told, each.expected);
  });
}

test('metadata is of the beginning, and end of the end', () => {
  const again = opened('two', metadata.reopened, opened('two').draft());
  assert.deepEqual([again.value('/data/start'), again.value('/data/end')], [metadata.expected.start, '']);
  const { answers } = again.finalize();
  assert.deepEqual(Object.fromEntries(Object.keys(metadata.expected).map((name) => [name, answers[name]])), metadata.expected);
});
