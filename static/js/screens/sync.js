/** What has reached whom, what went wrong and what to do about it. */
import { courierCard } from './courier.js';
import { ticksOf } from './rows.js';
import { button, element } from './widgets/dom.js';

/** @param {HTMLElement} root @param {import('./context.js').Ctx} ctx */
export async function show(root, ctx) {
  const { t } = ctx;
  ctx.header({ title: t('同步') });
  const courier = courierCard(ctx);
  const stop = [ctx.sync.subscribe(() => void paint()), ctx.outbox.subscribe(() => void paint())];
  await paint();
  return () => stop.forEach((one) => one());

  async function paint() {
    const [works, entries, waiting, kept] = await Promise.all([
      ctx.outbox.works(), ctx.log.entries(), ctx.outbox.unconfirmed(), navigator.storage?.persisted?.() ?? false]);
    const [lastSync, forms, scanner] = await Promise.all([
      ctx.store.meta('last_sync'), ctx.store.meta('forms_ready'), caches?.match(document.body.dataset.wasm ?? '')]);
    const last = ctx.sync.state.last_ok ?? lastSync;
    const { state } = ctx.sync;
    const names = await Promise.all(works.slice(0, 40).map(async (/** @type {any} */ work) =>
      (work.household && (await ctx.store.get('household', work.household))?.fields.head_name) || t('(不属于某一户)')));
    const offset = Math.round((ctx.session.server?.clock_offset_ms ?? 0) / 60000);
    courier.paint(waiting);
    root.replaceChildren(
      element('section', { class: 'card' },
        element('p', { class: 'sum', 'data-name': 'waiting' }, waiting ? t('还有 {n} 份没有到中心', { n: waiting }) : t('全部已到中心,可以放心')),
        ...(state.trouble ? [element('p', { class: 'error', role: 'alert' }, `${t(state.trouble.text, state.trouble.values)} ${t(state.trouble.next, state.trouble.values)}`)] : []),
        button(state.running ? t('正在同步…') : t('现在同步'), () => void ctx.sync.run(), { class: 'main', disabled: state.running }),
        element('p', { class: 'hint' }, t('上次成功:{when}', { when: last ? new Date(last).toLocaleString() : t('还没有') }))),
      element('section', { class: 'card' }, element('h2', {}, t('送出的')),
        element('p', { class: 'hint' }, t('✓ 在手机里 ✓✓ 村级节点收到 ✓✓✓ 中心收到')),
        ...(works.length ? works.slice(0, 40).map((/** @type {any} */ work, /** @type {number} */ i) => element('p', { class: 'work', 'data-state': work.state },
          element('b', {}, names[i]), ` ${work.made.slice(5, 16).replace('T', ' ')} `, element('span', { class: 'ticks' }, ticksOf(ctx, work.state)),
          ...(work.attention ? [element('small', { class: 'error' }, work.message || t('待办公室处理'))] : [])))
          : [element('p', { class: 'empty' }, t('还没有送出的走访。'))])),
      courier.card,
      element('section', { class: 'card' }, element('h2', {}, t('这部手机')),
        element('p', {}, t('离线可用:表单 {here}/{wanted},扫码器{scanner}', {
          here: forms?.here ?? 0, wanted: forms?.wanted ?? '?', scanner: scanner ? t('已备好') : t('还没下载') })),
        element('p', {}, kept ? t('浏览器已答应长期保存数据。') : t('浏览器没有保证长期保存。请把本页“添加到主屏幕”,并每天同步一次。')),
        ...(Math.abs(offset) > 5 ? [element('p', { class: 'error' }, t('手机时间与服务器差 {n} 分钟,请调准。不影响已填内容。', { n: offset }))] : [])),
      element('section', { class: 'card' }, element('h2', {}, t('同步记录')), ...(entries.length ? entries.slice(0, 20).map((/** @type {any} */ one) =>
        element('p', { class: one.ok ? '' : 'error' }, `${new Date(one.time).toLocaleString()} ${t(one.text, one.values)} ${t(one.next, one.values)}`))
        : [element('p', { class: 'empty' }, t('还没有记录。'))])));
  }
}
