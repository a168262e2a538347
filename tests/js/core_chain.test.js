// The chain of a log and what is signed of it, by the cases that tests/test_sync_vectors.py reads too.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { blobWordText, chainNext, chainStart, headText, receiptText, serverHeadText } from '../../static/js/core/chain.js';
import { newKey, sign, verified } from '../../static/js/data/keys.js';

const vectors = JSON.parse(readFileSync(new URL('../vectors/log_chain.json', import.meta.url), 'utf8'));

for (const { id, install_id: install, hashes, chains } of vectors.chains) {
  test(`log chain: ${id}`, () => {
    const found = [chainStart(install)];
    for (const hash of hashes) found.push(chainNext(found[found.length - 1], hash));
    assert.deepEqual(found, chains);
  });
}

const TEXTS = {
  head: ({ install_id: install, dseq, chain }) => headText(install, dseq, chain), server_head: serverHeadText, receipt: receiptText,
  blob_word: blobWordText,
};

for (const { id, kind, value, text, sig, public: by = vectors.public } of vectors.signed) {
  test(`signed: ${id}`, async () => {
    assert.equal(TEXTS[kind](value), text);
    assert.equal(await verified(by, text, sig), true);
    assert.equal(await verified(by, `${text} `, sig), false);
  });
}

test('a new key signs, and no script can take it away', async () => {
  const { key, public_key: publicKey } = await newKey();
  const sig = await sign(key, '户');
  assert.equal(sig.length, 86);
  assert.equal(publicKey.length, 87);
  assert.equal(await verified(publicKey, '户', sig), true);
  await assert.rejects(crypto.subtle.exportKey('pkcs8', key));
});

test('whatever else comes is no signature and no error', async () => {
  for (const sig of [null, undefined, 7, '', 'é', '!!', 'AAAA']) assert.equal(await verified(vectors.public, 'x', sig), false);
  assert.equal(await verified('not a key', 'x', vectors.signed[0].sig), false);
});
