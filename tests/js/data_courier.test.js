// Work out by file and receipts in: what an export holds, what it leaves alone, whose receipts count.
import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { chainNext, chainStart, headText, serverHeadText } from '../../static/js/core/chain.js';
import { exportWork, readReceipts } from '../../static/js/data/courier.js';
import { courierMessages } from '../../static/js/data/courier-file.js';
import { newKey, sign, verified } from '../../static/js/data/keys.js';
import { fromText, keyId } from '../../static/js/data/sealed.js';
import { uuid7 } from '../../static/js/data/ids.js';
import { NOW, SIGN_IN, phone, receiptFor, visit } from './data_phone.js';

const { key: pair } = JSON.parse(readFileSync(new URL('../vectors/sealed.json', import.meta.url), 'utf8'));
const openKey = () => crypto.subtle.importKey('jwk', pair.jwk, { name: 'ECDH', namedCurve: 'P-256' }, false, ['deriveBits', 'deriveKey']);
const PICTURE = Uint8Array.from({ length: 400_000 }, (_, i) => i % 251);
const PICTURE_NAME = createHash('sha256').update(PICTURE).digest('hex');
const text = (value) => new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));

/** A phone of a village whose centre closes with the vectors' key and signs with one of its own. */
async function rig() {
  const parts = await phone({ signedIn: false });
  const centre = await newKey();
  const mine = await newKey();
  const node = await newKey();
  const keys = { server: { sign: node.public_key, seal: '' }, centre: { sign: centre.public_key, seal: pair.public } };
  await parts.session.signIn({ ...SIGN_IN, keys }, NOW, mine.key);
  return { ...parts, centre, mine, now: () => NOW, ids: () => uuid7() };
}

async function opened(file, signer) {
  const messages = [];
  for await (const one of courierMessages(file, { key: await openKey(), keyId: await keyId(pair.public), signer })) messages.push(one);
  return messages;
}

/** A receipts file, as the centre writes one. */
async function receiptsFile(centre, messages, head = {}) {
  const spelled = text({ v: 1, kind: 'receipts', id: 'r', sender: 'centre', reader: 'inst', by: await keyId(centre.public_key), ...head });
  const number4 = (value) => new Uint8Array(new Uint32Array([value]).buffer).reverse();
  const digest = createHash('sha256').update(spelled).digest();
  const pieces = [Uint8Array.of(0x89, 0x52, 0x55, 0x48, 0x55, 13, 10, 26), number4(spelled.length), spelled];
  for (const [at, [name, facts, body]] of [...messages, ['end', { parts: messages.length }, null]].entries()) {
    const about = text({ m: name, ...facts });
    const plain = Buffer.concat([Uint8Array.of(about.length >> 8, about.length & 255), about, body ? text(body) : Buffer.alloc(0)]);
    const context = Buffer.concat([text('ruhu-courier-1\n'), digest, number4(at + 1)]);
    const sig = new Uint8Array(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, centre.key, Buffer.concat([context, plain])));
    pieces.push(number4(64 + plain.length), sig, plain);
  }
  return new Blob(pieces);
}

async function receiptsFor(rig, { upto, chain } = {}) {
  const rows = await rig.outbox.unconfirmedRows('inst');
  const last = upto ?? rows[rows.length - 1].dseq;
  const head = { install_id: 'inst', dseq: last, chain: chain ?? await rig.outbox.chainAt('inst', last), server_id: 'c', epoch: 'e', tier: 'centre', time: NOW.toISOString() };
  const signed = { ...head, sig: await sign(rig.centre.key, serverHeadText(head)) };
  const receipts = rows.map((row) => ({ op_id: row.op_id, dseq: row.dseq, status: 'applied', rev: 1, seq: row.dseq, receipt: { ...receiptFor(row, 'centre'), server_id: 'c' } }));
  return [['hello', {}, { server_id: 'c', epoch: 'e', tier: 'centre' }],
    ['receipts', { install_id: 'inst', acked: last }, { receipts, heads: [signed] }], ['blobs', {}, { here: [PICTURE_NAME] }]];
}

