/** Language, type size, who is signed in, signing out (which deletes nothing unsent). */
import { language, useLanguage } from '../i18n.js';
import { AWAY_MINUTES, awayMinutes, setAwayMinutes } from './auto-lock.js';
import { turn } from './people-here.js';
import { button, element } from './widgets/dom.js';

/** @param {HTMLElement} root @param {import('./context.js').Ctx} ctx */
export async function show(root, ctx) {
  const { t } = ctx;
  ctx.header({ title: t('我的'), back: !ctx.session.user });
  const waiting = await ctx.outbox.unconfirmed({ mine: true });
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
    ...(ctx.session.user ? [lockCard(ctx), element('section', { class: 'card' },
      element('p', {}, waiting ? t('还有 {n} 份没有到中心。退出后仍保留在手机里,联网时继续送出。', { n: waiting }) : t('没有未送出的内容。')),
      ...(drafts ? [element('p', {}, t('还有 {n} 份草稿没填完。草稿留在手机里,您再登录时接着填,别人看不到。', { n: drafts }))] : []),
      ...(ctx.lock.state() === 'open' ? [button(t('换人用这部手机'), async () => {
        ctx.lock.close();
        await turn(ctx);
      }, { 'data-name': 'turn' })] : []),
      button(t('退出登录'), async () => {
        await ctx.session.signOut(waiting > 0);
        ctx.lock.close();
        ctx.go('#/signin');
        // The memory of this page is full of names.
        location.reload();
      }))] : []),
  );
}

/** The unlock code, and when the phone locks by itself. @param {import('./context.js').Ctx} ctx */
function lockCard(ctx) {
  const { t, lock } = ctx;
  if (lock.state() === 'none') {
    return element('section', { class: 'card', 'data-name': 'lock' }, element('h2', {}, t('开锁码')),
      element('p', { class: 'error' }, t('还没有设开锁码,手机上的走访内容没有加密。')), button(t('设开锁码'), () => ctx.go('#/pin'), { class: 'main' }));
  }
  const choice = /** @type {HTMLSelectElement} */ (element('select', { 'aria-label': t('离开多久后自动锁上') }, ...AWAY_MINUTES.map((n) =>
    element('option', { value: String(n), selected: n === awayMinutes() }, t('{n} 分钟', { n })))));
  choice.addEventListener('change', () => setAwayMinutes(Number(choice.value)));
  return element('section', { class: 'card', 'data-name': 'lock' }, element('h2', {}, t('开锁码')),
    element('label', {}, t('离开多久后自动锁上'), choice),
    button(t('现在锁上'), () => void ctx.lockNow(), { 'data-name': 'lock-now' }), button(t('改开锁码'), () => ctx.go('#/pin')));
}
