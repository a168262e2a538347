/** A household as one row of a list. */
import { button, element } from './widgets/dom.js';

/** @param {import('./context.js').Ctx} ctx @param {string} list @param {string} value */
export const word = (ctx, list, value) => {
  /** @type {Record<string, Record<string, string>>} */
  const words = {
    status: { poor: '未脱贫户', exited: '脱贫户', monitored: '监测户', ordinary: '一般农户' },
    outcome: { met: '见到', nobody: '无人在家', away: '举家外出务工', moved: '已搬走', refused: '拒访', deceased: '已去世', wrong_address: '地址有误' },
    event: { identified: '识别纳入', exited: '脱贫', returned: '返贫', monitored: '纳入监测', risk_removed: '风险消除', joined: '成员增加',
      left: '成员减少', split_off: '分户(分出)', split_from: '分户(新立)', moved_out: '整户迁出', moved_in: '整户迁入' },
    reason: { born: '新生儿', married_in: '嫁入', moved_in: '其他转入', dead: '死亡', married_out: '嫁出', moved_out: '其他转出', abroad: '出国定居', prison: '判刑收监' },
  };
  return ctx.t(words[list]?.[value] ?? value);
};

/**
 * Names of the villages on this phone, by code, where there are several: then "一组 1号" alone could be any of them.
 * @param {import('./context.js').Ctx} ctx @param {{area: string}[]} rows all of the register @returns {Promise<Map<string, string>>}
 */
export async function villagesOf(ctx, rows) {
  const first = rows[0]?.area;
  if (rows.every(({ area }) => area === first)) return new Map();
  const areas = [...new Set(rows.map(({ area }) => area))];
  return new Map(await Promise.all(areas.map(async (area) => /** @type {[string, string]} */ ([area, await ctx.store.areaName(area)]))));
}

/**
 * @param {import('./context.js').Ctx} ctx @param {import('../core/search-row.js').Row} row @param {string} [note]
 * @param {Map<string, string>} [villages] see `villagesOf`
 */
export function householdRow(ctx, row, note = '', villages = new Map()) {
  const place = [villages.get(row.area), row.group, ctx.t('{n}号', { n: row.house_no })].filter(Boolean).join(' ');
  return element('a', { class: 'row', href: `#/household/${row.id}`, 'data-id': row.id },
    element('b', {}, row.head || ctx.t('(无户主)')), element('span', { class: `tag ${row.status}` }, word(ctx, 'status', row.status)),
    element('small', {}, `${place} · ${row.names.length} ${ctx.t('人')}${note ? ` · ${note}` : ''}`));
}

/** One dated entry in the life of a household. @param {import('./context.js').Ctx} ctx @param {import('../core/lives.js').Entry} one */
export const eventLine = (ctx, one) => element('p', {}, `${one.date} `, element('b', {}, word(ctx, 'event', one.what)),
  ` ${[one.member_name, word(ctx, 'reason', one.reason ?? ''), one.place_name, one.other_name].filter(Boolean).join(' · ')} ${one.note ?? ''}`);

/** Ticks of a sync state, in words too. @param {import('./context.js').Ctx} ctx @param {string} state */
export const ticksOf = (ctx, state) => ({
  queued: `✓ ${ctx.t('在手机里')}`, sent: `✓✓ ${ctx.t('村级节点已收到')}`, confirmed: `✓✓✓ ${ctx.t('中心已收到')}`,
})[state] ?? state;

/**
 * Buttons to the published forms about a household or a village, the visit left out: it has its own.
 * @param {import('./context.js').Ctx} ctx @param {string} about @param {string} householdId
 */
export async function formLinks(ctx, about, householdId) {
  const forms = await ctx.formstore.list();
  // A form about neither can be filled for a household or on its own.
  return forms.filter((form) => [about, ''].includes(form.about ?? 'household') && form.form_id !== 'visit').map((form) => {
    const title = form.title?.[ctx.lang] ?? Object.values(form.title ?? {})[0] ?? form.form_id;
    return button(String(title), () => ctx.go(`#/form?form_id=${form.form_id}${householdId ? `&household_id=${householdId}` : ''}`), { 'data-form': form.form_id });
  });
}
