// The phone's log is signed, and a tick needs a server's own signed word over this very log.
import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blobWordText, chainNext, chainStart, headText, receiptText, serverHeadText } from '../../static/js/core/chain.js';
import { newKey, sign, verified } from '../../static/js/data/keys.js';
import { askBlobs, fetchReceipts, pushAll } from '../../static/js/data/push.js';
import { UNSIGNED, wordOf } from '../../static/js/data/word.js';
import { NOW, SIGN_IN, phone, receiptFor, resultFor, visit } from './data_phone.js';

/** A node that takes everything, and a centre above it, each with a key. */
async function county() {
  const [node, centre, mine] = await Promise.all([newKey(), newKey(), newKey()]);
  const keys = { server: { sign: node.public_key, seal: '' }, centre: { sign: centre.public_key, seal: '' } };
  const parts = await phone({ signedIn: false });
  await parts.session.signIn({ ...SIGN_IN, keys }, NOW, mine.key);
  const headOf = async (tier, dseq, chain, key) => {
    const head = { install_id: 'inst', dseq, chain, server_id: 's', epoch: 'e', tier, time: 'now' };
    return { ...head, sig: await sign(key, serverHeadText(head)) };
  };
  const seen = [];
  const api = {
    reply: async (ops) => ({
      server_id: 's', epoch: 'e', results: ops.map((op) => resultFor(op, 'node')), acked_dseq: {},
      heads: [await headOf('node', ops.at(-1).dseq, await parts.outbox.chainAt('inst', ops.at(-1).dseq), node.key)],
    }),
    receipts: async () => ({ receipts: [], heads: [] }),
    async post(_path, body) {
      seen.push(body);
      return { kind: 'ok', data: await api.reply(body.ops) };
    },
    get: async () => ({ kind: 'ok', data: await api.receipts() }),
  };
  const all = { ...parts, api, now: () => NOW };
  return {
    ...parts, api, keys, node, centre, mine, headOf, seen, push: () => pushAll(all, 'inst', 't', async () => {}),
    ask: () => fetchReceipts(all, 'inst', 't'), askBlobs: () => askBlobs(all, 'inst', 't'),
    state: async () => (await parts.outbox.works()).map((work) => work.state),
  };
}

test('every batch is signed by the phone, over the chain of its log', async () => {
  const { outbox, push, seen, mine, state } = await county();
  for (const id of ['v1', 'v2', 'v3']) await outbox.append([visit(id)], 'h1');
  assert.equal(await push(), null);
  const [{ heads: [head], ops }] = seen;
  assert.equal(head.chain, ops.reduce((chain, op) => chainNext(chain, op.hash), chainStart('inst')));
  assert.equal(head.dseq, 3);
  assert.equal(await verified(mine.public_key, headText('inst', 3, head.chain), head.sig), true);
  assert.deepEqual(await state(), ['sent', 'sent', 'sent']);
});

test('an op taken back takes its part of the chain with it', async () => {
  const { outbox } = await county();
  const { ops: [first] } = await outbox.append([visit('v1')], 'h1');
  const { ops: [second] } = await outbox.append([visit('v2')], 'h1');
  await outbox.undo(second.op_id);
  const { ops: [third] } = await outbox.append([visit('v3')], 'h1');
  assert.equal(await outbox.chainAt('inst', 2), chainNext(chainNext(chainStart('inst'), first.hash), third.hash));
});

test('rows of an older version get their chain from their hashes; a missing row has none', async () => {
  const { outbox, db } = await county();
  for (const id of ['v1', 'v2']) await outbox.append([visit(id)], 'h1');
  const chain = await outbox.chainAt('inst', 2);
  const { sent, whole } = await import('../../static/js/data/db.js');
  await db.outbox.run((idb) => whole(idb, ['op'], async (tx) => {
    for (const { chain: _gone, ...row } of await tx.objectStore('op').getAll()) sent(tx.objectStore('op').put(row));
  }));
  assert.equal(await outbox.chainAt('inst', 2), chain);
  await outbox.append([visit('v3')], 'h1');
  assert.equal(await outbox.chainAt('inst', 3), chainNext(chain, (await outbox.toOffer('inst', 9))[2].hash));
  await db.outbox.run((idb) => whole(idb, ['op'], async (tx) => sent(tx.objectStore('op').delete(['inst', 1]))));
  assert.equal(await outbox.chainAt('inst', 2), null);
});

for (const [what, spoil, cause] of [
  ['no head', async () => [], null],
  ['a head signed by somebody else', async (c, dseq, chain) => [await c.headOf('node', dseq, chain, c.mine.key)], 'unsigned'],
  ['a head over another log', async (c, dseq) => [await c.headOf('node', dseq, '0'.repeat(64), c.node.key)], 'other_log'],
]) {
  test(`no second tick for ${what}`, async () => {
    const c = await county();
    await c.outbox.append([visit('v1')], 'h1');
    const honest = c.api.reply;
    c.api.reply = async (ops) => ({ ...await honest(ops), heads: await spoil(c, 1, await c.outbox.chainAt('inst', 1)) });
    const trouble = await c.push();
    assert.equal(trouble?.kind === 'offline' ? trouble.cause : null, cause);
    assert.deepEqual(await c.state(), ['queued']);
    c.api.reply = honest;
    assert.equal(await c.push(), null);
    assert.deepEqual(await c.state(), ['sent']);
  });
}

