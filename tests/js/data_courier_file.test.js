// The courier file in JavaScript: what Python closed opens here and the other way round, and faults are noticed.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { courierHead, courierMessages, courierWriter } from '../../static/js/data/courier-file.js';
import { fromText, keyId } from '../../static/js/data/sealed.js';

const vectors = JSON.parse(readFileSync(new URL('../vectors/sealed.json', import.meta.url), 'utf8'));
const { key: pair } = vectors;
const openKey = () => crypto.subtle.importKey('jwk', pair.jwk, { name: 'ECDH', namedCurve: 'P-256' }, false, ['deriveBits', 'deriveKey']);
const HEAD = { kind: 'ops', id: 'file-1', sender: 'inst-1' };
const text = (value) => new TextEncoder().encode(value);

async function readAll(file, options) {
  const messages = [];
  try {
    for await (const one of courierMessages(file, options)) messages.push(one);
  } catch (problem) {
    if (!problem.code) throw problem;
    return { messages, end: problem.code };
  }
  return { messages, end: '' };
}

const mine = async () => ({ key: await openKey(), keyId: await keyId(pair.public) });

async function made() {
  const writer = await courierWriter(HEAD, pair.public);
  await writer.write('hello', undefined, { install_id: 'inst-1' });
  await writer.write('push', text('{"ops":["魏家德"]}'.repeat(40)));
  await writer.write('blob', Uint8Array.from({ length: 2048 }, (_, i) => i), { sha256: 'ab', offset: 0, length: 2048 }, false);
  return writer.close();
}

for (const one of vectors.files) {
  test(`vector ${one.name}`, async () => {
    const { messages, end } = await readAll(new Blob([Buffer.from(one.file, 'base64')]), { ...await mine(), signer: one.signer ?? '' });
    const told = messages.map(({ name, facts, body }) => ({ m: name, facts, body: Buffer.from(body).toString('base64') }));
    assert.deepEqual({ told, end }, { told: one.messages, end: one.end });
  });
}

test('what is written is read, and shows nothing outside', async () => {
  const file = await made();
  const { messages, end } = await readAll(file, await mine());
  assert.equal(end, '');
  assert.deepEqual(messages.map((one) => one.name), ['hello', 'push', 'blob']);
  assert.equal(new TextDecoder().decode(messages[1].body), '{"ops":["魏家德"]}'.repeat(40));
  assert.equal(messages[2].body[300], 300 % 256);
  assert.equal(Buffer.from(await file.arrayBuffer()).includes('魏家德'), false);
  assert.deepEqual((await courierHead(file)).head, { v: 1, ...HEAD, to: await keyId(pair.public) });
});

test('a file cut anywhere gives the whole parts before the cut', async () => {
  const file = await made();
  const options = await mine();
  const { from } = await courierHead(file);
  for (let cut = 0; cut < file.size; cut += 83) {
    const { messages, end } = await readAll(file.slice(0, cut), options);
    assert.equal(end, 'courier_cut', `at ${cut}`);
    if (cut <= from) assert.equal(messages.length, 0);
  }
});

test('a changed byte is noticed, and another reader is told so', async () => {
  const bytes = new Uint8Array(await (await made()).arrayBuffer());
  const options = await mine();
  for (let at = 0; at < bytes.length; at += 97) {
    const changed = bytes.slice();
    changed[at] ^= 1;
    const { end } = await readAll(new Blob([changed]), options);
    assert.match(end, /^courier_/, `at ${at}`);
  }
  assert.equal((await readAll(new Blob([bytes]), { key: await openKey(), keyId: 'other' })).end, 'courier_not_for_us');
  assert.equal(fromText(pair.public).length, 65);
});

test('receipts that another key signed are not believed', async () => {
  const receipts = vectors.files.find((one) => one.signer);
  const file = new Blob([Buffer.from(receipts.file, 'base64')]);
  assert.equal((await readAll(file, { signer: pair.public })).end, 'courier_not_signed');
  const { head } = await courierHead(file);
  const renamed = Buffer.from(Buffer.from(receipts.file, 'base64').toString('latin1').replace(head.by, await keyId(pair.public)), 'latin1');
  assert.equal((await readAll(new Blob([renamed]), { signer: pair.public })).end, 'courier_altered');
});
