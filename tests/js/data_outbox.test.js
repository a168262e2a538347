// The outbox: gap-free numbers, one transaction, receipts that name the op, re-offering, undo, pruning.
import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KEEP_DAYS } from '../../static/js/data/outbox.js';
import { UNSIGNED } from '../../static/js/data/word.js';
import { NOW, phone, receiptFor, resultFor, visit } from './data_phone.js';

const FORM = { id: 'sub-1', form_id: 'visit', form_version: '1', form_hash: 'h', area: '500156102203', household_id: 'h1' };
const CHANGES = [
  { entity: 'submission', id: 'sub-1', kind: 'create', base_rev: 0, fields: { answers: { old: null, new: { a: '1' } } } },
  { entity: 'household', id: 'h1', kind: 'update', base_rev: 3, fields: { road: { old: '01', new: '03' } } },
];

test('ops of one install are numbered 1, 2, 3 … with no gap, however many are made at once', async () => {
  const { outbox } = await phone();
  await Promise.all(Array.from({ length: 12 }, (_, i) => outbox.append([visit(`v${i}`)], 'h1')));
  const rows = await outbox.toOffer('inst', 50);
  assert.deepEqual(rows.map((row) => row.dseq), Array.from({ length: 12 }, (_, i) => i + 1));
});

test('a finished form is stored whole, with its photo, and only once', async () => {
  const { outbox } = await phone();
  const blobs = [{ sha256: 'ab', size: 3, type: 'image/jpeg', bytes: new Uint8Array([1, 2, 3]).buffer }];
  const first = await outbox.finish({ submission: FORM, ops: CHANGES, blobs });
  const second = await outbox.finish({ submission: FORM, ops: CHANGES, blobs });
  assert.deepEqual(second.ops.map((op) => op.op_id), first.ops.map((op) => op.op_id));
  assert.equal(await outbox.lastDseq('inst'), 2);
  assert.deepEqual(first.ops.map((op) => [op.submission, op.form_id, op.actor]), [['sub-1', 'visit', 'u1'], ['sub-1', 'visit', 'u1']]);
  assert.deepEqual(await outbox.blobsToSend(), ['ab']);
});

test('an op without a form is not safe while its photo is still here', async () => {
  const { outbox } = await phone();
  const blobs = [{ sha256: 'cd', size: 3, type: 'image/jpeg', bytes: new Uint8Array([1, 2, 3]).buffer }];
  const { ops: [op] } = await outbox.append([visit('v1')], 'h1', blobs);
  assert.deepEqual(await outbox.blobsToSend(), ['cd']);
  assert.equal(await outbox.unconfirmed(), 1);
  const { bytes } = await outbox.blob('cd');
  assert.equal(bytes.byteLength, 3);
  const [work] = await outbox.works();
  assert.deepEqual([work.key, work.state], [op.op_id, 'queued']);
});

test('when storing fails nothing is stored and the failure has a name', async () => {
  const { outbox, db } = await phone();
  const real = db.outbox.run;
  db.outbox.run = (work) => real((idb) => work(new Proxy(idb, {
    get: (target, name) => (name === 'transaction'
      ? (...args) => {
        if (args[1] === 'readwrite') throw new DOMException('full', 'QuotaExceededError');
        return target.transaction(...args);
      }
      : typeof target[name] === 'function' ? target[name].bind(target) : target[name]),
  })));
  await assert.rejects(outbox.finish({ submission: FORM, ops: CHANGES }), { name: 'NotSaved', cause_code: 'quota' });
  db.outbox.run = real;
  assert.equal(await outbox.lastDseq('inst'), 0);
  assert.equal(await outbox.unconfirmed(), 0);
});

test('a form that cannot be stored to its last op leaves nothing of itself', async () => {
  const { outbox, db } = await phone();
  const blobs = [{ sha256: 'ef', size: 1, type: 'x', bytes: () => 'no database can hold a function' }];
  await assert.rejects(outbox.finish({ submission: FORM, ops: CHANGES, blobs }));
  assert.equal(await db.outbox.run((idb) => idb.count('op')), 0);
  await outbox.finish({ submission: FORM, ops: CHANGES });
  assert.equal(await outbox.lastDseq('inst'), 2);
});

