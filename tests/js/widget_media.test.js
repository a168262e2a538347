/**
 * Files, drawings, places and the log of filling: what is decided without a screen.
 * 1. a photo is no larger than its limit, never enlarged; an author's max-pixels wins
 * 2. recordings fit into what a node takes; an answer's ending is plain
 * 3. strokes survive being stored and shown on a paper of another width
 * 4. coordinates are understood as people write them, and nothing else is
 * 5. a shape closes itself; a sketch keeps north up; area in 亩
 * 6. the log has ODK's columns, times in milliseconds, and cells that can't break a line
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { auditCsv, auditSettings, createAudit } from '../../static/js/screens/audit.js';
import { fitted, photoLimits } from '../../static/js/screens/widgets/images.js';
import { LARGEST_FILE, extensionOf, recordingOf } from '../../static/js/screens/widgets/limits.js';
import {
  areaText, lengthText, measured, placeOf, placeText, placesOf, placesText, sketched, wantedAccuracy,
} from '../../static/js/screens/widgets/places.js';
import { scaled, stored } from '../../static/js/screens/widgets/strokes.js';
import { unreadable } from '../../static/js/screens/widgets/values.js';

test('a photo keeps within its limit', () => {
  assert.deepEqual(photoLimits(undefined), { side: 1600, bytes: 300 * 1024 });
  assert.deepEqual(photoLimits({ 'max-pixels': '1024' }), { side: 1024, bytes: 300 * 1024 });
  assert.deepEqual(photoLimits({ 'max-pixels': '3200' }), { side: 3200, bytes: 4 * 300 * 1024 });
  assert.equal(photoLimits({ 'max-pixels': '999999' }).side, 4096);
  assert.equal(photoLimits({ 'max-pixels': 'many' }).side, 1600);
  assert.deepEqual(fitted(4000, 3000, 1600), { width: 1600, height: 1200 });
  assert.deepEqual(fitted(3000, 4000, 1600), { width: 1200, height: 1600 });
  assert.deepEqual(fitted(640, 480, 1600), { width: 640, height: 480 });
  assert.deepEqual(fitted(10_000, 3, 1600), { width: 1600, height: 1 });
});

test('a recording of the longest time is no larger than a file may be', () => {
  for (const kind of /** @type {const} */ (['audio', 'video'])) {
    for (const quality of ['normal', 'low', 'voice-only', undefined]) {
      const { seconds, sound, video } = recordingOf(kind, quality ? { quality } : undefined);
      assert.ok(seconds >= 60, `${kind} ${quality}`);
      assert.ok((seconds * (kind === 'audio' ? sound : video)) / 8 < LARGEST_FILE);
    }
  }
  assert.ok(recordingOf('audio', { quality: 'voice-only' }).sound < recordingOf('audio', { quality: 'low' }).sound);
  assert.equal(recordingOf('audio', { quality: 'external' }).external, true);
});

test('an answer\'s ending', () => {
  assert.equal(extensionOf('audio/webm;codecs=opus'), 'webm');
  assert.equal(extensionOf('application/pdf', '证明 2026.PDF'), 'pdf');
  assert.equal(extensionOf('application/x-unknown', 'no ending'), 'bin');
  assert.equal(extensionOf('text/html', 'a.ht ml'), 'bin');
  assert.match(extensionOf('x', 'a.toolongending'), /^[a-z0-9]{1,5}$/);
});

test('strokes on a paper of another width', () => {
  const stroke = { penColor: '#000', dotSize: 0, minWidth: 1, maxWidth: 3, velocityFilterWeight: 0.7, compositeOperation: /** @type {const} */ ('source-over'),
    points: [{ x: 33, y: 66, pressure: 0.5, time: 1000 }, { x: 330, y: 0, pressure: 0.5, time: 1040 }] };
  const kept = stored(/** @type {any} */ ([stroke]), 330);
  assert.deepEqual(kept[0]?.points.map(({ x, y, time }) => [x, y, time]), [[0.1, 0.2, 0], [1, 0, 40]]);
  const [wider] = scaled(JSON.parse(JSON.stringify(kept)), 660);
  assert.deepEqual(wider?.points.map(({ x, y }) => [x, y]), [[66, 132], [660, 0]]);
  assert.ok(Math.abs((wider?.maxWidth ?? 0) - 6) < 1e-9);
});