async function withWork() {
  const made = await rig();
  await made.outbox.append([visit('v1')], 'h1');
  const submission = { id: 's1', form_id: 'visit', form_version: '1', form_hash: 'x', area: SIGN_IN.user.grants[0].area, household_id: 'h1' };
  await made.outbox.finish({
    submission,
    ops: [{ entity: 'submission', id: 's1', kind: 'create', fields: { answers: { old: null, new: { who: '魏家德' } } }, blobs: [{ sha256: PICTURE_NAME, size: PICTURE.length }] }],
    blobs: [{ sha256: PICTURE_NAME, size: PICTURE.length, type: 'image/jpeg', bytes: PICTURE.buffer.slice(0) }],
  });
  return made;
}

test('an export holds all work and its photos, signed by the phone, and changes nothing', async () => {
  const made = await withWork();
  const before = await made.outbox.works();
  const [one, ...more] = await exportWork(made);
  assert.equal(more.length, 0);
  assert.deepEqual([one.works, one.ops, one.photos], [2, 2, 1]);
  assert.match(one.name, /^ruhu-\d{8}-\d{4}\.ruhu$/);
  const messages = await opened(one.file, made.mine.public_key);
  assert.deepEqual(messages.map((each) => each.name), ['hello', 'push', 'blob', 'blob']);
  const { ops, heads } = JSON.parse(new TextDecoder().decode(messages[1].body));
  assert.deepEqual(ops.map((op) => op.dseq), [1, 2]);
  assert.equal(await verified(made.mine.public_key, headText('inst', 2, chainNext(chainNext(chainStart('inst'), ops[0].hash), ops[1].hash)), heads[0].sig), true);
  const photo = Buffer.concat(messages.filter((each) => each.name === 'blob').map((each) => each.body));
  assert.equal(createHash('sha256').update(photo).digest('hex'), PICTURE_NAME);
  // Nothing counts as sent, and what may be under way can't be taken back.
  const after = await made.outbox.works();
  assert.deepEqual(after.map((work) => work.state), ['queued', 'queued']);
  assert.deepEqual(after.map(({ undo, ...work }) => work), before.map(({ undo, ...work }) => work));
  assert.equal(await made.outbox.undo((await made.outbox.unconfirmedRows('inst'))[0].op_id), false);
});

test('an export shows nothing of what is in it', async () => {
  const [{ file }] = await exportWork(await withWork());
  const bytes = Buffer.from(await file.arrayBuffer());
  for (const word of ['魏家德', 'household', 'outcome', 'submission']) assert.equal(bytes.includes(word), false, word);
  assert.equal(bytes.includes(Buffer.from(PICTURE.subarray(0, 64))), false);
});

test('before the centre is known there is no export, and it says why', async () => {
  const made = await phone();
  await made.outbox.append([visit('v1')], 'h1');
  await assert.rejects(exportWork({ ...made, now: () => NOW, ids: () => 'x' }), { code: 'courier_no_centre_key' });
});

test('receipts of the centre give three ticks, twice as well as once', async () => {
  const made = await withWork();
  const file = await receiptsFile(made.centre, await receiptsFor(made));
  assert.deepEqual(await readReceipts(made, file), { confirmed: 2, photos: 1, problem: '' });
  assert.deepEqual((await made.outbox.works()).map((work) => work.state), ['confirmed', 'confirmed']);
  assert.deepEqual(await readReceipts(made, file), { confirmed: 0, photos: 0, problem: '' });
  assert.deepEqual(await exportWork(made), []);
});

test('receipts of anybody else, for another phone, or of another log confirm nothing', async () => {
  const made = await withWork();
  const stranger = await newKey();
  const messages = await receiptsFor(made);
  await assert.rejects(readReceipts(made, await receiptsFile(stranger, messages)), { code: 'courier_not_signed' });
  const posing = { by: await keyId(made.centre.public_key) };
  await assert.rejects(readReceipts(made, await receiptsFile(stranger, messages, posing)), { code: 'courier_altered' });
  await assert.rejects(readReceipts(made, await receiptsFile(made.centre, messages, { by: '' })), { code: 'courier_not_signed' });
  await assert.rejects(readReceipts(made, await receiptsFile(made.centre, messages, { reader: 'other' })), { code: 'courier_other_device' });
  const other = await receiptsFor(made, { chain: chainStart('another') });
  assert.equal((await readReceipts(made, await receiptsFile(made.centre, other))).problem, 'courier_other_log');
  const [{ file: own }] = await exportWork(made);
  await assert.rejects(readReceipts(made, own), { code: 'courier_is_export' });
  assert.equal(await made.outbox.unconfirmed(), 2);
});

