// One cause and one next step for every way a server says no (the codes come from Python) and every way a network does.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { catalogueOf } from '../../static/catalogue.js';
import { createApi } from '../../static/js/data/api.js';
import { NotSaved } from '../../static/js/data/db.js';
import { explain, explainError } from '../../static/js/data/explain.js';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const problems = JSON.parse(readFileSync(join(ROOT, 'vectors/problems.json'), 'utf8'));
const english = catalogueOf(readFileSync(join(ROOT, '../app/translations/en/LC_MESSAGES/phone.po'), 'utf8'));
const refused = (one) => ({ kind: 'refused', retry_after_s: 0, headers: new Headers(), message: '', next: '', ...one });
/** Told in a browser's form only, at signing in, or to a page and not to the sync. */
const OF_PAGES = new Set(['change_password_first', 'invitation_gone', 'no_phone_passwords', 'not_on_a_phone',
  'bad_csrf', 'bad_sign_in', 'sign_in_first', 'forbidden', 'unknown_form', 'wrong_method', 'too_many_tries', 'not_built']);

test('every problem of a server has a cause and a next step', () => {
  assert.ok(problems.length > 60);
  for (const problem of problems) {
    const { text, next } = explain(refused(problem));
    assert.ok(text && next, problem.code);
    assert.ok(!/。$/.test(text), `${problem.code}: the screen sets the stop`);
  }
});

test('what a phone may meet while it syncs is told in its own words, in both languages', () => {
  const met = problems.filter(({ code, status }) => status && !OF_PAGES.has(code) && !code.startsWith('courier_'));
  assert.ok(met.length > 15);
  for (const problem of met) {
    // Without the server's words: an older or newer server may have none.
    const { text, next } = explain(refused({ ...problem, message: '', next: '' }));
    assert.ok(english[text] && english[next], `${problem.code}: ${text} ${next}`);
    assert.ok(!text.includes('{code}'), problem.code);
  }
});

test('each way a network fails has its own words', () => {
  const causes = ['network', 'timeout', 'captive', 'not_json', 'wrong_server', 'wrong_key', 'unsigned', 'other_log'];
  const lines = causes.map((cause) => explain({ kind: 'offline', cause }));
  assert.equal(new Set(lines.map(({ text }) => text)).size, causes.length);
  for (const { text, next } of lines) assert.ok(english[text] && english[next], text);
});

test('a stopped phone is not sent to sign in again', () => {
  const stopped = explain(refused({ code: 'device_revoked', status: 401 }));
  assert.notEqual(stopped.text, explain(refused({ code: 'unknown_token', status: 401 })).text);
  assert.match(stopped.next, /管理员/);
});

test('answers that are nobody\'s own: a gateway\'s page, an unknown code', () => {
  for (const status of [404, 429, 502, 504, 507]) assert.ok(english[explain(refused({ code: `http_${status}`, status })).text], String(status));
  assert.match(explain(refused({ code: 'of_tomorrow', status: 418 })).text, /\{code\}/);
  assert.equal(explain(refused({ code: 'of_tomorrow', status: 418, message: '明天的事。', next: '等' })).text, '明天的事');
});

test('a full phone is told as such, not as an error of the program', () => {
  assert.match(explainError(new NotSaved('quota', null)).text, /存储已满/);
  assert.match(explainError(new TypeError('x')).text, /\{error\}/);
});

test('a server is asked in the language of the app', async () => {
  const seen = [];
  const api = createApi({ fetch: async (_url, { headers }) => { seen.push(headers['Accept-Language']); return new Response('{}', { headers: { 'Content-Type': 'application/json' } }); }, language: () => 'en' });
  await api.get('/x');
  assert.deepEqual(seen, ['en']);
});