test('that a photo is at the centre, the centre says itself: a node cannot', async () => {
  const c = await county();
  await c.outbox.append([visit('v1')], 'h1', [{ sha256: 'ab', size: 1, type: 'image/jpeg', bytes: new ArrayBuffer(1) }]);
  await c.outbox.markBlob('ab', 'here');
  const word = async (key, sha256 = 'ab') => {
    const said = { sha256, server_id: 's', epoch: 'e' };
    return { ...said, sig: await sign(key, blobWordText(said)) };
  };
  const told = async (words) => {
    c.api.post = async () => ({ kind: 'ok', data: { blobs: { ab: 'centre' }, words } });
    assert.equal(await c.askBlobs(), null);
    return c.outbox.blobsBelow('inst');
  };
  for (const words of [undefined, {}, { ab: await word(c.node.key) }, { ab: await word(c.centre.key, 'cd') }]) {
    assert.deepEqual(await told(words), ['ab']);
  }
  assert.deepEqual(await told({ ab: await word(c.centre.key) }), []);
});

test('the third tick is for the centre to give: a node cannot forge it', async () => {
  const c = await county();
  await c.outbox.append([visit('v1')], 'h1');
  await c.push();
  const [op] = await c.outbox.overlaid();
  const receipts = [{ dseq: 1, status: 'applied', receipt: receiptFor(op, 'centre') }];
  const chain = await c.outbox.chainAt('inst', 1);
  c.api.receipts = async () => ({ receipts, heads: [await c.headOf('centre', 1, chain, c.node.key)] });
  assert.equal((await c.ask()).cause, 'unsigned');
  assert.deepEqual(await c.state(), ['sent']);
  c.api.receipts = async () => ({ receipts, heads: [await c.headOf('node', 1, chain, c.node.key)] });
  await c.ask();
  assert.deepEqual(await c.state(), ['sent']);
  // Without the question for the word, the forged one would have counted.
  assert.equal(UNSIGNED.counts(1, receipts[0].receipt), true);
  c.api.receipts = async () => ({ receipts, heads: [await c.headOf('centre', 1, chain, c.centre.key)] });
  assert.equal(await c.ask(), null);
  assert.deepEqual(await c.state(), ['confirmed']);
});

test('an op beside the log counts by a receipt signed by itself', async () => {
  const { keys, node, mine } = await county();
  const receipt = { ...receiptFor({ op_id: 'o', hash: 'h', dseq: 9 }, 'node') };
  const signed = { ...receipt, sig: await sign(node.key, receiptText(receipt)) };
  const forged = { ...receipt, sig: await sign(mine.key, receiptText(receipt)) };
  const at = async () => null;
  assert.equal((await wordOf({ receipts: [signed] }, 'inst', keys, at)).counts(9, signed), true);
  assert.equal((await wordOf({ receipts: [forged] }, 'inst', keys, at)).counts(9, forged), false);
});

test('keys are kept from the first meeting; another key, or none, is noticed', async () => {
  const { session, keys, mine } = await county();
  const reply = { server_id: 's', epoch: 'e', time: NOW.toISOString(), keys };
  assert.equal(session.keysAgree(reply), true);
  assert.equal(session.keysAgree({ ...reply, keys: null }), false);
  assert.equal(session.keysAgree({ ...reply, keys: { ...keys, server: { sign: mine.public_key, seal: '' } } }), false);
  assert.equal(session.keysAgree({ ...reply, server_id: 'new box', keys: { ...keys, centre: { sign: mine.public_key, seal: '' } } }), false);
  await session.noteServer({ ...reply, keys: { ...keys, server: { sign: mine.public_key, seal: '' } } }, NOW);
  assert.equal(session.server.keys.server.sign, keys.server.sign);
});

test('the signing key outlives the app, and no script can read it', async () => {
  const { db, marker, mine } = await county();
  const { createSession } = await import('../../static/js/data/session.js');
  const again = createSession({ db, marker });
  await again.load();
  assert.equal(again.install.key.extractable, false);
  assert.equal(await verified(mine.public_key, 'x', await sign(again.install.key, 'x')), true);
});

test('a phone enrolled before there were keys signs nothing and counts receipts by themselves', async () => {
  const { session, outbox, ...parts } = await phone();
  await outbox.append([visit('v1')], 'h1');
  const seen = [];
  const api = { post: async (_path, body) => {
    seen.push(body);
    return { kind: 'ok', data: { server_id: 's', epoch: 'e', results: body.ops.map((op) => resultFor(op, 'node')) } };
  } };
  assert.equal(await pushAll({ ...parts, session, outbox, api, now: () => NOW }, 'inst', 't', async () => {}), null);
  assert.deepEqual(seen[0].heads, []);
  assert.equal((await outbox.works())[0].state, 'sent');
});
