/** What follows a sign-in, by password or by invitation: keep it, fetch the register and the forms, go to today. */
import { explain } from '../data/explain.js';
import { element } from './widgets/dom.js';

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
  const other = (await ctx.store.meta('owner')) ?? data.user.id;
  if (other !== data.user.id) await ctx.store.clear();
  await ctx.session.signIn(data, ctx.now(), key);
  await ctx.store.setMeta('owner', data.user.id);
  root.replaceChildren(element('p', { class: 'card', role: 'status' }, t('正在下载登记册和表单,请保持网络…')));
  await ctx.sync.run();
  void ctx.keeping.ask();
  ctx.go('#/today');
  await ctx.reload();
  return '';
}
