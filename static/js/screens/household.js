/** One household: who lives there, what is known with its date, visits, issues; start a visit or note that nobody was met. */
import { grouped } from '../core/code.js';
import { entriesOf, goneTo } from '../core/lives.js';
import { localDate } from '../data/ids.js';
import { allKnown, sourceOf } from './household-known.js';
import { issueRow } from './issues.js';
import { eventLine, formLinks, word } from './rows.js';
import { button, element } from './widgets/dom.js';

const KNOWN = [
  ['water_source', '饮水来源'], ['housing_level', '住房等级'], ['income_per_head', '人均纯收入(元)'], ['policies', '已享受政策'],
  ['industry', '主要产业'], ['helper_name', '帮扶责任人'], ['phone', '联系电话'],
];
const EVENTS_SHOWN = 8;
const UNDO_MS = 10_000;
const OUTCOMES = ['nobody', 'away', 'moved', 'refused', 'deceased', 'wrong_address'];

/** @param {HTMLElement} root @param {import('./context.js').Ctx} ctx @param {{id: string, form_id?: string, sheet?: string}} params */
export async function show(root, ctx, params) {
  const { t } = ctx;
  const ageOf = (/** @type {string} */ birth) => (birth ? t('{n} 岁', { n: age(birth, ctx.now()) }) : '');
  const household = await ctx.store.get('household', params.id);
  if (household?.fields.merged_into) {
    ctx.go(`#/household/${household.fields.merged_into}`);
    return;
  }
  if (!household) {
    ctx.header({ title: t('没有这一户'), back: true });
    root.replaceChildren(element('p', { class: 'empty', role: 'alert' }, t('手机上没有这一户:不在您负责的区域,或还没有同步。请联网同步后再看。')));
    return;
  }
  const { area, fields } = household;
  const { user } = ctx.session;
  ctx.header({ title: fields.head_name, back: true });
  const [members, visits, issues, place, words, forms, events] = await Promise.all([
    ctx.store.members(household.id), ctx.store.visits(household.id), ctx.store.issues(household.id),
    ctx.store.areaName(household.area), labels(ctx), formLinks(ctx, 'household', household.id), ctx.store.ofHousehold('event', household.id).then(entriesOf)]);
  const gone = goneTo(events, area);
  const start = button(t('填走访表'), () => ctx.go(`#/form?form_id=${params.form_id ?? 'visit'}&household_id=${household.id}${params.sheet ? `&sheet=${params.sheet}` : ''}`),
    { class: 'main', 'data-name': 'start' });
  const notMet = element('details', { class: 'card' }, element('summary', {}, t('没见到人')),
    ...OUTCOMES.map((outcome) => button(word(ctx, 'outcome', outcome), () => void logVisit(outcome))));
  root.replaceChildren(
    element('section', { class: 'card' },
      element('p', {}, element('span', { class: `tag ${fields.status}` }, word(ctx, 'status', fields.status)), ` ${place} ${fields.group} ${t('{n}号', { n: fields.house_no })}`,
        ...(household.pending ? [element('span', { class: 'tag pending' }, t('有未到中心的更新'))] : [])),
      ...(gone ? [element('p', { class: 'error', role: 'alert', 'data-name': 'gone' }, t('{day} 已迁往 {place},请不要在这里填表。', { day: gone.date, place: gone.place_name }))] : [start]), ...(forms.length ? [element('details', { class: 'card', 'data-name': 'forms' }, element('summary', {}, t('填其他表')), ...forms)] : []), notMet),
    element('section', { class: 'card' }, element('h2', {}, t('家庭成员')), ...members
      .filter((/** @type {any} */ one) => ['', 'active', undefined].includes(one.fields.state))
      .map((/** @type {any} */ one) => element('p', { class: 'member' }, element('b', {}, one.fields.full_name),
        ` ${words('relation', one.fields.relation)} · ${words('sex', one.fields.sex)} · ${ageOf(one.fields.birth_date)}`))),
    element('section', { class: 'card' }, element('h2', {}, t('已知情况')), element('dl', {}, ...KNOWN.filter(([name]) => fields[name]).flatMap(([name, label]) => [
      element('dt', {}, t(label)), element('dd', {}, words(name, fields[name]), ' ', element('small', {}, sourceOf(t, household, name, visits)))]))),
    allKnown(ctx, household, members, visits),
    ...(events.length ? [element('section', { class: 'card', 'data-name': 'events' }, element('h2', {}, t('身份和家庭变动')),
      ...events.slice(0, EVENTS_SHOWN).map((one) => eventLine(ctx, one)))] : []),
    element('section', { class: 'card' }, element('h2', {}, t('走访记录')), ...(visits.length ? visits.slice(0, 12).map((/** @type {any} */ one) =>
      element('p', {}, `${one.fields.date} ${word(ctx, 'outcome', one.fields.outcome)} ${one.fields.cadre_name ?? ''} ${one.fields.note ?? ''}`))
      : [element('p', { class: 'empty' }, t('还没有走访记录。'))])),
    element('section', { class: 'card' }, element('h2', {}, t('整改事项')),
      issues.length ? element('div', { class: 'rows' }, ...issues.map((/** @type {any} */ one) => issueRow(ctx, one)))
        : element('p', { class: 'empty' }, t('没有未办的问题。')),
      button(t('登记整改事项'), () => ctx.go(`#/issue?household=${household.id}`), { 'data-name': 'new-issue' })),
    element('p', { class: 'code' }, `${t('入户码')} ${grouped(fields.code ?? '')}`),
  );

  /** @param {string} outcome */
  async function logVisit(outcome) {
    const today = localDate(ctx.now());
    /** @param {Record<string, any>} values */
    const made = (values) => Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { old: null, new: value }]));
    const ops = await ctx.outbox.append([{ entity: 'visit', id: ctx.ids(), kind: 'create', area, base_rev: 0, fields: made({
      household_id: params.id, submission_id: '', form_id: '', date: today, outcome,
      cadre: user?.id ?? '', cadre_name: user?.name ?? '', note: '' }) }]);
    const key = ops.ops[0]?.op_id ?? '';
    notMet.replaceChildren(element('summary', {}, t('没见到人')), element('p', { role: 'status' }, t('已记下:{what}', { what: word(ctx, 'outcome', outcome) })),
      button(t('撤销'), async () => {
        if (await ctx.outbox.undo(key)) await ctx.reload();
        else notMet.append(element('p', { class: 'error', role: 'alert' }, t('已经送出,不能撤销')));
      }));
    // Time to take it back: an op that was offered to a server can't be undone.
    setTimeout(() => ctx.sync.soon(), UNDO_MS);
  }
}

/** Labels of codes, from the newest form that is here. @param {import('./context.js').Ctx} ctx */
async function labels(ctx) {
  /** @type {any} */
  let definition = { lists: {} };
  const page = await ctx.formstore.open('visit').catch(() => null);
  if (page) {
    const parsed = new DOMParser().parseFromString(page.html, 'text/html');
    definition = JSON.parse(parsed.querySelector('#definition')?.textContent ?? '{"lists":{}}');
  }
  const alias = /** @type {Record<string, string>} */ ({ policies: 'policy' });
  return (/** @type {string} */ name, /** @type {string} */ value) => {
    const list = definition.lists[alias[name] ?? name];
    if (!list || !value) return value ?? '';
    return value.split(' ').map((code) => {
      const found = list.find((/** @type {any} */ one) => one.name === code);
      return found?.label?.[ctx.lang] ?? found?.label?.zh ?? code;
    }).join('、');
  };
}

/** @param {string} birth @param {Date} now */
function age(birth, now) {
  const years = now.getFullYear() - Number(birth.slice(0, 4)) - (localDate(now).slice(5) < birth.slice(5) ? 1 : 0);
  return String(years);
}
