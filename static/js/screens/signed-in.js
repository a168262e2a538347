/** What follows a sign-in, by password or by invitation: keep it, fetch the register and the forms, go to today. */
import { explain } from '../data/explain.js';
import { openShelf } from '../data/shelves.js';
import { showSetPin } from './set-pin.js';
import { showUnlock } from './unlock.js';
import { button, element } from './widgets/dom.js';

/**
 * @param {HTMLElement} root @param {import('./context.js').Ctx} ctx @param {any} data what the server answered @param {CryptoKey} key
 * @returns {Promise<string>} '' or why it did not go on
 */
export async function signedIn(root, ctx, data, key) {
  const { t } = ctx;
  if (!ctx.session.keysAgree(data)) {
    const { text, next } = explain({ kind: 'offline', cause: 'wrong_key' });
    return `${t(text)} ${t(next)}`;
  }
  ctx.lock.asking = true;
  await ctx.session.signIn(data, ctx.now(), key);
  await openShelf(ctx.db, data.user.id);
  ctx.store.forget();
  await unlocked(root, ctx, data.user);
  ctx.lock.asking = false;
  root.replaceChildren(element('p', { class: 'card', role: 'status' }, t('正在下载登记册和表单,请保持网络…')));
  await ctx.sync.run();
  void ctx.keeping.ask();
  void import('../data/seal-old.js').then(({ sealOld }) => sealOld(ctx)).catch(() => {});
  ctx.go('#/today');
  await ctx.reload();
  return '';
}

/**
 * The unlock code, before anything about people comes onto the phone: the one from before, or a new one.
 * @param {HTMLElement} root @param {import('./context.js').Ctx} ctx @param {{id: string, name: string}} user
 */
async function unlocked(root, ctx, user) {
  const { t, lock } = ctx;
  ctx.header({ hide: true });
  if (await lock.load(user.id) === 'locked') {
    // Whoever forgot it has just shown the password: a new code, and what only the old one opens stays closed.
    const fresh = await new Promise((done) => {
      const anew = button(t('想不起来,设新的开锁码'), () => done(true), { 'data-name': 'new-pin' });
      void showUnlock(root, { t, lock, name: user.name, waiting: 0, more: [anew] }).then(() => done(false));
    });
    if (!fresh) return;
  }
  if (lock.state() === 'open') return;
  // What was pulled under the old key opens no more.
  if (lock.state() !== 'none') await ctx.store.clear();
  await showSetPin(root, { t, keep: lock.setPin });
}
