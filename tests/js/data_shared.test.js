// Several people on one phone: nobody sees another's names, lists, drafts or counts, and all work goes up.
import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sendClosed } from '../../static/js/data/send-closed.js';
import { courierHead } from '../../static/js/data/courier-file.js';
import { uuid7 } from '../../static/js/data/ids.js';
import { newKey } from '../../static/js/data/keys.js';
import { everyShelf, openShelf } from '../../static/js/data/shelves.js';
import { createSession } from '../../static/js/data/session.js';
import { NOW, SIGN_IN, household, memoryMarker, page, visit } from './data_phone.js';
import { PIN, centreKeys, everything, lockedPhone, partsOf } from './locked_phone.js';

const OTHER = { ...SIGN_IN, install_id: 'inst2', token: 't2', user: { ...SIGN_IN.user, id: 'u2', name: '谭秀珍', username: 'tukan' } };
const keysOf = (centre) => ({ server: { sign: 's', seal: 's' }, centre: { sign: 'c', seal: centre.seal } });
const draft = (id) => ({
  draft_id: id, form_id: 'visit', version: '1', household_id: 'h1', household_label: '魏家德', title: {}, sheet: '', hash: 'x',
  answers: { note: '没写完' }, carried: {}, position: { page: '', path: '' }, base: {}, started: '1', updated: '2',
});

async function twoPeople() {
  const centre = await centreKeys();
  const first = await lockedPhone({ centre });
  await openShelf(first.db, 'u1');
  await first.store.applyPage(page([household('h1')]));
  await first.outbox.append([visit('v1')], 'h1');
  await first.drafts.save(draft('d1'));
  const { key } = await newKey();
  await first.session.signIn({ ...OTHER, keys: keysOf(centre) }, NOW, key);
  return { first, centre };
}

/** Everything for one person, read from the session as it is kept. */
async function asPerson(db, installId, pin = PIN) {
  const meta = createSession({ db: { data: db.base, outbox: db.outbox }, marker: memoryMarker() });
  await meta.load();
  await meta.turnTo(installId);
  await openShelf(db, meta.user.id);
  const parts = partsOf(db);
  await parts.session.load();
  await parts.lock.load(parts.session.user.id);
  if (parts.lock.state() === 'none') await parts.lock.setPin(pin);
  else await parts.lock.unlock(pin);
  return parts;
}

test('the second person sees nothing of the first, and the first finds everything again', async () => {
  const { first } = await twoPeople();
  const second = await asPerson(first.db, 'inst2', '975318');
  assert.deepEqual(await second.drafts.mine(), []);
  assert.deepEqual([...await second.store.rows()], []);
  assert.equal(await second.store.get('household', 'h1'), null);
  assert.equal(await second.store.get('visit', 'v1'), null);
  assert.deepEqual([await second.outbox.works(), await second.outbox.unconfirmed({ mine: true })], [[], 0]);
  // What an emptying of the phone must know.
  assert.equal(await second.outbox.unconfirmed(), 1);
  assert.deepEqual(await everyShelf(first.db, (one) => one.run((idb) => idb.count('draft'))), [1, 0]);
  await second.store.applyPage(page([household('h9', { head_name: '任玉珍' })]));

  const again = await asPerson(first.db, 'inst');
  assert.deepEqual((await again.drafts.mine()).map((one) => one.draft_id), ['d1']);
  assert.deepEqual((await again.store.rows()).map((row) => row.id), ['h1']);
  assert.equal((await again.store.visits('h1')).length, 1);
  assert.equal(await again.outbox.unconfirmed({ mine: true }), 1);
});

test('each code opens its own only', async () => {
  const { first } = await twoPeople();
  await asPerson(first.db, 'inst2', '975318');
  const locked = await asPerson(first.db, 'inst', '975318');
  assert.equal(locked.lock.state(), 'locked');
  const second = await asPerson(first.db, 'inst2', PIN);
  assert.equal(second.lock.state(), 'locked');
});

test('a locked person\'s work is handed up closed while another works, once, and again the next day', async () => {
  const { first } = await twoPeople();
  const second = await asPerson(first.db, 'inst2', '975318');
  const posts = [];
  const api = { request: async (method, path, options) => {
    posts.push([method, path, options.token, (await courierHead(options.body)).head.sender]);
    return { kind: 'ok' };
  } };
  const at = { now: NOW };
  const parts = { ...second, api, now: () => at.now, ids: () => uuid7() };
  assert.deepEqual(await sendClosed(parts), { handed: 1, trouble: null });
  assert.deepEqual(posts, [['POST', '/sync/v1/closed', 't', 'inst']]);
  assert.deepEqual(await sendClosed(parts), { handed: 0, trouble: null });
  assert.equal(await second.outbox.unconfirmed(), 1, 'handed up is not confirmed');
  at.now = new Date(NOW.getTime() + 25 * 3600_000);
  assert.equal((await sendClosed(parts)).handed, 1);
});

test('what was begun while all shared one store comes along to the own one, closed or not', async () => {
  const { first } = await twoPeople();
  const old = { ...draft('d2'), user_id: 'u2' };
  await first.db.base.run((idb) => idb.put('draft', old));
  await first.db.base.run((idb) => idb.put('photo', { sha256: 'f'.repeat(64), draft_id: 'd2', bytes: new ArrayBuffer(3), kept: NOW.toISOString() }));
  const second = await asPerson(first.db, 'inst2', '975318');
  assert.deepEqual((await second.drafts.mine()).map((one) => one.draft_id), ['d2']);
  assert.ok(await second.drafts.getBlob('f'.repeat(64)));
  assert.deepEqual(await first.db.base.run((idb) => idb.getAllKeys('draft')), ['d1']);
  assert.ok(!(await everything({ data: first.db.base, outbox: first.db.outbox })).includes('没写完'));
});

test('a photo goes with the install whose work names it; with anybody\'s where that one can send no more', async () => {
  const { first } = await twoPeople();
  const blob = async (id, sha256, installId) => {
    await first.session.turnTo(installId);
    await first.outbox.append([{ ...visit(id), blobs: [{ sha256, size: 1 }] }], 'h1', [{ sha256, size: 1, type: 'image/jpeg', bytes: new ArrayBuffer(1) }]);
  };
  await blob('va', 'aa', 'inst');
  await blob('vb', 'bb', 'inst2');
  const tried = [];
  const api = { request: async (method, path, { token }) => {
    tried.push(`${token} ${path.split('/').pop()}`);
    return { kind: 'refused', status: 403, headers: new Headers() };
  } };
  const { pushBlobs } = await import('../../static/js/data/push.js');
  const send = async () => {
    tried.length = 0;
    for (const one of first.session.installs) await pushBlobs({ api, outbox: first.outbox, session: first.session, now: () => NOW }, one.install_id, one.token, 'node');
    return tried;
  };
  assert.deepEqual([...await send()], ['t aa', 't2 bb']);
  await first.session.refuse('inst');
  assert.ok((await send()).includes('t2 aa'));
});
