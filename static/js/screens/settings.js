/** Language, type size, who is signed in, signing out (which deletes nothing unsent). */
import { language, useLanguage } from '../i18n.js';
import { button, element } from './widgets/dom.js';

/** @param {HTMLElement} root @param {import('./context.js').Ctx} ctx */
export async function show(root, ctx) {
  const { t } = ctx;
  ctx.header({ title: t('我的'), back: !ctx.session.user });
  const waiting = await ctx.outbox.unconfirmed();
  const drafts = (await ctx.drafts.mine()).length;
  const large = localStorage.getItem('ruhu-large') === '1';
  root.replaceChildren(
    element('section', { class: 'card' }, element('h2', {}, ctx.session.user?.name ?? t('没有登录')),
      ...(ctx.session.user ? [element('p', {}, await ctx.store.areaName(ctx.session.user.area))] : [])),
    element('section', { class: 'card' },
      button(language() === 'zh' ? 'English' : '中文', async () => {
        const next = language() === 'zh' ? 'en' : 'zh';
        localStorage.setItem('ruhu-lang', next);
        await useLanguage(next);
        await ctx.reload();
      }),
      button(large ? t('标准字号') : t('大字号'), async () => {
        localStorage.setItem('ruhu-large', large ? '0' : '1');
        document.documentElement.classList.toggle('large', !large);
        await ctx.reload();
      })),
    ...(ctx.session.user ? [element('section', { class: 'card' },
      element('p', {}, waiting ? t('还有 {n} 份没有到中心。退出后仍保留在手机里,联网时继续送出。', { n: waiting }) : t('没有未送出的内容。')),
      ...(drafts ? [element('p', {}, t('还有 {n} 份草稿没填完。草稿留在手机里,您再登录时接着填,别人看不到。', { n: drafts }))] : []),
      button(t('退出登录'), async () => {
        await ctx.session.signOut(waiting > 0);
        ctx.go('#/signin');
        await ctx.reload();
      }))] : []),
  );
}
