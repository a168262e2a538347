/** What has reached whom, what went wrong and what to do about it. */
import { localTime } from '../data/ids.js';
import { courierCard } from './courier.js';
import { worksList } from './sync-works.js';
import { button, element, renew } from './widgets/dom.js';

const LINES = 20;

/** @param {HTMLElement} root @param {import('./context.js').Ctx} ctx */
export async function show(root, ctx) {
  const { t } = ctx;
  ctx.header({ title: t('同步') });
  const [now, phone, log] = ['now', 'phone', 'log'].map((name) => element('section', { class: 'card', 'data-name': name }));
  const works = worksList(ctx);
  const courier = courierCard(ctx);
  // The same button throughout, so that no tap falls between two of them.
  const go = /** @type {HTMLButtonElement} */ (button('', () => void ctx.sync.run(), { class: 'main' }));
  root.replaceChildren(now, works.place, courier.card, phone, log);
  const stop = [ctx.sync.subscribe(() => void paint()), ctx.outbox.subscribe(eased(works.refresh))];
  await Promise.all([paint(), works.refresh()]);
  // Asked again here, where somebody looks after the phone.
  if (ctx.session.user) void ctx.keeping.ask().then((kept) => { if (kept) void paintPhone(); });
  return () => stop.forEach((one) => one());

  async function paint() {
    await Promise.all([paintNow(), paintPhone(), paintLog()]);
  }

  async function paintNow() {
    const [waiting, lastSync] = await Promise.all([ctx.outbox.unconfirmed({ mine: true }), ctx.store.meta('last_sync')]);
    courier.paint(waiting);
    const { trouble, running, last_ok: lastOk } = ctx.sync.state;
    const last = lastOk ?? lastSync;
    go.textContent = running ? t('正在同步…') : t('现在同步');
    go.disabled = running;
    now.replaceChildren(
      element('p', { class: 'sum', 'data-name': 'waiting' }, waiting ? t('还有 {n} 份没有到中心', { n: waiting }) : t('全部已到中心,可以放心')),
      ...(trouble ? [element('p', { class: 'error', role: 'alert' }, `${t(trouble.text, trouble.values)}。${t(trouble.next, trouble.values)}`)] : []),
      go,
      element('p', { class: 'hint' }, t('上次成功:{when}', { when: last ? momentOf(last) : t('还没有') })));
  }

  async function paintPhone() {
    const [forms, scanner, { persisted, usage, quota }] = await Promise.all([
      ctx.store.meta('forms_ready'), caches?.match(document.body.dataset.wasm ?? ''), ctx.keeping.state()]);
    const offset = Math.round((ctx.session.server?.clock_offset_ms ?? 0) / 60000);
    renew(phone, element('h2', {}, t('这部手机')),
      element('p', {}, t('离线可用:表单 {here}/{wanted},扫码器{scanner}', {
        here: forms?.here ?? 0, wanted: forms?.wanted ?? '?', scanner: scanner ? t('已备好') : t('还没下载') })),
      element('p', { 'data-name': 'persisted', 'data-persisted': String(persisted) }, persisted ? t('浏览器已答应长期保存数据。') : t('浏览器没有保证长期保存。请把本页“添加到主屏幕”,并每天同步一次。')),
      ...(quota ? [element('p', {}, t('已用 {used} MB,还可用 {free} MB。', { used: mega(usage), free: mega(Math.max(0, quota - usage)) }))] : []),
      ...(Math.abs(offset) > 5 ? [element('p', { class: 'error' }, t('手机时间与服务器差 {n} 分钟,请调准。不影响已填内容。', { n: offset }))] : []),
      button(t('可以清空这部手机吗?'), () => ctx.go('#/clear'), { class: 'main second', 'data-name': 'clear' }));
  }

  async function paintLog() {
    const entries = await ctx.log.entries();
    renew(log, element('h2', {}, t('同步记录')), ...(entries.length ? entries.slice(0, LINES).map(({ time, ok, text, next, values }) =>
      element('p', { class: 'work' }, element('small', {}, momentOf(time)), element('br'), element('span', { class: ok ? '' : 'error' }, `${ok ? '' : '⚠ '}${t(text, values)}`),
        ...(next ? [element('br'), t(next, values)] : [])))
      : [element('p', { class: 'empty' }, t('还没有记录。'))]));
  }
}

/** As it is read on the wall of this phone: 11-27 16:05. @param {string} iso */
const momentOf = (iso) => localTime(new Date(iso)).slice(5, 16).replace('T', ' ');
/** @param {number} bytes */
const mega = (bytes) => Math.round(bytes / 1e6);

/** Not more often than a person can see: at once, and once more after what came meanwhile. @param {() => Promise<void>} work */
function eased(work) {
  let [busy, again] = [false, false];
  return async function run() {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    await work().catch(() => {});
    setTimeout(() => {
      busy = false;
      if (again) void run();
      again = false;
    }, 250);
  };
}
