/** What this phone made, newest first: how far each piece has come, found by name; a few at a time. */
import { ticksOf } from './rows.js';
import { button, element, renew } from './widgets/dom.js';

const SHOWN = 20;

/** What to do about an answer a person at the office has to look at: the content itself is safe. @type {Record<string, string>} */
const NEXT = {
  conflict: '请村里核对后选定,您不用再填。',
  held: '收到相关记录后自动处理,您不用再填。',
  quarantined: '内容已完整保存,等管理员核对,您不用再填。',
};

/** @param {import('./context.js').Ctx} ctx */
export function worksList(ctx) {
  const { t } = ctx;
  const find = /** @type {HTMLInputElement} */ (element('input', { type: 'search', class: 'search', placeholder: t('按户主姓名查找'), 'aria-label': t('查找') }));
  const list = element('div', { 'data-name': 'works' });
  const place = element('section', { class: 'card' }, element('h2', {}, t('送出的')),
    element('p', { class: 'hint' }, t('✓ 在手机里 ✓✓ 村级节点收到 ✓✓✓ 中心收到')), find, list);
  let shown = SHOWN;
  /** @type {import('../data/outbox.js').Work[]} */
  let works = [];
  /** @type {Map<string, string>} */
  const names = new Map();
  find.addEventListener('input', () => {
    shown = SHOWN;
    void paint();
  });

  /** @param {import('../data/outbox.js').Work} work */
  async function nameOf({ household }) {
    if (!household) return t('(不属于某一户)');
    if (!names.has(household)) await named(household);
    return names.get(household) ?? '';
  }

  /** Lists have the names at hand; to open a household takes as long as there is unsent work about it. @param {string} household */
  async function named(household) {
    for (const { id, head } of await ctx.store.rows()) if (!names.has(id)) names.set(id, head);
    if (!names.has(household)) names.set(household, (await ctx.store.get('household', household))?.fields.head_name ?? t('(不属于某一户)'));
  }

  async function paint() {
    const words = find.value.trim();
    /** @type {[import('../data/outbox.js').Work, string][]} */
    const found = [];
    for (const work of works) {
      if (found.length > shown) break;
      const name = await nameOf(work);
      if (name.includes(words)) found.push([work, name]);
    }
    find.hidden = works.length <= SHOWN;
    const more = found.length > shown ? [button(t('再看一些'), () => { shown += SHOWN * 2; void paint(); })] : [];
    if (found.length) renew(list, ...found.slice(0, shown).map(([work, name]) => line(work, name)), ...more);
    else renew(list, element('p', { class: 'empty' }, works.length ? t('没有找到。') : t('还没有送出的走访。')));
  }

  /** @param {import('../data/outbox.js').Work} work @param {string} name */
  function line({ state, made, attention, message }, name) {
    return element('p', { class: 'work', 'data-state': state }, element('b', {}, name), ` ${made.slice(5, 16).replace('T', ' ')} `,
      element('span', { class: 'ticks' }, ticksOf(ctx, state)),
      ...(attention ? [element('small', { class: 'error' }, ` ${message || t('待办公室处理')} ${t(NEXT[attention] ?? '')}`)] : []));
  }

  return {
    place,
    async refresh() {
      works = await ctx.outbox.works();
      await paint();
    },
  };
}