test('a head that covers less confirms less; a cut file confirms what it still held', async () => {
  const made = await withWork();
  const short = await receiptsFile(made.centre, await receiptsFor(made, { upto: 1 }));
  assert.equal((await readReceipts(made, short)).confirmed, 1);
  const whole = await receiptsFile(made.centre, await receiptsFor(made));
  const cut = await readReceipts(made, whole.slice(0, whole.size - 20));
  assert.equal(cut.problem, 'courier_cut');
  assert.equal(await made.outbox.unconfirmed(), 0);
});

test('what the centre lost goes into the next export', async () => {
  const made = await withWork();
  await readReceipts(made, await receiptsFile(made.centre, await receiptsFor(made)));
  await made.outbox.append([visit('v2')], 'h1');
  assert.equal((await exportWork(made))[0].ops, 1);
  const restored = [['hello', {}, { server_id: 'c', epoch: 'new', tier: 'centre' }],
    ['receipts', { install_id: 'inst', acked: 0, expected: 1 }, { receipts: [], heads: [] }]];
  const receipt2 = (await made.outbox.works()).length;
  assert.equal(receipt2, 3);
  await readReceipts(made, await receiptsFile(made.centre, restored));
  assert.equal((await exportWork(made))[0].ops, 3);
  assert.equal(fromText(pair.public).length, 65);
});

test('a phone that nobody has unlocked exports the same work, as it lies', async () => {
  const { lockedPhone, restarted } = await import('./locked_phone.js');
  const mine = await newKey();
  const made = await lockedPhone({ centre: { seal: pair.public } });
  const keys = { server: { sign: 's', seal: '' }, centre: { sign: 'c', seal: pair.public } };
  await made.session.signIn({ ...SIGN_IN, keys }, NOW, mine.key);
  await made.outbox.append([visit('v1')], 'h1');
  const submission = { id: 's1', form_id: 'visit', form_version: '1', form_hash: 'x', area: SIGN_IN.user.grants[0].area, household_id: 'h1' };
  await made.outbox.finish({
    submission, ops: [{ entity: 'submission', id: 's1', kind: 'create', fields: { answers: { old: null, new: { who: '魏家德' } } }, blobs: [{ sha256: PICTURE_NAME, size: PICTURE.length }] }],
    blobs: [{ sha256: PICTURE_NAME, size: PICTURE.length, type: 'image/jpeg', bytes: PICTURE.buffer.slice(0) }],
  });
  const locked = { ...await restarted(made), now: () => NOW, ids: () => uuid7() };
  const [one] = await exportWork(locked);
  assert.deepEqual([one.works, one.ops, one.photos], [2, 2, 1]);
  const messages = await opened(one.file, mine.public_key);
  assert.deepEqual(messages.map((each) => each.name), ['hello', 'closed', 'closed', 'closed_blob', 'closed_blob']);
  const { keyOf, open } = await import('../../static/js/data/envelope.js');
  const { unseal } = await import('../../static/js/data/sealed.js');
  const plain = await Promise.all(messages.slice(1).map(async ({ facts, body }) => {
    const raw = await unseal(fromText(facts.key), await openKey(), text(`ruhu-work-1\n${facts.work}`));
    const about = facts.op_id ? `op|${facts.op_id}` : `blob|${facts.sha256}|${facts.n}`;
    return open(await keyOf(raw), { iv: body.slice(0, 12), box: body.slice(12).buffer }, about);
  }));
  assert.equal(JSON.parse(new TextDecoder().decode(plain[1])).fields.answers.new.who, '魏家德');
  assert.deepEqual(Buffer.concat(plain.slice(2)), Buffer.from(PICTURE));
  const { facts: { head } } = messages[2];
  assert.equal(await verified(mine.public_key, headText('inst', 2, await made.outbox.chainAt('inst', 2)), head.sig), true);
});
