/** Today: drafts to go on with, households that are due, and what is still on its way. */
import { lateness, sorted } from '../core/issues.js';
import { today } from '../core/today.js';
import { localDate } from '../data/ids.js';
import { draftList } from './form-drafts.js';
import { issueRow } from './issues.js';
import { formLinks, householdRow, villagesOf } from './rows.js';
import { button, element, renew } from './widgets/dom.js';

const SHOWN = 30;
const ISSUES_SHOWN = 3;

/** @param {HTMLElement} root @param {import('./context.js').Ctx} ctx */
export async function show(root, ctx) {
  const { t } = ctx;
  ctx.header({ title: t('今日走访') });
  const drafts = element('div', { 'data-name': 'drafts' });
  const update = element('div', {});
  const issues = element('section', { 'data-name': 'issues' });
  const due = element('div', { class: 'rows', 'data-name': 'due' });
  const big = element('div', { class: 'big' },
    button(t('扫码'), () => ctx.go('#/scan'), { class: 'main' }), button(t('查登记册'), () => ctx.go('#/register'), { class: 'main second' }));
  const head = element('h2', {});
  const others = element('details', { class: 'card', 'data-name': 'village-forms', hidden: true }, element('summary', {}, t('村里的表')));
  root.replaceChildren(update, big, drafts, issues, head, due, others);
  await Promise.all([paint(), formLinks(ctx, 'village', '').then((links) => {
    others.append(...links);
    others.hidden = !links.length;
  })]);
  offerUpdate();
  document.addEventListener('ruhu-update', offerUpdate);
  const stop = [() => document.removeEventListener('ruhu-update', offerUpdate), ctx.store.subscribe(() => void paint()), ctx.sync.subscribe(() => {})];
  return () => stop.forEach((one) => one());

  function offerUpdate() {
    if (!ctx.update?.ready) return;
    const said = element('p', { role: 'status' }, t('应用有新版本。更新只要几秒,已填的内容不受影响。'));
    update.replaceChildren(element('section', { class: 'card', 'data-name': 'update' }, said, button(t('现在更新'), async () => {
      said.textContent = await ctx.update?.apply()
        ? t('正在换成新版本。一分钟后还没换好,请关掉本应用的所有窗口,再打开。')
        : t('有一份表单正开着(可能在另一个窗口)。填完或关掉它再更新。');
    })));
  }

  /** What is late or nearly, and the way to all of them. */
  async function paintIssues() {
    const user = /** @type {{id: string, name: string}} */ (ctx.session.user);
    const { mine, others: rest } = sorted(await ctx.store.all('issue'), user);
    const urgent = mine.filter((one) => lateness(one.fields, localDate(ctx.now()))).slice(0, ISSUES_SHOWN);
    const rows = await Promise.all(urgent.map(async (one) =>
      issueRow(ctx, one, (await ctx.store.get('household', one.fields.household_id))?.fields.head_name ?? '')));
    renew(issues, ...(urgent.length ? [element('h2', {}, t('该整改的')), element('div', { class: 'rows' }, ...rows)] : []),
      ...(mine.length + rest.length ? [button(t('整改事项(我负责 {n} 件)', { n: mine.length }), () => ctx.go('#/issues'), { 'data-name': 'all-issues' })] : []));
  }

  async function paint() {
    const [rows, assigned] = await Promise.all([
      ctx.store.rows(), ctx.store.all('assignment'), draftList(drafts, /** @type {any} */ (ctx), t('没填完的'))]);
    await paintDue(rows, assigned.map((/** @type {any} */ record) => record.fields));
    void paintIssues();
  }

  /** @param {any[]} rows of the register @param {any[]} assignments */
  async function paintDue(rows, assignments) {
    if (!rows.length) {
      const complete = await ctx.store.complete();
      head.textContent = '';
      renew(due, element('p', { class: 'empty' }, complete
        ? t('您负责的区域里没有登记户。请联系乡镇核对账号的区域。')
        : t('登记册还没有下载完。请连上网络,打开“同步”页。')));
      return;
    }
    const list = today({ households: rows, assignments, user: /** @type {{id: string}} */ (ctx.session.user), today: localDate(ctx.now()) });
    head.textContent = t('该走访的 {n} 户(我负责 {all} 户)', { n: list.due.length, all: list.mine });
    const villages = await villagesOf(ctx, rows);
    const shown = list.due.slice(0, SHOWN).map((one) => householdRow(ctx, /** @type {any} */ (one.household),
      one.never ? t('还没走访过') : one.overdue ? t('已超 {n} 天', { n: one.overdue }) : t('{day} 前', { day: one.due }), villages));
    const rest = list.due.length - shown.length;
    if (!shown.length) renew(due, element('p', { class: 'empty' }, t('没有到期的户。可以从登记册里任选一户走访。')));
    else renew(due, ...shown, ...(rest ? [element('p', { class: 'empty' }, t('还有 {n} 户,用“查登记册”找。', { n: rest }))] : []));
  }
}