test('a closed connection is opened again and the work repeated once', async () => {
  const { outbox, db } = await phone();
  await outbox.append([visit('v1')], 'h1');
  (await db.outbox.open()).close();
  await outbox.append([visit('v2')], 'h1');
  assert.equal(await outbox.lastDseq('inst'), 2);
});

test('an answer counts only with a receipt that names this very op', async () => {
  const { outbox } = await phone();
  await outbox.append([visit('v1')], 'h1');
  await outbox.append([visit('v2')], 'h1');
  const rows = await outbox.toOffer('inst', 50);
  const wrong = resultFor(rows[0], 'node');
  wrong.receipt.hash = 'other';
  const left = await outbox.noteResults(rows, { server_id: 's', epoch: 'e', results: [wrong, resultFor(rows[1], 'node')] }, NOW, UNSIGNED);
  assert.deepEqual(left.map((row) => row.dseq), [1]);
  assert.deepEqual((await outbox.toOffer('inst', 50)).map((row) => row.dseq), [1]);
});

test('three ticks only with the centre\'s receipt; a node\'s makes two', async () => {
  const { outbox } = await phone();
  await outbox.append([visit('v1')], 'h1');
  const state = async () => (await outbox.works())[0].state;
  assert.equal(await state(), 'queued');
  const rows = await outbox.toOffer('inst', 50);
  await outbox.noteResults(rows, { server_id: 's', epoch: 'e', results: [resultFor(rows[0], 'node')] }, NOW, UNSIGNED);
  assert.equal(await state(), 'sent');
  assert.equal(await outbox.unconfirmed(), 1);
  const receipt = receiptFor(rows[0], 'centre');
  await outbox.noteReceipts('inst', [{ dseq: 1, status: 'applied', receipt: { ...receipt, hash: 'x' } }], NOW, UNSIGNED);
  assert.equal(await state(), 'sent');
  await outbox.noteReceipts('inst', [{ dseq: 1, status: 'applied', receipt }], NOW, UNSIGNED);
  assert.equal(await state(), 'confirmed');
  assert.equal(await outbox.unconfirmed(), 0);
});

test('a form whose photo is still here is not safe', async () => {
  const { outbox } = await phone();
  await outbox.finish({ submission: FORM, ops: CHANGES, blobs: [{ sha256: 'cd', size: 1, type: 'image/jpeg', bytes: new ArrayBuffer(1) }] });
  const rows = await outbox.toOffer('inst', 50);
  await outbox.noteResults(rows, { server_id: 's', epoch: 'e', results: rows.map((row) => resultFor(row, 'centre')) }, NOW, UNSIGNED);
  assert.equal(await outbox.unconfirmed(), 1);
  assert.equal((await outbox.works())[0].state, 'queued');
  await outbox.markBlob('cd', 'here');
  assert.deepEqual([await outbox.unconfirmed(), (await outbox.works())[0].state], [1, 'sent']);
  assert.deepEqual([await outbox.blobsToSend(), await outbox.blobsBelow()], [[], ['cd']]);
  await outbox.markBlob('cd', 'centre');
  assert.deepEqual([await outbox.blobsBelow(), (await outbox.works())[0].state], [[], 'confirmed']);
  assert.equal(await outbox.unconfirmed(), 0);
});

test('after a restore everything past the acknowledged number is offered again', async () => {
  const { outbox } = await phone();
  for (const id of ['v1', 'v2', 'v3']) await outbox.append([visit(id)], 'h1');
  const rows = await outbox.toOffer('inst', 50);
  await outbox.noteResults(rows, { server_id: 's', epoch: 'e1', results: rows.map((row) => resultFor(row, 'centre', 'e1')) }, NOW, UNSIGNED);
  assert.equal(await outbox.unconfirmed(), 0);
  await outbox.offerAgain('inst', 1, { server_id: 's', epoch: 'e2' });
  assert.deepEqual((await outbox.toOffer('inst', 50)).map((row) => row.dseq), [2, 3]);
  assert.equal(await outbox.unconfirmed(), 2, 'the restored centre\'s old receipts count no more');
});

