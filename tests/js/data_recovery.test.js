// A forgotten code, with the office's help: the drafts are back under a new code, on this phone and for this request only.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askOffice, closedForOffice, takeAnswer } from '../../static/js/data/recovery.js';
import { fromText, seal, unseal } from '../../static/js/data/sealed.js';
import { centreKeys, lockedPhone, restarted } from './locked_phone.js';

const bytes = (text) => new TextEncoder().encode(text);
const text = (raw) => Buffer.from(raw).toString('base64url');
const draft = {
  draft_id: 'd1', form_id: 'visit', version: '1', household_id: 'h1', household_label: '魏家德', title: {}, sheet: '', hash: 'x',
  answers: { note: '没写完' }, carried: {}, position: { page: '', path: '' }, base: {}, started: '1', updated: '2',
};

/** As sync/recovery.py answers. */
async function officeSays(file, centre) {
  const asked = JSON.parse(await file.text());
  const raw = await unseal(fromText(asked.sealed), centre.key, bytes(`ruhu-recovery-1\nfor the centre\n${asked.user}\n${asked.vault}`));
  const closed = await seal(raw, asked.reply, bytes(`ruhu-recovery-1\nfor the phone\n${asked.user}\n${asked.vault}`));
  return new Blob([JSON.stringify({ format: 'ruhu-recovery-1', vault: asked.vault, closed: text(closed) })]);
}

async function forgotten() {
  const centre = await centreKeys();
  const recovery = (raw, user, vault) => closedForOffice(raw, { user, vault, centre: centre.seal });
  const phone = await lockedPhone({ centre, recovery });
  await phone.drafts.save(structuredClone(draft));
  return { centre, phone: await restarted(phone, { recovery }) };
}

test('the office\'s answer opens the drafts under a new code', async () => {
  const { centre, phone } = await forgotten();
  const { file, code } = await askOffice(phone);
  assert.match(code, /^\d{6}$/);
  const raw = await takeAnswer(phone, await officeSays(file, centre));
  await phone.lock.setPin('975318', raw);
  const again = await restarted(phone);
  assert.equal((await again.lock.unlock('975318')).kind, 'open');
  assert.equal((await again.drafts.get('d1')).answers.note, '没写完');
});

test('also after the tenth wrong code', async () => {
  const { centre, phone } = await forgotten();
  for (let n = 0; n < 10; n++) {
    phone.at.now = new Date(phone.at.now.getTime() + 3600_000);
    await phone.lock.unlock('000001');
  }
  assert.equal(phone.lock.state(), 'burnt');
  const { file } = await askOffice(phone);
  await phone.lock.setPin('975318', await takeAnswer(phone, await officeSays(file, centre)));
  assert.equal((await phone.drafts.get('d1')).answers.note, '没写完');
});

test('an answer to another request, of another centre, or no answer at all, opens nothing', async () => {
  const { centre, phone } = await forgotten();
  const first = await askOffice(phone);
  const late = await officeSays(first.file, centre);
  await askOffice(phone);
  await assert.rejects(takeAnswer(phone, late), /other/);
  await assert.rejects(takeAnswer(phone, new Blob(['nothing'])), /foreign/);
  await assert.rejects(officeSays(first.file, await centreKeys()));
});

test('a code set while the centre was not known is closed for it at the next unlocking', async () => {
  const centre = await centreKeys();
  const phone = await lockedPhone();
  assert.equal(await askOffice(phone), null);
  const recovery = (raw, user, vault) => closedForOffice(raw, { user, vault, centre: centre.seal });
  const again = await restarted(phone, { recovery });
  await again.lock.unlock('284719');
  assert.ok(again.lock.vault.recovery);
});
