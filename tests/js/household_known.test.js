// Since when a value stands, and who visited on that day.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sourceOf, wordOf } from '../../static/js/screens/household-known.js';

const t = (text, vars = {}) => text.replace(/\{(\w+)\}/g, (_all, name) => vars[name]);
const visit = (date, cadre_name) => ({ kind: 'visit', id: date + cadre_name, area: '', rev: 1, fields: { date, cadre_name } });
const home = { kind: 'household', id: 'h', area: '', rev: 1, since: ['2025-02-15', { water_source: '2026-10-13' }], fields: { water_source: 'tap', phone: '1', road: '03' } };
const visits = [visit('2026-10-13', '冉村干'), visit('2026-10-13', '冉村干'), visit('2026-10-13', '田镇管'), visit('2026-05-01', '别人')];

test('the day, and whoever visited on it, each once', () => {
  assert.equal(sourceOf(t, home, 'water_source', visits), '2026-10-13 · 当天走访:冉村干、田镇管');
});

test('a day without a visit is only a day; what was never said has none', () => {
  assert.equal(sourceOf(t, home, 'phone', visits), '2025-02-15');
  assert.equal(sourceOf(t, home, 'school', visits), '');
});

test('whose word it is, when the server knows; else what the phone knows by itself', () => {
  const said = { who: '冉村干', when: '2026-10-13 20:15', visit: true, confirmed: false };
  assert.equal(wordOf(t, '2026-10-13', said), '2026-10-13 · 冉村干登记(走访)');
  assert.equal(wordOf(t, '2026-10-13', { ...said, visit: false }), '2026-10-13 · 冉村干登记');
  assert.equal(wordOf(t, '2026-10-13', { ...said, confirmed: true }), '2026-10-13 · 冉村干确认(走访)');
  assert.equal(wordOf(t, '2026-10-13', { ...said, confirmed: true, visit: false }), '2026-10-13 · 冉村干确认');
  assert.equal(wordOf(t, '2025-02-15', { ...said, who: '' }), '2025-02-15');
  assert.equal(wordOf(t, '2025-02-15', undefined), '2025-02-15');
});