test('undo takes back the newest op only, and only while it was not offered', async () => {
  const { outbox } = await phone();
  const [first] = (await outbox.append([visit('v1')], 'h1')).ops;
  const [second] = (await outbox.append([visit('v2')], 'h1')).ops;
  assert.equal(await outbox.undo(first.op_id), false);
  assert.equal(await outbox.undo(second.op_id), true);
  await outbox.noteOffered('inst', 1);
  assert.equal(await outbox.undo(first.op_id), false);
  assert.equal(await outbox.lastDseq('inst'), 1);
});

test('bodies stay until a week after the centre confirmed; a stub stays after that', async () => {
  const { outbox, db } = await phone();
  await outbox.append([visit('v1')], 'h1');
  await outbox.append([visit('v2')], 'h1');
  const rows = await outbox.toOffer('inst', 50);
  await outbox.noteResults([rows[0]], { server_id: 's', epoch: 'e', results: [resultFor(rows[0], 'centre')] }, NOW, UNSIGNED);
  const days = (n) => new Date(NOW.getTime() + n * 86_400_000);
  const bodies = async () => (await db.outbox.run((idb) => idb.getAll('op'))).filter((row) => row.op).map((row) => row.dseq);
  await outbox.prune(days(KEEP_DAYS - 0.1));
  assert.deepEqual(await bodies(), [1, 2]);
  await outbox.prune(days(KEEP_DAYS + 100));
  assert.deepEqual(await bodies(), [2], 'what the centre has not confirmed is kept for ever');
  assert.equal((await outbox.works()).length, 2);
});

test('what another window wrote is counted, and unchanged rows are read once', async () => {
  const { outbox, db } = await phone();
  await outbox.append([visit('v1')], 'h1');
  assert.equal(await outbox.unconfirmed(), 1);
  let read = 0;
  const real = db.outbox.run;
  db.outbox.run = (work) => real((idb) => work(new Proxy(idb, {
    get: (target, name) => (name !== 'transaction' ? (typeof target[name] === 'function' ? target[name].bind(target) : target[name])
      : (...args) => {
        const tx = target.transaction(...args);
        return { objectStore: (store) => { const own = tx.objectStore(store); const all = own.getAll.bind(own); own.getAll = (...which) => { read += store === 'op' ? 1 : 0; return all(...which); }; return own; } };
      }),
  })));
  await Promise.all([outbox.unconfirmed(), outbox.works(), outbox.openRecords()]);
  assert.equal(read, 0);
  // As another window would: not through this outbox.
  const row = await real((idb) => idb.get('op', ['inst', 1]));
  await real((idb) => idb.put('op', { ...row, dseq: 2, op_id: 'other', op: { ...row.op, op_id: 'other', id: 'v2' } }));
  assert.equal(await outbox.unconfirmed(), 2);
});

test('a photo is asked about by the install that named it', async () => {
  const { outbox, db } = await phone();
  await outbox.append([{ ...visit('v1'), blobs: [{ sha256: 'cd', size: 1 }] }], 'h1', [{ sha256: 'cd', size: 1, type: 'image/jpeg', bytes: new ArrayBuffer(1) }]);
  await outbox.markBlob('cd', 'here');
  assert.deepEqual([await outbox.blobsBelow(), await outbox.blobsBelow('inst'), await outbox.blobsBelow('another')], [['cd'], ['cd'], []]);
  // One that no op names any more is anybody's to ask about.
  await db.outbox.run((idb) => idb.put('blob', { sha256: 'ef', size: 1, unsent: 2, work: 'w' }));
  assert.deepEqual(await outbox.blobsBelow('another'), ['ef']);
});