test('coordinates as people write them', () => {
  const at = (/** @type {string} */ text) => {
    const place = placeOf(text);
    return place && [place.lat, place.lon];
  };
  for (const text of ['30.5 108.25', '30.5, 108.25', '30.5,108.25', '(30.5,108.25)', '108.25 30.5', '北纬30.5 东经108.25', '东经108.25,北纬30.5', 'N30.5 E108.25', '30.5N 108.25E',
    "30°30'N 108°15'E", '30°30′0″ 108°15′0″', 'E108°15\' N30°30\'', '北纬30度30分,东经108度15分', '30.5 108.25 12.3 4']) {
    assert.deepEqual(at(text), [30.5, 108.25], text);
  }
  assert.deepEqual(at('-30.5 -108.25'), [-30.5, -108.25]);
  assert.deepEqual(at('S30.5 W108.25'), [-30.5, -108.25]);
  for (const text of ['', '30.5', '村委会', '30.5 200', '95 100', '30.5 108 1 2 3', 'x30.5 108']) assert.equal(at(text), null, text);
  assert.equal(placeText(/** @type {any} */ (placeOf('30.5 108.25 12.34 4.56'))), '30.5 108.25 12.3 4.6');
});

test('lines and areas', () => {
  const corners = ['30 108', '30.001 108', '30.001 108.001'].map((one) => /** @type {any} */ (placeOf(one)));
  const text = placesText(corners, true);
  assert.equal(text.split(';').length, 4);
  assert.deepEqual(placesOf(text), corners);
  assert.deepEqual(placesOf(placesText(corners, false)), corners);
  assert.equal(placesOf('').length, 0);
  const { metres, square, crossed } = measured(corners, true);
  assert.ok(Math.abs(metres - 355) < 2, String(metres));
  assert.ok(Math.abs(square - 5370) < 30, String(square));
  assert.equal(crossed, false);
  const bow = ['30 108', '30.001 108.001', '30.001 108', '30 108.001'].map((one) => /** @type {any} */ (placeOf(one)));
  assert.equal(measured(bow, true).crossed, true);
  assert.equal(areaText(2000, true), '3.00 亩(2000 平方米)');
  assert.equal(lengthText(1234, true), '1.23 公里');
  const { dots } = sketched(corners, 320, 200, 16);
  assert.ok(/** @type {any} */ (dots[0])[1] > /** @type {any} */ (dots[1])[1], 'north is up');
  for (const [x, y] of dots) assert.ok(x >= 16 && x <= 304 && y >= 16 && y <= 184);
  assert.equal(unreadable('geotrace', placesText(corners.slice(0, 1), false)), '至少要记两个点。');
  assert.equal(unreadable('geoshape', placesText(corners.slice(0, 2), true)), '至少要记三个点。');
  assert.equal(unreadable('geoshape', text), '');
});

test('how good a fix must be', () => {
  assert.deepEqual(wantedAccuracy({}), { accept: 5, warn: 100 });
  assert.deepEqual(wantedAccuracy({ parameters: { 'capture-accuracy': '10', 'warning-accuracy': '50' } }), { accept: 10, warn: 50 });
  assert.deepEqual(wantedAccuracy({ body: { accuracyThreshold: '2.5' } }), { accept: 2.5, warn: 100 });
});

test('the log of filling', () => {
  let clock = 1000;
  /** @type {import('../../static/js/screens/audit.js').AuditRow[]} */
  const rows = [];
  const settings = auditSettings({ 'track-changes': 'true', 'identify-user': 'true', 'location-priority': 'balanced', 'location-min-interval': '60', 'location-max-age': '120' });
  const log = createAudit({ rows, now: () => clock++, settings, place: () => [30.5, 108.25, 8] });
  log.event('form start');
  log.arrived('/data/a');
  log.at('/data/a/name');
  log.answered('/data/a/name', '', '张"三"');
  log.answered('/data/a/name', '张"三"', '张,三\n四');
  log.answered('/data/a/age', '', '5');
  log.answered('/data/a/age', '5', '');
  log.leave();
  log.event('form finalize');
  const lines = auditCsv(rows, settings, 'qingshui').split('\n');
  assert.equal(lines[0], 'event,node,start,end,latitude,longitude,accuracy,old-value,new-value,user');
  assert.equal(lines[1], 'form start,,1000,,30.5,108.25,8,,,qingshui');
  assert.equal(lines[2], 'group questions,/data/a,1001,1006,30.5,108.25,8,,,qingshui');
  assert.equal(lines.slice(3, 5).join('\n'), 'question,/data/a/name,1002,1003,30.5,108.25,8,,"张,三\n四",qingshui');
  assert.equal(lines[5], 'question,/data/a/age,1004,1005,30.5,108.25,8,,,qingshui');
  const bare = auditSettings({});
  assert.equal(auditCsv([{ event: 'question', node: '/data/x', start: 1 }], bare, 'u'), 'event,node,start,end\nquestion,/data/x,1,\n');
});
