/**
 * What is known of a household and its people, value by value: since which day, who was there on that day, and, where
 * the server can be asked, whose word it is.
 */
import { dateOf } from '../core/since.js';
import { whoSaid } from '../data/said.js';
import { element } from './widgets/dom.js';

/** @typedef {import('../types.js').RuhuRecord} RuhuRecord */
/** @typedef {import('./form-types.d.ts').Definition} Definition */
/** @typedef {import('../data/said.js').Said} Said */
/** @typedef {Parameters<typeof whoSaid>[0] & {t: (zh: string, vars?: {[name: string]: string | number}) => string, lang: string, formstore: any}} Ctx */
/** @typedef {{id: string, name: string, since: string, at: HTMLElement}} Place  at: where the source of a value stands */

/** The widest form first: its words name what the others write too. */
const FORMS = ['register', 'visit'];

/**
 * "2026-10-13 · 当天走访:冉村干". The phone knows of a value only the day; of the day it knows the visit. Pure.
 * @param {Ctx['t']} t @param {RuhuRecord} record @param {string} name @param {RuhuRecord[]} visits
 */
export function sourceOf(t, record, name, visits) {
  const day = dateOf(record, name);
  if (!day) return '';
  const there = [...new Set(visits.filter(({ fields }) => fields.date === day).map(({ fields }) => String(fields.cadre_name ?? '')).filter(Boolean))];
  return there.length ? `${day} · ${t('当天走访:{who}', { who: there.join('、') })}` : day;
}

/**
 * "2026-10-13 · 冉村干登记(走访)"; the value's own day where the server knows whose word it is no better. Pure.
 * @param {Ctx['t']} t @param {string} since what `sourceOf` answers @param {Said | undefined} said
 */
export function wordOf(t, since, said) {
  if (!said?.who) return since;
  const [day, who] = [said.when.slice(0, 10), said.who];
  if (said.confirmed) return said.visit ? t('{day} · {who}确认(走访)', { day, who }) : t('{day} · {who}确认', { day, who });
  return said.visit ? t('{day} · {who}登记(走访)', { day, who }) : t('{day} · {who}登记', { day, who });
}

/**
 * Everything about the household and each of its people, made when it is unfolded.
 * @param {Ctx} ctx @param {RuhuRecord} household @param {RuhuRecord[]} members @param {RuhuRecord[]} visits
 */
export function allKnown(ctx, household, members, visits) {
  const { t } = ctx;
  const inside = element('div', {});
  const asked = element('p', { class: 'hint', role: 'status' });
  const box = element('details', { class: 'card', 'data-name': 'all-known' },
    element('summary', {}, t('全部登记内容(哪天登记、谁说的)')), asked, inside);
  box.addEventListener('toggle', async () => {
    const definition = inside.firstChild ? null : await wordsOf(ctx);
    if (!definition) return;
    /** @type {Place[]} */
    const places = [];
    const list = (/** @type {RuhuRecord} */ record, /** @type {string} */ kind) => listOf(ctx, definition, record, kind, visits, places);
    inside.replaceChildren(list(household, 'household'), ...members.map((one) => (
      element('details', {}, element('summary', {}, String(one.fields.full_name ?? '')), list(one, 'member')))));
    asked.textContent = t('正在问服务器每项是谁说的…');
    const said = await whoSaid(ctx, [household, ...members].map(({ id }) => id));
    asked.textContent = said ? '' : t('现在问不到服务器:先显示哪天登记、那天谁走访。联网后再打开这一页,能看到每项是谁说的。');
    for (const { id, name, since, at } of said ? places : []) at.textContent = wordOf(t, since, said?.[id]?.[name]);
  });
  return box;
}

/** @param {Ctx} ctx @param {Definition} definition @param {RuhuRecord} record @param {string} kind @param {RuhuRecord[]} visits @param {Place[]} places */
function listOf(ctx, definition, record, kind, visits, places) {
  const usual = definition.default_language;
  const saved = definition.entities?.find((one) => one.list === kind)?.save_to ?? {};
  const nameOf = new Map(Object.entries(saved).map(([name, path]) => [path, name]));
  const rows = definition.nodes.flatMap((node) => {
    const name = nameOf.get(node.path) ?? '';
    const value = record.fields[name];
    const label = spoken(node.label, ctx.lang, usual);
    if (!label || typeof value !== 'string' || !value) return [];
    const choices = node.list ? definition.lists[node.list] ?? [] : [];
    const words = choices.length ? value.split(' ').map((code) => spoken(choices.find((one) => one.name === code)?.label, ctx.lang, usual) || code).join('、') : value;
    const since = sourceOf(ctx.t, record, name, visits);
    const at = element('small', {}, since);
    places.push({ id: record.id, name, since, at });
    return [element('dt', {}, label), element('dd', {}, words, ' ', at)];
  });
  return element('dl', {}, ...rows);
}

/** A text without blanks to fill in; '' for one with them. @param {any} text @param {string} lang @param {string} usual */
function spoken(text, lang, usual) {
  const found = text?.[lang] ?? text?.[usual] ?? text?.zh ?? Object.values(text ?? {})[0];
  return typeof found === 'string' ? found : '';
}

/** @param {Ctx} ctx @returns {Promise<Definition | null>} */
async function wordsOf({ formstore }) {
  for (const name of FORMS) {
    const page = await formstore.open(name).catch(() => null);
    const found = page && new DOMParser().parseFromString(page.html, 'text/html').querySelector('#definition')?.textContent;
    if (found) return JSON.parse(found);
  }
  return null;
}
