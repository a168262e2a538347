/** Issues on this phone: those I answer for, the nearest deadline first, and the others of the place. Offline like the rest. */
import { lateness, sorted } from '../core/issues.js';
import { daysBetween } from '../core/today.js';
import { localDate } from '../data/ids.js';
import { issueWord } from './issue-words.js';
import { element, renew } from './widgets/dom.js';

const SHOWN = 100;

/** @param {HTMLElement} root @param {import('./context.js').Ctx} ctx */
export async function show(root, ctx) {
  const { t } = ctx;
  ctx.header({ title: t('整改事项'), back: '#/today' });
  const place = element('div', {});
  root.replaceChildren(place);
  await paint();
  return ctx.store.subscribe(() => void paint());

  async function paint() {
    const { mine, others } = sorted(await ctx.store.all('issue'), me(ctx));
    const rest = element('details', { class: 'card', hidden: !others.length },
      element('summary', {}, t('村里其他人负责的 {n} 件', { n: others.length })), element('div', { class: 'rows' }, ...await rows(others)));
    renew(place, element('h2', {}, t('我负责的 {n} 件', { n: mine.length })),
      mine.length ? element('div', { class: 'rows', 'data-name': 'mine' }, ...await rows(mine))
        : element('p', { class: 'empty' }, t('没有要您整改的事项。在户页可以登记新的。')), rest);
  }

  /** @param {import('../types.js').RuhuRecord[]} issues */
  function rows(issues) {
    return Promise.all(issues.slice(0, SHOWN).map(async (one) =>
      issueRow(ctx, one, (await ctx.store.get('household', one.fields.household_id))?.fields.head_name ?? '')));
  }
}

/** @param {import('./context.js').Ctx} ctx */
export const me = (ctx) => /** @type {{id: string, name: string}} */ (ctx.session.user ?? { id: '', name: '' });

/** @param {import('./context.js').Ctx} ctx @param {import('../types.js').RuhuRecord} issue @param {string} [head] */
export function issueRow(ctx, { id, fields, pending }, head = '') {
  return element('a', { class: 'row', href: `#/issue/${id}`, 'data-issue': id },
    element('b', {}, head ? `${head} · ${issueWord(ctx, 'kind', fields.problem_kind)}` : issueWord(ctx, 'kind', fields.problem_kind)),
    dayTag(ctx, fields), element('small', {}, `${fields.description ?? ''}${pending ? ` · ${ctx.t('有未到中心的更新')}` : ''}`));
}

/** Where it stands against its deadline, in words. @param {import('./context.js').Ctx} ctx @param {{[name: string]: string}} fields */
export function dayTag(ctx, fields) {
  const { t } = ctx;
  const day = localDate(ctx.now());
  if (['submitted', 'closed'].includes(fields.state)) return element('span', { class: 'tag exited' }, issueWord(ctx, 'state', fields.state));
  const late = lateness(fields, day);
  if (late === 'overdue') return element('span', { class: 'tag monitored' }, t('逾期 {n} 天', { n: daysBetween(fields.deadline, day) }));
  if (late === 'soon') {
    const left = daysBetween(day, fields.deadline);
    return element('span', { class: 'tag monitored' }, left ? t('还有 {n} 天到期', { n: left }) : t('今天到期'));
  }
  return element('span', { class: 'tag' }, fields.deadline ? t('{day} 前', { day: fields.deadline }) : issueWord(ctx, 'state', fields.state));
}
