// The evaluator on hand-written trees: conversions, dates in three zones, rare functions.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import '../../static/js/core/functions-rare.js';
import { evaluate, ExpressionError } from '../../static/js/core/evaluate.js';
import { toText } from '../../static/js/core/values.js';

const NOW = Date.parse('2024-06-15T23:30:00Z');
const env = { version: '1', now: () => NOW, random: () => 0.5, ids: () => 'id', instance: () => { throw new ExpressionError('none'); }, choiceName: () => '' };
const run = (tree) => evaluate(tree, { ...env }, { name: 'n', v: 'own' });
const text = (tree) => toText(run(tree));
const fn = (name, ...args) => ['fn', name, ...args];

function inZone(zone, check) {
  const before = process.env.TZ;
  process.env.TZ = zone;
  try {
    check();
  } finally {
    process.env.TZ = before;
    if (before === undefined) delete process.env.TZ;
  }
}

test('numbers as text have no exponent and no negative zero', () => {
  assert.equal(text(1e21), '1000000000000000000000');
  assert.equal(text(1.5e-7), '0.00000015');
  assert.equal(text(-0), '0');
  assert.equal(text(['div', -1, 0]), '-Infinity');
});

test('only plain decimal notation is a number', () => {
  for (const each of ['1e3', '+5', '0x10', '1,000', '', '- 1', 'Infinity', '1.2.3']) assert.ok(Number.isNaN(run(fn('number', each))), each);
  for (const [each, value] of [['.5', 0.5], ['5.', 5], [' -1.5 ', -1.5]]) assert.equal(run(fn('number', each)), value);
});

test('dates count calendar days in every zone, also across a clock change', () => {
  for (const zone of ['UTC', 'Asia/Shanghai', 'America/New_York']) {
    inZone(zone, () => {
      assert.equal(run(['-', fn('date', '2024-03-20'), fn('date', '2024-03-01')]), 19, zone);
      assert.equal(text(fn('date', ['+', '2024-03-09', 2])), '2024-03-11', zone);
      assert.equal(text(fn('date', ['+', fn('decimal-date-time', '2024-01-02'), 30])), '2024-02-01', zone);
      assert.equal(run(['<', fn('today'), fn('now')]), true, zone);
      assert.equal(run(['=', fn('decimal-time', '06:00:00.000'), 0.25]), true, zone);
    });
  }
});

test('local time has the zone of the device', () => {
  inZone('Asia/Shanghai', () => {
    assert.equal(text(fn('today')), '2024-06-16');
    assert.equal(text(fn('now')), '2024-06-16T07:30:00.000+08:00');
    assert.equal(text(fn('format-date-time', '2024-06-15T23:30:00Z', '%Y年%n月%e日 %H:%M')), '2024年6月16日 07:30');
  });
  inZone('UTC', () => assert.equal(text(fn('now')), '2024-06-15T23:30:00.000+00:00'));
});

test('impossible dates, booleans and other text are errors, blank is blank', () => {
  for (const each of ['2024-02-30', '24-01-01', 'x', fn('true')]) assert.throws(() => run(fn('date', each)), ExpressionError);
  assert.equal(text(fn('date', '')), '');
  assert.equal(text(fn('date', '2024-1-2')), '2024-01-02');
});

test('wrong argument counts, unknown functions and lists are errors', () => {
  for (const tree of [fn('if', 1, 2), fn('nosuch'), fn('instance', 'x'), fn('count', 'x'), fn('regex', 'a', '['), fn('today', 1)]) {
    assert.throws(() => run(tree), ExpressionError, JSON.stringify(tree));
  }
});

test('a chain too deep for the stack is an error, not a crash', () => {
  let tree = 1;
  for (let i = 0; i < 100_000; i++) tree = ['+', tree, 1];
  assert.throws(() => run(tree), ExpressionError);
});

test('digests agree with the platform', () => {
  for (const [name, algorithm] of [['MD5', 'md5'], ['SHA-1', 'sha1'], ['SHA-256', 'sha256'], ['SHA-384', 'sha384'], ['SHA-512', 'sha512']]) {
    for (const size of [0, 1, 55, 56, 64, 111, 112, 128, 300]) {
      const given = '户a'.repeat(size).slice(0, size);
      assert.equal(text(fn('digest', given, name, 'hex')), createHash(algorithm).update(given).digest('hex'), `${name} ${size}`);
    }
  }
});

test('extract-signed gives the message of a good signature only', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const key = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64');
  const message = Buffer.from('入户 42');
  const signed = Buffer.concat([sign(null, message, privateKey), message]);
  assert.equal(text(fn('extract-signed', signed.toString('base64'), key)), '入户 42');
  signed[70] ^= 1;
  assert.equal(text(fn('extract-signed', signed.toString('base64'), key)), '');
});
