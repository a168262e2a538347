// The rules phone and node share: canonical JSON and hash, merge, overlay, codes, receipts.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { canonical, opHash, textHash } from '../../static/js/core/canonical.js';
import { grouped, lookup, normalise, parse, shortOf, suggest } from '../../static/js/core/code.js';
import { merge } from '../../static/js/core/merge.js';
import { isPending, overlay } from '../../static/js/core/overlay.js';
import { syncState, ticks, unconfirmedCount } from '../../static/js/core/receipts.js';
import { dateOf, datesOf } from '../../static/js/core/since.js';
import { uuid7 } from '../../static/js/core/uuid7.js';

const vectors = (name) => JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), 'utf8'));

for (const each of vectors('canonical').cases) {
  test(`canonical ${each.id}: ${each.rule}`, () => {
    if (each.refused) assert.throws(() => canonical(each.value), TypeError);
    else if (each.op) assert.equal(opHash(each.op), each.hash);
    else assert.equal(canonical(each.value), each.canonical);
  });
}

test('SHA-256 of texts around the block size', async () => {
  const { createHash } = await import('node:crypto');
  for (const size of [0, 1, 55, 56, 63, 64, 65, 119, 120, 1000]) {
    const text = '户'.repeat(size) + 'a'.repeat(size);
    assert.equal(textHash(text), createHash('sha256').update(text).digest('hex'), String(size));
  }
});

for (const { id, rule, fields, kept, dates, absent = [] } of vectors('dates').cases) {
  test(`dates ${id}: ${rule}`, () => {
    const record = { fields, since: kept };
    assert.deepEqual(datesOf(record), dates);
    assert.deepEqual(Object.fromEntries(Object.keys(dates).map((name) => [name, dateOf(record, name)])), dates);
    for (const name of absent) assert.equal(dateOf(record, name), '');
  });
}

test('an op over a record with brief dates leaves every other date as it was', () => {
  const change = { v: 1, op_id: 'o', dseq: 1, entity: 'household', id: 'h', kind: 'update', device_time: '2026-11-24T20:15:03.123+08:00', fields: { b: { old: '2', new: '3' }, d: { old: '', new: '4' } } };
  const record = { kind: 'household', id: 'h', area: '5', rev: 1, seq: 1, fields: { a: '1', b: '2', c: '' }, since: ['2026-01-01', { c: '2025-01-01' }] };
  assert.deepEqual(overlay(record, [change]).since, { a: '2026-01-01', b: '2026-11-24', c: '2025-01-01', d: '2026-11-24' });
});

for (const { id, rule, head, changes, set, same, conflicts } of vectors('merge').cases) {
  test(`merge ${id}: ${rule}`, () => {
    const merged = merge(head, changes);
    assert.deepEqual({ ...merged, same: merged.same.sort() }, { set, same: [...same].sort(), conflicts });
  });
}

for (const each of vectors('overlay').cases) {
  test(`overlay ${each.id}: ${each.rule}`, () => {
    if ('record_seq' in each) {
      const record = each.record_seq ? { seq: each.record_seq } : null;
      assert.equal(isPending({ result: each.result }, record), each.pending);
    } else {
      const before = structuredClone(each.upstream);
      assert.deepEqual(overlay(each.upstream, each.ops), each.visible);
      assert.deepEqual(each.upstream, before, 'upstream is not touched');
    }
  });
}

const codes = vectors('code');

test('codes: normalise, group, parse', () => {
  for (const { text, expected } of codes.normalise) assert.equal(normalise(text), expected, text);
  for (const { code, short, grouped: shown } of codes.codes) {
    assert.equal(shortOf(code), short);
    assert.equal(grouped(code), shown);
  }
  for (const { text, expected } of codes.parse) assert.deepEqual(parse(text), expected, text);
});

test('codes: only the whole code is ours, a known short id with another MAC is forged', () => {
  const [one, two] = codes.codes;
  const register = [{ id: 'h1', code: one.code }, { id: 'h2', code: two.code }, { id: 'h3', code: '' }];
  assert.deepEqual(lookup(two.code, register), { verdict: 'ours', household: register[1] });
  assert.equal(lookup(one.short + two.code.slice(13), register).verdict, 'forged');
  assert.equal(lookup(codes.codes[2].code, register).verdict, 'unknown');
  assert.deepEqual(suggest('000', register), []);
  assert.deepEqual(suggest('oooo', register), [register[0]]);
});

test('uuid7 holds the time, the version and the variant', () => {
  const id = uuid7(0x0123456789ab, new Uint8Array(10).fill(0xff));
  assert.equal(id, '01234567-89ab-7fff-bfff-ffffffffffff');
});

test('receipts: work is as far as its slowest op', () => {
  const queued = {};
  const sent = { result: { status: 'applied' }, receipt1: {} };
  const confirmed = { ...sent, receipt2: {} };
  assert.equal(syncState([]), 'draft');
  assert.equal(syncState([sent, queued]), 'queued');
  assert.equal(syncState([sent, confirmed]), 'sent');
  assert.equal(syncState([confirmed]), 'confirmed');
  assert.equal(syncState([confirmed, { result: { status: 'quarantined' } }]), 'refused');
  assert.equal(ticks('confirmed'), 3);
  const ops = [
    { ...confirmed, submission: 'a', op_id: '1' }, { ...sent, submission: 'a', op_id: '2' },
    { ...queued, submission: null, op_id: '3' }, { ...confirmed, submission: null, op_id: '4' },
  ];
  assert.equal(unconfirmedCount(ops), 2);
});
